// An iSCSI session of this process' own, through libiscsi's asynchronous calls and our own poll loop, so that every
// call has a deadline in milliseconds. The initiator name and the ISID are constant: logging in again makes a target that
// follows RFC 7143 end the old session and its commands first. tgtd does not; there the reservation shuts them out.
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Membership.Arbiters.Scsi.Commands;
using Membership.Engine;
using Membership.Engine.Runtime;

namespace Membership.Arbiters.Scsi.Transports;

/// <summary>Where and who, for <see cref="LibIscsiTransport"/>.</summary>
/// <param name="Portal">host:port of the target.</param>
/// <param name="Target">Target IQN.</param>
/// <param name="Lun">Logical unit number.</param>
/// <param name="Initiator">This node's IQN; the same at every start.</param>
/// <param name="SessionId">What the ISID is made of: 24 bits and 16 bits.</param>
/// <param name="User">CHAP user, or null.</param>
/// <param name="Password">CHAP secret, or null.</param>
/// <param name="TargetUser">Mutual CHAP user, or null.</param>
/// <param name="TargetPassword">Mutual CHAP secret, or null.</param>
internal sealed record IscsiAddress(
    string Portal, string Target, int Lun, string Initiator, (uint Random, ushort Qualifier) SessionId,
    string? User = null, string? Password = null, string? TargetUser = null, string? TargetPassword = null)
{
    /// <summary>The way to the unit, without the secrets.</summary>
    public override string ToString() => $"LUN {Lun} of {Target} at {Portal}";
}

internal sealed unsafe class LibIscsiTransport(IscsiAddress address) : IScsiTransport
{
    private static readonly TimeSpan ProbeTime = TimeSpan.FromMilliseconds(500);

    private readonly MonotonicClock _clock = MonotonicClock.System;
    private nint _context;
    private bool _loggedIn;

    public string Description => address.ToString();

    public bool IsConnected => _loggedIn;

    public void Connect(TimeSpan limit)
    {
        Drop();
        try
        {
            _context = LibIscsi.CreateContext(address.Initiator);
        }
        catch (DllNotFoundException)
        {
            throw new ScsiException("libiscsi.so.7 is not on this machine: install it (Debian, Ubuntu: apt-get install libiscsi7), or reach the LUN as a block device.");
        }
        if (_context == 0) throw new ScsiException($"libiscsi does not take the initiator name '{address.Initiator}': use an IQN such as iqn.2026-11.example:node1.");
        LibIscsi.SetNoAutoReconnect(_context, 1);
        Check(LibIscsi.SetTargetName(_context, address.Target), "set the target name");
        Check(LibIscsi.SetSessionType(_context, LibIscsi.NormalSession), "set the session type");
        Check(LibIscsi.SetHeaderDigest(_context, LibIscsi.DigestNoneOrCrc32C), "set the header digest");
        Check(LibIscsi.SetIsidRandom(_context, address.SessionId.Random, address.SessionId.Qualifier), "set the ISID");
        if (address.User is not null) Check(LibIscsi.SetInitiatorCredentials(_context, address.User, address.Password ?? ""), "set the CHAP user");
        if (address.TargetUser is not null) Check(LibIscsi.SetTargetCredentials(_context, address.TargetUser, address.TargetPassword ?? ""), "set the mutual CHAP user");

        var state = new Waiting();
        GCHandle handle = GCHandle.Alloc(state);
        try
        {
            if (LibIscsi.FullConnect(_context, address.Portal, -1, &Completed, GCHandle.ToIntPtr(handle)) != 0) throw NotConnected() ?? Failed("connect");
            Pump(state, limit, $"{Description} did not let this node log in");
            if (state.Status != 0) throw NotConnected() ?? Failed("log in");
            _loggedIn = true;
        }
        finally
        {
            // The context holds on to the handle until it is destroyed.
            if (!_loggedIn) Drop();
            handle.Free();
        }
    }

    public ScsiReply Execute(in ScsiCommand command, TimeSpan limit)
    {
        if (!_loggedIn) throw new ScsiException($"There is no session with {Description}.");
        var state = new Waiting();
        GCHandle handle = GCHandle.Alloc(state);
        nint output = command.DataOut.Length == 0 ? 0 : Marshal.AllocHGlobal(command.DataOut.Length);
        nint task = 0;
        try
        {
            command.DataOut.CopyTo(new Span<byte>((void*)output, command.DataOut.Length));
            int direction = command.DataOut.Length > 0 ? LibIscsi.TransferWrite : command.DataInLength > 0 ? LibIscsi.TransferRead : LibIscsi.TransferNone;
            fixed (byte* cdb = command.Cdb)
                task = LibIscsi.CreateTask(command.Cdb.Length, cdb, direction, Math.Max(command.DataOut.Length, command.DataInLength));
            if (task == 0) throw new ScsiException("libiscsi is out of memory.");
            var data = new LibIscsi.IscsiData { Size = (nuint)command.DataOut.Length, Data = (byte*)output };
            if (LibIscsi.Command(_context, address.Lun, task, &Completed, output == 0 ? null : &data, GCHandle.ToIntPtr(handle)) != 0) throw Failed($"send {command.Name}");
            Pump(state, limit, $"{Description} did not answer {command.Name}");
            return Read(state.Status, task, command.Name);
        }
        catch (ScsiException)
        {
            Drop();
            throw;
        }
        finally
        {
            if (task != 0) LibIscsi.FreeTask(task);
            if (output != 0) Marshal.FreeHGlobal(output);
            handle.Free();
        }
    }

