// What came in, what went out, what was dropped and why. Written by any thread without locks.
namespace Membership.Engine.Wire;

/// <summary>Counters of datagrams. Safe from any thread; each counter only grows.</summary>
internal sealed class DatagramCounters
{
    private static readonly int ReasonCount = Enum.GetValues<DatagramDropReason>().Length;
    private readonly long[] _dropped = new long[ReasonCount];
    private long _received;
    private long _delivered;
    private long _sent;
    private long _bytesReceived;
    private long _bytesSent;
    private long _sendFailures;
    private long _receiveErrors;

    /// <summary>Datagrams taken from the sockets, good or bad.</summary>
    public long Received => Interlocked.Read(ref _received);

    /// <summary>Messages handed on.</summary>
    public long Delivered => Interlocked.Read(ref _delivered);

    /// <summary>Datagrams the sockets accepted.</summary>
    public long Sent => Interlocked.Read(ref _sent);

    public long BytesReceived => Interlocked.Read(ref _bytesReceived);

    public long BytesSent => Interlocked.Read(ref _bytesSent);

    /// <summary>Datagrams the sockets refused: no route, a firewall's refusal, full buffers, no address.</summary>
    public long SendFailures => Interlocked.Read(ref _sendFailures);

    /// <summary>Errors a socket reported on receiving, ICMP ones included.</summary>
    public long ReceiveErrors => Interlocked.Read(ref _receiveErrors);

    public long TotalDropped
    {
        get
        {
            long sum = 0;
            for (int i = 1; i < _dropped.Length; i++) sum += Interlocked.Read(ref _dropped[i]);
            return sum;
        }
    }

    public long Dropped(DatagramDropReason reason) => Interlocked.Read(ref _dropped[(int)reason]);

    public void CountDropped(DatagramDropReason reason) => Interlocked.Increment(ref _dropped[(int)reason]);

    public void CountReceived(int bytes)
    {
        Interlocked.Increment(ref _received);
        Interlocked.Add(ref _bytesReceived, bytes);
    }

    public void CountDelivered() => Interlocked.Increment(ref _delivered);

    public void CountSent(int bytes)
    {
        Interlocked.Increment(ref _sent);
        Interlocked.Add(ref _bytesSent, bytes);
    }

    public void CountSendFailure() => Interlocked.Increment(ref _sendFailures);

    public void CountReceiveError() => Interlocked.Increment(ref _receiveErrors);
}
