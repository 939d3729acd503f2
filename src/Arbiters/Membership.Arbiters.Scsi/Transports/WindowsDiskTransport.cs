// A LUN that Windows has as a physical disk: commands through IOCTL_SCSI_PASS_THROUGH_DIRECT. The storage port aborts a
// command that runs out of time before the call returns. Time-outs are whole seconds, as the interface has it.
using System.Runtime.InteropServices;
using Membership.Arbiters.Scsi.Commands;
using Microsoft.Win32.SafeHandles;

namespace Membership.Arbiters.Scsi.Transports;

internal sealed unsafe partial class WindowsDiskTransport(string path) : IScsiTransport
{
    private const uint PassThroughDirect = 0x4d014;
    private const uint TimedOut = 121, SemaphoreTimedOut = 1460;
    private SafeFileHandle? _device;

    public string Description => $"disk {path}";

    public bool IsConnected => _device is not null;

    public void Connect(TimeSpan limit)
    {
        Drop();
        try
        {
            _device = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new ScsiException($@"{path} cannot be opened for reading and writing: {failure.Message} Name it as \\.\PhysicalDriveN and run as an administrator.");
        }
    }

    public ScsiReply Execute(in ScsiCommand command, TimeSpan limit)
    {
        SafeFileHandle device = _device ?? throw new ScsiException($"{path} is not open.");
        byte[] data = command.DataOut.Length > 0 ? command.DataOut : new byte[command.DataInLength];
        // The port wants an aligned buffer.
        byte* buffer = data.Length == 0 ? null : (byte*)NativeMemory.AlignedAlloc((nuint)data.Length, 4096);
        try
        {
            if (buffer is not null) data.CopyTo(new Span<byte>(buffer, data.Length));
            var request = new PassThroughWithSense
            {
                Request = new PassThrough
                {
                    Length = (ushort)sizeof(PassThrough),
                    CommandLength = (byte)command.Cdb.Length,
                    SenseLength = PassThroughWithSense.SenseBytes,
                    Direction = command.DataOut.Length > 0 ? PassThrough.ToDevice : command.DataInLength > 0 ? PassThrough.FromDevice : PassThrough.NoData,
                    DataLength = (uint)data.Length,
                    TimeoutSeconds = (uint)Math.Max(1, Math.Ceiling(limit.TotalSeconds)),
                    Data = buffer,
                    SenseOffset = (uint)Marshal.OffsetOf<PassThroughWithSense>(nameof(PassThroughWithSense.Sense)),
                },
            };
            command.Cdb.CopyTo(new Span<byte>(request.Request.Command, 16));
            if (DeviceIoControl(device, PassThroughDirect, &request, (uint)sizeof(PassThroughWithSense), &request, (uint)sizeof(PassThroughWithSense), out _, null) == 0)
                throw Failed(command.Name, limit);
            var status = (ScsiStatus)request.Request.Status;
            if (status == ScsiStatus.CheckCondition)
                return new ScsiReply(status, [], SenseData.Parse(new ReadOnlySpan<byte>(request.Sense, PassThroughWithSense.SenseBytes)));
            int received = command.DataOut.Length > 0 ? 0 : (int)Math.Min(request.Request.DataLength, (uint)data.Length);
            return new ScsiReply(status, new ReadOnlySpan<byte>(buffer, received).ToArray(), default);
        }
        finally
        {
            NativeMemory.AlignedFree(buffer);
        }
    }

    public void ResetUnit(TimeSpan limit)
        => throw new ScsiException("Windows offers programs no reset of a logical unit: use persistent reservations (Mode=Persistent) or an iSCSI address.");

    public void Drop()
    {
        _device?.Dispose();
        _device = null;
    }

    public void Dispose() => Drop();

    private ScsiException Failed(string name, TimeSpan limit)
    {
        int error = Marshal.GetLastPInvokeError();
        Drop();
        return (uint)error is TimedOut or SemaphoreTimedOut
            ? new ScsiTimeoutException($"{Description} did not answer {name} within {limit.TotalSeconds:0.###} s.")
            : new ScsiException($"{Description} did not take {name}: {Marshal.GetPInvokeErrorMessage(error)} (error {error}).");
    }

    [LibraryImport("kernel32", SetLastError = true)]
    private static partial int DeviceIoControl(
        SafeFileHandle device, uint code, void* input, uint inputLength, void* output, uint outputLength, out uint returned, void* overlapped);
}

/// <summary>SCSI_PASS_THROUGH_DIRECT of the Windows DDK.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct PassThrough
{
    public const byte ToDevice = 0, FromDevice = 1, NoData = 2;

    public ushort Length;
    public byte Status;
    public byte PathId;
    public byte TargetId;
    public byte Lun;
    public byte CommandLength;
    public byte SenseLength;
    public byte Direction;
    public uint DataLength;
    public uint TimeoutSeconds;
    public void* Data;
    public uint SenseOffset;
    public fixed byte Command[16];
}

/// <summary>The request with room for the sense behind it.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct PassThroughWithSense
{
    public const byte SenseBytes = 32;

    public PassThrough Request;
    public uint Filler;
    public fixed byte Sense[SenseBytes];
}
