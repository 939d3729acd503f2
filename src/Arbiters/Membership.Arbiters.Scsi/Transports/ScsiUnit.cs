// A logical unit one can talk to: reconnects when needed, gives every command its deadline, and repeats what the unit
// did not even begin (unit attention, busy). What is left is good, a reservation conflict, or an exception.
using Membership.Arbiters.Scsi.Commands;
using Membership.Arbiters.Scsi.Record;
using Membership.Engine;
using Membership.Engine.Arbitration;
using Membership.Engine.Runtime;

namespace Membership.Arbiters.Scsi.Transports;

/// <summary>When a piece of work must be over, by the clock and by its caller.</summary>
internal readonly record struct Deadline(MonotonicTime End, CancellationToken Token)
{
    public TimeSpan Left => Token.IsCancellationRequested ? TimeSpan.Zero : End - MonotonicClock.System.Now;

    /// <exception cref="OperationCanceledException">The time is up.</exception>
    public void ThrowIfOver()
    {
        if (Left <= TimeSpan.Zero) throw new OperationCanceledException(Token);
    }

    /// <summary>Waits; ends early when the deadline comes.</summary>
    public void Wait(TimeSpan time)
    {
        TimeSpan left = Left;
        ThrowIfOver();
        Token.WaitHandle.WaitOne(time < left ? time : left);
        ThrowIfOver();
    }
}

internal sealed class ScsiUnit(IScsiTransport transport, TimeSpan commandTimeout) : IDisposable
{
    private const int MaxTransferBytes = 64 * 1024;
    private const int MaxRepeats = 8;
    private static readonly TimeSpan BusyPause = TimeSpan.FromMilliseconds(20);
    private UnitCapacity? _capacity;

    /// <summary>The unit that the options name, as one node sees it.</summary>
    public static ScsiUnit For(ScsiReservationOptions options, ArbiterIdentity identity) => new(TransportFor(options, identity), options.CommandTimeout);

    public string Description => transport.Description;

    public bool IsConnected => transport.IsConnected;

    /// <summary>Which connection this is, counted from 1: in a later one the target may know nothing of this node, or still serve the one before.</summary>
    public int Session { get; private set; }

    public void Connect(Deadline deadline)
    {
        if (transport.IsConnected) return;
        deadline.ThrowIfOver();
        transport.Connect(Within(deadline));
        Session++;
    }

    /// <summary>Runs a command; good and reservation conflict are answers, and so is "unsupported".</summary>
    public ScsiReply Run(in ScsiCommand command, Deadline deadline)
    {
        for (int i = 0; ; i++)
        {
            Connect(deadline);
            deadline.ThrowIfOver();
            ScsiReply reply = transport.Execute(command, Within(deadline));
            if (reply.IsGood || reply.IsConflict || reply.Sense.IsUnsupported) return reply;
            if (!reply.IsTransient || i == MaxRepeats) throw Refused(command, reply);
            if (reply.Status != ScsiStatus.CheckCondition) deadline.Wait(BusyPause);
        }
    }

    /// <summary>A command that has no excuse.</summary>
    public ScsiReply Require(in ScsiCommand command, Deadline deadline)
    {
        ScsiReply reply = Run(command, deadline);
        return reply.IsGood ? reply : throw Refused(command, reply);
    }

    /// <returns>Null on a reservation conflict: a classic reservation keeps even this from others.</returns>
    public UnitCapacity? TryCapacity(Deadline deadline)
    {
        if (_capacity is not null) return _capacity;
        ScsiReply reply = Run(ScsiCommand.ReadCapacity10(), deadline);
        UnitCapacity? capacity = UnitCapacity.Parse10(reply.Data);
        if (capacity is { Blocks: 1L << 32 })
        {
            reply = Run(ScsiCommand.ReadCapacity16(), deadline);
            capacity = UnitCapacity.Parse16(reply.Data);
        }
        if (reply.IsConflict) return null;
        return _capacity = capacity ?? throw new ScsiException($"{Description} tells no capacity ({reply}).");
    }

