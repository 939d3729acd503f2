// The structures that kernels and libraries read, field by field at the offsets of their headers (64-bit).
using System.Runtime.InteropServices;
using Membership.Arbiters.Scsi.Transports;
using Xunit;

namespace Membership.Arbiters.Scsi.Tests.Commands;

public sealed class NativeLayoutTests
{
    [Fact]
    public void The_linux_header_is_laid_out_as_sg_io_hdr()
    {
        Assert.Equal(88, Marshal.SizeOf<SgHeader>());
        AssertOffsets<SgHeader>(
            ("InterfaceId", 0), ("Direction", 4), ("CommandLength", 8), ("MaxSenseLength", 9), ("ScatterCount", 10), ("DataLength", 12), ("Data", 16), ("Command", 24), ("Sense", 32),
            ("TimeoutMilliseconds", 40), ("Flags", 44), ("PackId", 48), ("User", 56), ("Status", 64), ("MaskedStatus", 65), ("MessageStatus", 66), ("SenseLength", 67), ("HostStatus", 68),
            ("DriverStatus", 70), ("Residual", 72), ("Duration", 76), ("Info", 80));
    }

    [Fact]
    public void The_windows_request_is_laid_out_as_SCSI_PASS_THROUGH_DIRECT_WITH_BUFFER()
    {
        Assert.Equal(56, Marshal.SizeOf<PassThrough>());
        AssertOffsets<PassThrough>(
            ("Length", 0), ("Status", 2), ("PathId", 3), ("TargetId", 4), ("Lun", 5), ("CommandLength", 6), ("SenseLength", 7), ("Direction", 8), ("DataLength", 12), ("TimeoutSeconds", 16),
            ("Data", 24), ("SenseOffset", 32), ("Command", 36));
        Assert.Equal(96, Marshal.SizeOf<PassThroughWithSense>());
        AssertOffsets<PassThroughWithSense>(("Request", 0), ("Filler", 56), ("Sense", 60));
    }

    private static void AssertOffsets<T>(params (string Field, int Offset)[] expected)
        => Assert.Equal(expected, expected.Select(static one => (one.Field, (int)Marshal.OffsetOf<T>(one.Field))));
}
