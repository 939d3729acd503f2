// A LUN that the kernel already has as a disk (iSCSI, FC, SAS): commands through the SG_IO ioctl. The kernel aborts a
// command that runs out of time, resetting what it must, before the ioctl returns: nothing comes late.
using System.Runtime.InteropServices;
using Membership.Arbiters.Scsi.Commands;
using Microsoft.Win32.SafeHandles;

namespace Membership.Arbiters.Scsi.Transports;

internal sealed unsafe partial class LinuxBlockTransport(string path) : IScsiTransport
{
    private const nuint SgIo = 0x2285, SgScsiReset = 0x2284;
    private const int ResetDevice = 1, PermissionDenied = 1, HostTimeOut = 3;
    private SafeFileHandle? _device;

    public string Description => $"block device {path}";

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
            throw new ScsiException($"{path} cannot be opened for reading and writing: {failure.Message} Name the disk's stable path (/dev/disk/by-id/...) and run as root or with CAP_SYS_RAWIO.");
        }
    }

    public ScsiReply Execute(in ScsiCommand command, TimeSpan limit)
    {
        SafeFileHandle device = _device ?? throw new ScsiException($"{path} is not open.");
        var sense = new byte[96];
        var data = command.DataOut.Length > 0 ? command.DataOut : new byte[command.DataInLength];
        var header = new SgHeader
        {
            InterfaceId = 'S',
            Direction = command.DataOut.Length > 0 ? SgHeader.ToDevice : command.DataInLength > 0 ? SgHeader.FromDevice : SgHeader.NoData,
            CommandLength = (byte)command.Cdb.Length,
            MaxSenseLength = (byte)sense.Length,
            DataLength = (uint)data.Length,
            TimeoutMilliseconds = (uint)Math.Clamp(Math.Ceiling(limit.TotalMilliseconds), 1, int.MaxValue),
        };
        fixed (byte* cdb = command.Cdb, dataPointer = data, sensePointer = sense)
        {
            header.Command = cdb;
            header.Data = dataPointer;
            header.Sense = sensePointer;
            if (Control(device, SgIo, &header) != 0) throw Failed(command.Name);
        }
        if (header.HostStatus == HostTimeOut)
        {
            Drop();
            throw new ScsiTimeoutException($"{Description} did not answer {command.Name} within {limit.TotalSeconds:0.###} s.");
        }
        if (header.HostStatus != 0)
        {
            Drop();
            throw new ScsiException($"{Description}: {command.Name} did not reach the unit (host status {header.HostStatus:x2}h).");
        }
        var status = (ScsiStatus)(header.Status & 0xfe);
        int received = command.DataOut.Length > 0 ? 0 : Math.Clamp(data.Length - header.Residual, 0, data.Length);
        return status == ScsiStatus.CheckCondition
            ? new ScsiReply(status, [], SenseData.Parse(sense.AsSpan(0, Math.Min(header.SenseLength, sense.Length))))
            : new ScsiReply(status, command.DataOut.Length > 0 ? [] : data[..received], default);
    }

    public void ResetUnit(TimeSpan limit)
    {
        SafeFileHandle device = _device ?? throw new ScsiException($"{path} is not open.");
        int kind = ResetDevice;
        if (Control(device, SgScsiReset, &kind) != 0) throw Failed("LOGICAL UNIT RESET");
    }

    public void Drop()
    {
        _device?.Dispose();
        _device = null;
    }

    public void Dispose() => Drop();

    private ScsiException Failed(string name)
    {
        int error = Marshal.GetLastPInvokeError();
        string reason = Marshal.GetPInvokeErrorMessage(error);
        Drop();
        string advice = error == PermissionDenied ? " SCSI commands of this kind need root or CAP_SYS_RAWIO." : "";
        return new ScsiException($"{Description} did not take {name}: {reason} (errno {error}).{advice} It must be a whole SCSI disk, not a partition or a virtual block device.");
    }

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int Control(SafeFileHandle device, nuint request, void* argument);
}

/// <summary>struct sg_io_hdr of the Linux kernel.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct SgHeader
{
    public const int NoData = -1, ToDevice = -2, FromDevice = -3;

    public int InterfaceId;
    public int Direction;
    public byte CommandLength;
    public byte MaxSenseLength;
    public ushort ScatterCount;
    public uint DataLength;
    public byte* Data;
    public byte* Command;
    public byte* Sense;
    public uint TimeoutMilliseconds;
    public uint Flags;
    public int PackId;
    public void* User;
    public byte Status;
    public byte MaskedStatus;
    public byte MessageStatus;
    public byte SenseLength;
    public ushort HostStatus;
    public ushort DriverStatus;
    public int Residual;
    public uint Duration;
    public uint Info;
}
