// Answers as the standards lay them out, and as no standard does: parsing any bytes gives an answer, never an exception.
using FsCheck;
using FsCheck.Fluent;
using Membership.Arbiters.Scsi.Commands;
using Membership.Arbiters.Scsi.Record;
using Membership.Engine;
using Xunit;

namespace Membership.Arbiters.Scsi.Tests.Commands;

public sealed class AnswerTests
{
    [Theory]
    [InlineData("70000600000000100000000029000000", SenseKey.UnitAttention, 0x29, 0x00)]
    [InlineData("f0000500000000100000000020000000", SenseKey.IllegalRequest, 0x20, 0x00)]
    [InlineData("72062a0500000000", SenseKey.UnitAttention, 0x2a, 0x05)]
    [InlineData("70000600", SenseKey.UnitAttention, 0, 0)]
    [InlineData("", SenseKey.NoSense, 0, 0)]
    [InlineData("00ffffff", SenseKey.NoSense, 0, 0)]
    internal void Sense_is_read_in_both_formats(string bytes, SenseKey key, byte code, byte qualifier)
        => Assert.Equal(new SenseData(key, code, qualifier), SenseData.Parse(Convert.FromHexString(bytes)));

    [Theory]
    [InlineData(0x29, 0x00, true)]
    [InlineData(0x29, 0x03, true)]
    [InlineData(0x2a, 0x03, true)]
    [InlineData(0x2a, 0x04, true)]
    [InlineData(0x2a, 0x05, true)]
    [InlineData(0x2a, 0x06, false)]
    [InlineData(0x2a, 0x01, false)]
    [InlineData(0x3f, 0x0e, false)]
    public void Resets_and_preempted_released_or_removed_registrations_mean_the_same(byte code, byte qualifier, bool lost)
        => Assert.Equal(lost, new SenseData(SenseKey.UnitAttention, code, qualifier).TellsOfLostReservations);

    [Fact]
    public void Keys_are_listed_as_far_as_they_were_sent()
    {
        RegisteredKeys all = RegisteredKeys.Parse(Convert.FromHexString("00000007" + "00000010" + "0102030405060708" + "1112131415161718"))!;
        Assert.Equal(7u, all.Generation);
        Assert.Equal([0x0102030405060708UL, 0x1112131415161718UL], all.Keys);
        Assert.Single(RegisteredKeys.Parse(Convert.FromHexString("00000007" + "00001000" + "0102030405060708" + "11121314"))!.Keys);
        Assert.Empty(RegisteredKeys.Parse(Convert.FromHexString("00000007" + "00000000"))!.Keys);
        Assert.Null(RegisteredKeys.Parse([1, 2, 3]));
    }

    [Fact]
    public void A_reservation_has_a_key_and_a_type()
    {
        HeldReservation held = HeldReservation.Parse(Convert.FromHexString("00000009" + "00000010" + "0102030405060708" + "00000000" + "00" + "05" + "0000"))!;
        Assert.Equal(new HeldReservation(9, true, 0x0102030405060708, ReservationType.WriteExclusiveRegistrantsOnly), held);
        Assert.False(HeldReservation.Parse(Convert.FromHexString("0000000900000000"))!.IsHeld);
        Assert.Null(HeldReservation.Parse(Convert.FromHexString("00000009000000100102030405060708")));
    }

    [Fact]
    public void Capabilities_say_which_types_are_lacking()
    {
        ReservationCapabilities some = ReservationCapabilities.Parse(Convert.FromHexString("0008" + "01" + "80" + "2200" + "0000"))!;
        Assert.True(some.PersistsThroughPowerLoss);
        Assert.False(some.Lacks(ReservationType.WriteExclusiveRegistrantsOnly));
        Assert.False(some.Lacks(ReservationType.WriteExclusive));
        Assert.True(some.Lacks(ReservationType.ExclusiveAccess));
        Assert.True(some.Lacks(ReservationType.ExclusiveAccessAllRegistrants));
        Assert.False(ReservationCapabilities.Parse(Convert.FromHexString("0008" + "00" + "00" + "0000" + "0000"))!.Lacks(ReservationType.WriteExclusiveRegistrantsOnly));
        Assert.Null(ReservationCapabilities.Parse(Convert.FromHexString("0000000000000000")));
    }

