// Commands byte by byte as SPC-4, SPC-2 and SBC-3 lay them out.
using Membership.Arbiters.Scsi.Commands;
using Xunit;

namespace Membership.Arbiters.Scsi.Tests.Commands;

public sealed class CommandLayoutTests
{
    public static TheoryData<string, string, int> Plain => new()
    {
        { nameof(ScsiCommand.TestUnitReady), "000000000000", 0 },
        { nameof(ScsiCommand.Reserve6), "160000000000", 0 },
        { nameof(ScsiCommand.Release6), "170000000000", 0 },
        { nameof(ScsiCommand.ReadCapacity10), "25000000000000000000", 8 },
        { nameof(ScsiCommand.ReadCapacity16), "9e100000000000000000000000200000", 32 },
        { nameof(ScsiCommand.SynchronizeCache), "35000000000000000000", 0 },
    };

    [Theory]
    [MemberData(nameof(Plain))]
    public void A_command_without_parameters_has_the_bytes_of_the_standard(string name, string cdb, int dataIn)
    {
        var command = (ScsiCommand)typeof(ScsiCommand).GetMethod(name)!.Invoke(null, null)!;
        AssertCommand(command, cdb, "", dataIn);
    }

    [Fact]
    public void Inquiry_asks_for_standard_data_or_for_a_page()
    {
        AssertCommand(ScsiCommand.Inquiry(252), "12000000fc00", "", 252);
        AssertCommand(ScsiCommand.Inquiry(0x1234, 0x83), "120183123400", "", 0x1234);
        AssertCommand(ScsiCommand.ModeSense(192), "1a003f00c000", "", 192);
    }

    [Fact]
    public void Reads_and_writes_take_ten_bytes_while_they_fit_and_sixteen_beyond()
    {
        AssertCommand(ScsiCommand.Read(0x01020304, 0x0506, 512), "28000102030400050600", "", 0x0506 * 512);
        AssertCommand(ScsiCommand.Read(uint.MaxValue, 1, 512), "2800ffffffff00000100", "", 512);
        AssertCommand(ScsiCommand.Read(uint.MaxValue, 2, 512), "880000000000ffffffff000000020000", "", 1024);
        byte[] block = [.. Enumerable.Range(0, 512).Select(static i => (byte)i)];
        AssertCommand(ScsiCommand.Write(7, block, 512), "2a000000000700000100", Convert.ToHexStringLower(block), 0);
        AssertCommand(ScsiCommand.Write(7, block, 512, forceUnitAccess: true), "2a080000000700000100", Convert.ToHexStringLower(block), 0);
        AssertCommand(ScsiCommand.Write(1L << 32, block, 512), "8a000000000100000000000000010000", Convert.ToHexStringLower(block), 0);
        Assert.Throws<ArgumentException>(() => ScsiCommand.Write(0, new byte[100], 512));
        Assert.Throws<ArgumentOutOfRangeException>(() => ScsiCommand.Read(-1, 1, 512));
    }

    [Theory]
    [InlineData((int)ReserveInAction.ReadKeys, "5e000000000000200800")]
    [InlineData((int)ReserveInAction.ReadReservation, "5e010000000000200800")]
    [InlineData((int)ReserveInAction.ReportCapabilities, "5e020000000000200800")]
    [InlineData((int)ReserveInAction.ReadFullStatus, "5e030000000000200800")]
    public void Persistent_reserve_in_names_its_action_and_the_room_for_the_answer(int action, string cdb)
        => AssertCommand(ScsiCommand.PersistentReserveIn((ReserveInAction)action, 0x2008), cdb, "", 0x2008);

    [Theory]
    [InlineData((int)ReserveOutAction.Register, 0, "5f000000000000001800")]
    [InlineData((int)ReserveOutAction.Reserve, 5, "5f010500000000001800")]
    [InlineData((int)ReserveOutAction.Release, 5, "5f020500000000001800")]
    [InlineData((int)ReserveOutAction.Clear, 0, "5f030000000000001800")]
    [InlineData((int)ReserveOutAction.Preempt, 5, "5f040500000000001800")]
    [InlineData((int)ReserveOutAction.PreemptAndAbort, 6, "5f050600000000001800")]
    [InlineData((int)ReserveOutAction.RegisterAndIgnoreExistingKey, 0, "5f060000000000001800")]
    public void Persistent_reserve_out_carries_both_keys_big_endian(int action, int type, string cdb)
        => AssertCommand(
            ScsiCommand.PersistentReserveOut((ReserveOutAction)action, (ReservationType)type, 0x0102030405060708, 0x1112131415161718),
            cdb, "01020304050607081112131415161718" + "0000000000000000", 0);

    [Fact]
    public void Persistence_through_power_loss_is_bit_0_of_byte_20()
        => AssertCommand(
            ScsiCommand.PersistentReserveOut(ReserveOutAction.RegisterAndIgnoreExistingKey, 0, 0, 1, persistThroughPowerLoss: true),
            "5f060000000000001800", "0000000000000000" + "0000000000000001" + "0000000001000000", 0);

    private static void AssertCommand(ScsiCommand command, string cdb, string dataOut, int dataIn)
    {
        Assert.Equal(cdb, Convert.ToHexStringLower(command.Cdb));
        Assert.Equal(dataOut, Convert.ToHexStringLower(command.DataOut));
        Assert.Equal(dataIn, command.DataInLength);
    }
}
