// Received messages on their way to the loop: a bounded ring filled by the transport's threads. What does not fit is
// dropped and counted, like any datagram the network loses.
using Membership.Engine.Protocol;

namespace Membership.Engine.Runtime;

/// <summary>A bounded ring of messages. Any thread adds; one thread takes. Allocates nothing after its construction.</summary>
internal sealed class MessageRing(int capacity)
{
    private readonly Lock _gate = new();
    private readonly Entry[] _entries = new Entry[capacity];
    private int _head;
    private int _count;
    private long _overflows;

    /// <summary>Messages dropped because the loop was behind.</summary>
    public long Overflows => Interlocked.Read(ref _overflows);

    public bool IsEmpty => Volatile.Read(ref _count) == 0;

    public bool TryAdd(in MessageHeader header, int path, MessageBody? body)
    {
        lock (_gate)
        {
            if (_count < _entries.Length)
            {
                ref Entry entry = ref _entries[(_head + _count) % _entries.Length];
                entry.Header = header;
                entry.Path = path;
                entry.Body = body;
                _count++;
                return true;
            }
        }
        Interlocked.Increment(ref _overflows);
        return false;
    }

    public bool TryTake(out MessageHeader header, out int path, out MessageBody? body)
    {
        lock (_gate)
        {
            if (_count == 0)
            {
                header = default;
                path = 0;
                body = null;
                return false;
            }
            ref Entry entry = ref _entries[_head];
            header = entry.Header;
            path = entry.Path;
            body = entry.Body;
            entry.Body = null;
            _head = (_head + 1) % _entries.Length;
            _count--;
            return true;
        }
    }

    private struct Entry
    {
        public MessageHeader Header;
        public int Path;
        public MessageBody? Body;
    }
}
