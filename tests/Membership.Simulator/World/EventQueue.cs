// The order of everything: a binary heap keyed by (time, sequence). The bulky part of an event lives in a
// pooled slot, so that pushing and popping allocate nothing once the pool has grown.
using Membership.Engine.Protocol;

namespace Membership.Simulator.World;

internal enum EventKind : byte
{
    /// <summary>A message arrives at a node (Node, Path, Header, Payload = body, or the whole message as bytes).</summary>
    Message,

    /// <summary>A process' timer (Process, Id = the time it was armed for).</summary>
    Wake,

    /// <summary>A write ended at the disk (Process, Id, Payload = the state).</summary>
    PersistDone,

    /// <summary>A host callback returned (Process, Id).</summary>
    CallbackDone,

    /// <summary>A tripwire closed (Process = who notices, Node = the peer's number, Id = its incarnation).</summary>
    Tripwire,

    /// <summary>A refused port was seen (Process, Node, Id as above).</summary>
    Evidence,

    /// <summary>Anything else (Payload = Action); with a Process it runs inside that process and is frozen with it.</summary>
    Action,
}

internal struct SimEvent
{
    public EventKind Kind;
    public int Node;
    public int Path;
    public long Id;
    public SimProcess? Process;
    public object? Payload;
    public MessageHeader Header;
}

internal sealed class EventQueue
{
    private (long Time, long Sequence, int Slot)[] _heap = new (long, long, int)[1024];
    private SimEvent[] _slots = new SimEvent[1024];
    private int[] _free = new int[1024];
    private int _freeCount;
    private int _used;
    private long _sequence;

    public int Count { get; private set; }

    public long NextTime => Count == 0 ? long.MaxValue : _heap[0].Time;

    /// <summary>Adds an event and returns its slot to be filled in.</summary>
    public ref SimEvent Push(long time)
    {
        int slot;
        if (_freeCount > 0)
        {
            slot = _free[--_freeCount];
        }
        else
        {
            slot = _used++;
            if (slot == _slots.Length)
            {
                Array.Resize(ref _slots, slot * 2);
                Array.Resize(ref _free, slot * 2);
            }
        }
        if (Count == _heap.Length) Array.Resize(ref _heap, Count * 2);
        (long Time, long Sequence, int Slot) entry = (time, _sequence++, slot);
        int hole = Count++;
        while (hole > 0)
        {
            int parent = (hole - 1) >> 1;
            if (!Before(entry, _heap[parent])) break;
            _heap[hole] = _heap[parent];
            hole = parent;
        }
        _heap[hole] = entry;
        return ref _slots[slot];
    }

    /// <summary>Takes the earliest event out; false when there is none.</summary>
    public bool TryPop(out long time, out SimEvent next)
    {
        if (Count == 0)
        {
            time = long.MaxValue;
            next = default;
            return false;
        }
        (long Time, long Sequence, int Slot) top = _heap[0];
        (long Time, long Sequence, int Slot) last = _heap[--Count];
        int hole = 0;
        while (true)
        {
            int child = 2 * hole + 1;
            if (child >= Count) break;
            if (child + 1 < Count && Before(_heap[child + 1], _heap[child])) child++;
            if (!Before(_heap[child], last)) break;
            _heap[hole] = _heap[child];
            hole = child;
        }
        _heap[hole] = last;
        time = top.Time;
        ref SimEvent slot = ref _slots[top.Slot];
        next = slot;
        slot.Payload = null;
        slot.Process = null;
        _free[_freeCount++] = top.Slot;
        return true;
    }

    private static bool Before(in (long Time, long Sequence, int Slot) left, in (long Time, long Sequence, int Slot) right)
        => left.Time < right.Time || (left.Time == right.Time && left.Sequence < right.Sequence);
}