    [Fact]
    public void Full_status_lists_every_whole_registration()
    {
        const string Holder = "0102030405060708" + "00000000" + "01" + "05" + "00000000" + "0001" + "00000004" + "aabbccdd";
        const string Other = "1112131415161718" + "00000000" + "00" + "05" + "00000000" + "0001" + "00000000";
        var all = Registration.ParseAll(Convert.FromHexString("00000001" + "00000034" + Holder + Other));
        Assert.Equal([(0x0102030405060708UL, true, 4), (0x1112131415161718UL, false, 0)], all.Select(static one => (one.Key, one.IsHolder, one.TransportId.Length)));
        Assert.Equal(ReservationType.WriteExclusiveRegistrantsOnly, all[0].Type);
        Assert.Single(Registration.ParseAll(Convert.FromHexString("00000001" + "00000034" + Holder + Other).AsSpan()[..^3]));
    }

    [Fact]
    public void The_units_name_is_its_best_designator()
    {
        const string OfThePort = "0193" + "0008" + "1122334455667788", Naa = "0103" + "0004" + "60014051", Vendor = "0201" + "0003" + "494554";
        Assert.Equal("naa.60014051", UnitIdentity.FromDesignators(Convert.FromHexString("0083" + "001b" + OfThePort + Vendor + Naa)));
        Assert.Equal("t10.IET", UnitIdentity.FromDesignators(Convert.FromHexString("0083" + "0007" + Vendor)));
        Assert.Null(UnitIdentity.FromDesignators(Convert.FromHexString("0083" + "00ff")));
        Assert.Equal("serial.beaf11", UnitIdentity.FromSerialNumber(Convert.FromHexString("0080" + "0008" + "2020" + "626561663131")));
    }

    [Fact]
    public void Capacity_is_the_last_block_plus_one()
    {
        Assert.Equal(new UnitCapacity(0x4000, 512), UnitCapacity.Parse10(Convert.FromHexString("00003fff00000200")));
        Assert.Equal(new UnitCapacity(1L << 32, 512), UnitCapacity.Parse10(Convert.FromHexString("ffffffff00000200")));
        Assert.Equal(new UnitCapacity((1L << 32) + 1, 4096), UnitCapacity.Parse16(Convert.FromHexString("000000010000000000001000")));
        Assert.Null(UnitCapacity.Parse10(Convert.FromHexString("00003fff00000000")));
        Assert.Null(UnitCapacity.Parse16(Convert.FromHexString("ffffffffffffffff00000200")));
        Assert.True(ModeHeader.IsWriteProtected(Convert.FromHexString("0b008000")));
        Assert.False(ModeHeader.IsWriteProtected(Convert.FromHexString("0b007f00")));
    }

    [Fact]
    public void Any_bytes_are_parsed_without_an_exception()
        => Check.One(Config.QuickThrowOnFailure.WithMaxTest(3000), Prop.ForAll(ArbMap.Default.ArbFor<byte[]>(), static bytes =>
        {
            SenseData.Parse(bytes);
            RegisteredKeys.Parse(bytes);
            HeldReservation.Parse(bytes);
            ReservationCapabilities.Parse(bytes);
            Registration.ParseAll(bytes);
            UnitInquiry.Parse(bytes);
            UnitIdentity.FromDesignators(bytes);
            UnitIdentity.FromSerialNumber(bytes);
            UnitCapacity.Parse10(bytes);
            UnitCapacity.Parse16(bytes);
            ModeHeader.IsWriteProtected(bytes);
            SlotBody.TryDecode(bytes, out _);
            WitnessLayout.Decode(bytes, out _);
            byte[] block = [.. bytes, .. new byte[Math.Max(0, 512 - bytes.Length)]];
            SlotHead.Decode(WitnessLayout.For("c", 4, 512), new NodeId(1), block.AsSpan(0, 512), block.AsSpan(0, 512));
        }));
}
