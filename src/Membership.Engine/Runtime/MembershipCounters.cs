// A snapshot of what a node has counted since it started.
using Membership.Engine.Protocol;
using Membership.Engine.Wire;

namespace Membership.Engine.Runtime;

/// <summary>Counters of a node at one moment; each only grows while the node runs.</summary>
public sealed record MembershipCounters
{
    /// <summary>Datagrams received, good or bad.</summary>
    public long DatagramsReceived { get; init; }

    /// <summary>Datagrams handed to the network.</summary>
    public long DatagramsSent { get; init; }

    /// <summary>Bytes received.</summary>
    public long BytesReceived { get; init; }

    /// <summary>Bytes sent.</summary>
    public long BytesSent { get; init; }

    /// <summary>Datagrams the operating system refused to send.</summary>
    public long SendFailures { get; init; }

    /// <summary>Plain heartbeats sent: messages that carry nothing else.</summary>
    public long HeartbeatsSent { get; init; }

    /// <summary>Plain heartbeats received.</summary>
    public long HeartbeatsReceived { get; init; }

    /// <summary>How often a member had to be asked again, because an answer or a heartbeat of it was due.</summary>
    public long HeartbeatsMissed { get; init; }

    /// <summary>Change notifications delivered to the handlers' queues or dropped there; see <see cref="NotificationsLost"/>.</summary>
    public long Notifications { get; init; }

    /// <summary>Change notifications that full queues of handlers could not hold; each of those handlers was told.</summary>
    public long NotificationsLost { get; init; }

    /// <summary>Messages that reached the protocol.</summary>
    public long MessagesDelivered { get; init; }

    /// <summary>Messages dropped because the node's loop was behind.</summary>
    public long QueueOverflows { get; init; }

    /// <summary>Datagrams dropped before they reached the protocol, by reason; only reasons that occurred.</summary>
    public IReadOnlyDictionary<DatagramDropReason, long> DatagramsDropped { get; init; } = new Dictionary<DatagramDropReason, long>();

    /// <summary>Authentic messages that the protocol did not act on, by reason; only reasons that occurred.</summary>
    public IReadOnlyDictionary<string, long> MessagesDropped { get; init; } = new Dictionary<string, long>();

    /// <summary>Regroups, by what this node took as their cause; only causes that occurred.</summary>
    public IReadOnlyDictionary<string, long> Regroups { get; init; } = new Dictionary<string, long>();

    /// <summary>Views installed.</summary>
    public long ViewsInstalled { get; init; }

    /// <summary>Writes of the view store.</summary>
    public long StoreWrites { get; init; }

    /// <summary>Callbacks that took longer than 2 s.</summary>
    public long SlowCallbacks { get; init; }

    /// <summary>Callbacks that threw.</summary>
    public long FailedCallbacks { get; init; }

    /// <summary>The latest that the loop ever was for a deadline of the protocol.</summary>
    public TimeSpan LatestWakeup { get; init; }

    /// <summary>Bytes that the loop's thread has allocated; stands still while nothing happens.</summary>
    public long LoopAllocatedBytes { get; init; }
}

/// <summary>What the loop counts itself. Written by the loop, read by any thread.</summary>
internal sealed class LoopCounters
{
    private readonly long[] _dropped = new long[Enum.GetValues<DropReason>().Length];
    private readonly long[] _regroups = new long[Enum.GetValues<RegroupCause>().Length];
    private long _installed;
    private long _writes;
    private long _missed;

    public long Installed => Interlocked.Read(ref _installed);

    public long Writes => Interlocked.Read(ref _writes);

    public void CountDropped(DropReason reason) => Interlocked.Increment(ref _dropped[(int)reason]);

    public void CountRegroup(RegroupCause cause) => Interlocked.Increment(ref _regroups[(int)cause]);

    public void CountInstalled() => Interlocked.Increment(ref _installed);

    public long Missed => Interlocked.Read(ref _missed);

    public void CountMissed() => Interlocked.Increment(ref _missed);

    public void CountWrite() => Interlocked.Increment(ref _writes);

    public IReadOnlyDictionary<string, long> Dropped => NonZero<DropReason>(_dropped);

    public IReadOnlyDictionary<string, long> Regroups => NonZero<RegroupCause>(_regroups);

    private static Dictionary<string, long> NonZero<TReason>(long[] counts)
        where TReason : struct, Enum
    {
        var counted = new Dictionary<string, long>();
        foreach (TReason reason in Enum.GetValues<TReason>())
        {
            long count = Interlocked.Read(ref counts[Convert.ToInt32(reason, System.Globalization.CultureInfo.InvariantCulture)]);
            if (count != 0) counted[reason.ToString()] = count;
        }
        return counted;
    }
}