    public void ResetUnit(TimeSpan limit)
    {
        if (!_loggedIn) throw new ScsiException($"There is no session with {Description}.");
        var state = new Waiting { WantsResponse = true };
        GCHandle handle = GCHandle.Alloc(state);
        try
        {
            if (LibIscsi.LunReset(_context, (uint)address.Lun, &Completed, GCHandle.ToIntPtr(handle)) != 0) throw Failed("send LOGICAL UNIT RESET");
            Pump(state, limit, $"{Description} did not answer LOGICAL UNIT RESET");
            if (state.Status != 0 || state.Response != 0) throw new ScsiException($"{Description} refused LOGICAL UNIT RESET (response {state.Response}).");
        }
        catch (ScsiException)
        {
            Drop();
            throw;
        }
        finally
        {
            handle.Free();
        }
    }

    public void Drop()
    {
        _loggedIn = false;
        if (_context == 0) return;
        nint context = _context;
        _context = 0;
        LibIscsi.DestroyContext(context);
    }

    public void Dispose() => Drop();

    private ScsiReply Read(int status, nint task, string name)
    {
        if (status is < 0 or > byte.MaxValue) throw new ScsiException($"{Description}: {name} was not carried out ({LibIscsi.ErrorOf(_context)}).");
        int size = *(int*)(task + LibIscsi.TaskDataSize);
        byte* data = *(byte**)(task + LibIscsi.TaskData);
        ReadOnlySpan<byte> bytes = data is null || size <= 0 ? default : new ReadOnlySpan<byte>(data, size);
        // With a check condition the data is the sense, behind its length.
        return status == (int)ScsiStatus.CheckCondition
            ? new ScsiReply(ScsiStatus.CheckCondition, [], SenseData.Parse(bytes.Length > 2 ? bytes[2..] : default))
            : new ScsiReply((ScsiStatus)status, bytes.ToArray(), default);
    }

    /// <summary>Serves the connection until the callback has come. On any trouble the connection is dropped, which calls back what is outstanding.</summary>
    private void Pump(Waiting state, TimeSpan limit, string trouble)
    {
        MonotonicTime end = _clock.Now + limit;
        while (!state.Done)
        {
            TimeSpan left = end - _clock.Now;
            if (left <= TimeSpan.Zero)
            {
                Drop();
                throw new ScsiTimeoutException($"{trouble} within {limit.TotalSeconds:0.###} s.");
            }
            int descriptor = LibIscsi.FileDescriptor(_context);
            if (descriptor < 0) throw Failed("keep the connection");
            var poll = new LibIscsi.PollDescriptor { Descriptor = descriptor, Events = (short)LibIscsi.WhichEvents(_context) };
            int ready = LibIscsi.Poll(&poll, 1, (int)Math.Clamp(Math.Ceiling(left.TotalMilliseconds), 1, 1000));
            if (ready < 0) continue; // Interrupted: the deadline is looked at again.
            if (LibIscsi.Service(_context, ready == 0 ? 0 : poll.Returned) != 0 && !state.Done) throw Failed("keep the connection");
        }
    }

    /// <summary>libiscsi says little about a connection that did not come about; asking again does. Null when the portal takes connections.</summary>
    private ScsiException? NotConnected()
    {
        int colon = address.Portal.LastIndexOf(':');
        string host = address.Portal[..colon].Trim('[', ']');
        if (!ushort.TryParse(address.Portal.AsSpan(colon + 1), out ushort port)) return new ScsiException($"{Description}: '{address.Portal}' is no portal; write host:port.");
        try
        {
            using var probe = new Socket(SocketType.Stream, ProtocolType.Tcp);
            return probe.ConnectAsync(host, port).Wait(ProbeTime) ? null : new ScsiException($"{Description}: the portal takes no connections. Check its address, and the network to it.");
        }
        catch (AggregateException failure) when (failure.InnerException is SocketException reason)
        {
            return new ScsiException($"{Description}: could not connect: {reason.Message}. Check the portal's address, and that the target listens there.");
        }
    }

    private void Check(int result, string what)
    {
        if (result != 0) throw Failed(what);
    }

    private ScsiException Failed(string what)
    {
        string reason = LibIscsi.ErrorOf(_context);
        Drop();
        return new ScsiException($"{Description}: could not {what}: {reason}");
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(System.Runtime.CompilerServices.CallConvCdecl)])]
    private static void Completed(nint context, int status, void* data, nint state)
    {
        if (GCHandle.FromIntPtr(state).Target is not Waiting waiting) return;
        waiting.Status = status;
        // A task management function calls back with its response code, which is gone afterwards.
        if (waiting.WantsResponse && data is not null) waiting.Response = *(uint*)data;
        waiting.Done = true;
    }

    private sealed class Waiting
    {
        public bool Done;
        public int Status;
        public bool WantsResponse;
        public uint Response;
    }
}