    /// <returns>Null on a reservation conflict.</returns>
    public byte[]? TryRead(long block, int count, Deadline deadline)
    {
        if (TryCapacity(deadline) is not { BlockSize: var size }) return null;
        int atOnce = MaxTransferBytes / size;
        var all = new byte[count * size];
        for (int done = 0; done < count; done += atOnce)
        {
            int now = Math.Min(atOnce, count - done);
            ScsiCommand command = ScsiCommand.Read(block + done, now, size);
            ScsiReply reply = Run(command, deadline);
            if (reply.IsConflict) return null;
            if (!reply.IsGood) throw Refused(command, reply);
            if (reply.Data.Length != now * size) throw new ScsiException($"{Description} sent {reply.Data.Length} bytes where {now * size} were read.");
            reply.Data.CopyTo(all, done * size);
        }
        return all;
    }

    /// <returns>False on a reservation conflict: not all of it was written.</returns>
    public bool TryWrite(long block, byte[] data, Deadline deadline)
    {
        if (TryCapacity(deadline) is not { BlockSize: var size }) return false;
        int atOnce = MaxTransferBytes / size * size;
        for (int done = 0; done < data.Length; done += atOnce)
        {
            ScsiCommand command = ScsiCommand.Write(block + done / size, data[done..Math.Min(done + atOnce, data.Length)], size);
            ScsiReply reply = Run(command, deadline);
            if (reply.IsConflict) return false;
            if (!reply.IsGood) throw Refused(command, reply);
        }
        return true;
    }

    /// <summary>What was written is on the medium when this returns. A unit without a cache does not know the command.</summary>
    public void Flush(Deadline deadline)
    {
        ScsiReply reply = Run(ScsiCommand.SynchronizeCache(), deadline);
        if (!reply.IsGood && !reply.Sense.IsUnsupported) throw Refused(ScsiCommand.SynchronizeCache(), reply);
    }

    public void Reset(Deadline deadline)
    {
        Connect(deadline);
        transport.ResetUnit(Within(deadline));
    }

    public void Dispose() => transport.Dispose();

    public ScsiException Refused(in ScsiCommand command, ScsiReply reply) => new($"{Description} refused {command.Name}: {reply}.");

    private static IScsiTransport TransportFor(ScsiReservationOptions options, ArbiterIdentity identity)
    {
        if (options.Device is { } device) return OperatingSystem.IsWindows() ? new WindowsDiskTransport(device) : new LinuxBlockTransport(device);
        // One nexus per node, whatever its life: a new life's login ends the old one's session, and LIO lets no second session of an initiator preempt the first.
        byte[] hash = WitnessLayout.HashOf($"{identity.ClusterId}\n{identity.Node}{options.Visitor}");
        string portal = options.Portal!;
        if (!portal.Contains(':', StringComparison.Ordinal) || portal.EndsWith(']')) portal += ":3260";
        return new LibIscsiTransport(new IscsiAddress(
            portal, options.Target!, options.Lun,
            options.InitiatorName ?? $"iqn.2026-11.org.regroup:{Clean(identity.ClusterId)}.{identity.Node}",
            ((uint)(hash[0] << 16 | hash[1] << 8 | hash[2]), (ushort)(hash[3] << 8 | hash[4])),
            options.ChapUser, options.ChapPassword, options.MutualChapUser, options.MutualChapPassword));
    }

    private static string Clean(string name) => new([.. name.Select(static letter => char.IsAsciiLetterOrDigit(letter) ? char.ToLowerInvariant(letter) : '-').Take(100)]);

    private TimeSpan Within(Deadline deadline)
    {
        TimeSpan left = deadline.Left;
        return left < commandTimeout ? (left > TimeSpan.FromMilliseconds(1) ? left : TimeSpan.FromMilliseconds(1)) : commandTimeout;
    }
}
