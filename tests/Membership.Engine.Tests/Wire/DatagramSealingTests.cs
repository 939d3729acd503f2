// What is sealed opens exactly once, at the node it is for, under a key of the ring; everything else is dropped for its reason.
using Membership.Engine.Wire;
using Xunit;
using static Membership.Engine.Tests.Wire.Sealing;

namespace Membership.Engine.Tests.Wire;

public sealed class DatagramSealingTests
{
    private readonly KeyRing _keys = KeyRing.Generate();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_datagram_opens_once_and_tells_its_sender(bool sealedText)
    {
        KeyRing? keys = sealedText ? _keys : null;
        byte[] content = Heartbeat(One, Two, 7);
        byte[] datagram = Sealer(One, keys).Seal(Two, content, 7);
        DatagramOpener opener = Opener(Two, keys);
        Assert.Equal(DatagramDropReason.None, opener.Open(datagram, out OpenedDatagram opened, out byte[] read));
        Assert.Equal((One, new Incarnation(7), 1UL, 0, 1, false), (opened.Sender, opened.Incarnation, opened.Counter, opened.FragmentIndex, opened.FragmentCount, opened.FormerLife));
        Assert.Equal(content, read);
        Assert.Equal(DatagramDropReason.Replayed, opener.Open(datagram));
    }

    [Fact]
    public void A_sealed_datagram_does_not_show_its_content()
    {
        byte[] content = [.. Enumerable.Range(0, 64).Select(static i => (byte)i)];
        Assert.Equal(-1, Sealer(One, _keys).Seal(Two, content).AsSpan().IndexOf(content.AsSpan(0, 16)));
        Assert.NotEqual(-1, Sealer(One, null).Seal(Two, content).AsSpan().IndexOf(content.AsSpan(0, 16)));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void No_truncation_and_no_flipped_bit_is_accepted(bool sealedText)
    {
        KeyRing? keys = sealedText ? _keys : null;
        byte[] datagram = Sealer(One, keys).Seal(Two, Heartbeat(One, Two));
        DatagramOpener opener = Opener(Two, keys);
        for (int length = 0; length < datagram.Length; length++) Assert.NotEqual(DatagramDropReason.None, opener.Open(datagram.AsSpan(0, length)));
        Assert.NotEqual(DatagramDropReason.None, opener.Open([.. datagram, 0]));
        for (int bit = 0; bit < datagram.Length * 8; bit++)
        {
            datagram[bit / 8] ^= (byte)(1 << bit % 8);
            Assert.NotEqual(DatagramDropReason.None, opener.Open(datagram));
            datagram[bit / 8] ^= (byte)(1 << bit % 8);
        }
        Assert.Equal(DatagramDropReason.None, opener.Open(datagram));
    }

    [Fact]
    public void Every_failure_has_its_reason()
    {
        byte[] content = Heartbeat(One, Two);
        byte[] good = Sealer(One, _keys).Seal(Two, content);
        DatagramOpener opener = Opener(Two, _keys);
        Assert.Equal(DatagramDropReason.TooShort, opener.Open([]));
        Assert.Equal(DatagramDropReason.TooShort, opener.Open(good.AsSpan(0, 40)));
        Assert.Equal(DatagramDropReason.TooLarge, opener.Open(new byte[DatagramSealer.MaxDatagramSize + 1]));
        Assert.Equal(DatagramDropReason.BadMagic, opener.Open(Changed(good, 0)));
        Assert.Equal(DatagramDropReason.BadVersion, opener.Open(Changed(good, 4)));
        Assert.Equal(DatagramDropReason.ForeignCluster, opener.Open(Sealer(One, _keys, "plant-8").Seal(Two, content)));
        Assert.Equal(DatagramDropReason.WrongReceiver, opener.Open(Sealer(One, _keys).Seal(Three, content)));
        Assert.Equal(DatagramDropReason.UnknownSender, opener.Open(Sealer(new NodeId(9), _keys).Seal(Two, content)));
        Assert.Equal(DatagramDropReason.UnknownSender, opener.Open(Sealer(Two, _keys).Seal(Two, content)));
        Assert.Equal(DatagramDropReason.UnknownKey, opener.Open(Sealer(One, KeyRing.Generate()).Seal(Two, content)));
        Assert.Equal(DatagramDropReason.WrongProtection, opener.Open(Sealer(One, null).Seal(Two, content)));
        Assert.Equal(DatagramDropReason.WrongProtection, Opener(Two, null).Open(good));
        Assert.Equal(DatagramDropReason.AuthenticationFailed, opener.Open(Changed(good, good.Length - 1)));
        Assert.Equal(DatagramDropReason.None, opener.Open(good));
    }

    [Fact]
    public void Two_starts_of_a_node_with_an_empty_disk_never_share_a_nonce()
    {
        // Same key, same sender, same incarnation, same counter: what they seal still differs, and both open.
        DatagramSealer first = Sealer(One, _keys), second = Sealer(One, _keys);
        byte[] content = Heartbeat(One, Two);
        byte[] a = first.Seal(Two, content), b = second.Seal(Two, content);
        Assert.NotEqual(first.StartId, second.StartId);
        Assert.False(SameCipherText(a, b));
        DatagramOpener opener = Opener(Two, _keys);
        Assert.Equal(DatagramDropReason.None, opener.Open(a));
        Assert.Equal(DatagramDropReason.None, opener.Open(b));
        Assert.Equal(DatagramDropReason.Replayed, opener.Open(a));
        Assert.Equal(DatagramDropReason.Replayed, opener.Open(b));
    }

    [Fact]
    public void No_two_datagrams_of_a_start_share_a_nonce()
    {
        // Equal content sealed twice under one nonce would be equal text: to the same receiver, to others, and as a hello.
        DatagramSealer sealer = Sealer(One, _keys);
        var content = new byte[16];
        var hello = new byte[16 + DatagramHeader.Overhead];
        sealer.SealHello(Two, new Incarnation(1), content, hello);
        byte[][] sealedOnes = [sealer.Seal(Two, content), sealer.Seal(Three, content), sealer.Seal(Two, content), sealer.Seal(Three, content), hello];
        for (int i = 0; i < sealedOnes.Length; i++)
            for (int j = 0; j < i; j++) Assert.False(SameCipherText(sealedOnes[i], sealedOnes[j]));
    }

    [Fact]
    public void Counters_of_different_receivers_do_not_disturb_each_other()
    {
        DatagramSealer sealer = Sealer(One, _keys);
        DatagramOpener opener = Opener(Two, _keys);
        byte[] early = sealer.Seal(Two, Heartbeat(One, Two));
        for (int i = 0; i < 3000; i++) sealer.Seal(Three, Heartbeat(One, Three));
        byte[] late = sealer.Seal(Two, Heartbeat(One, Two));
        Assert.Equal(DatagramDropReason.None, opener.Open(late));
        Assert.Equal(DatagramDropReason.None, opener.Open(early));
    }

    [Fact]
    public void An_older_life_never_displaces_a_newer_one()
    {
        DatagramSealer old = Sealer(One, _keys), current = Sealer(One, _keys);
        DatagramOpener opener = Opener(Two, _keys);
        byte[] first = current.Seal(Two, Heartbeat(One, Two, 5), 5);
        Assert.Equal(DatagramDropReason.None, opener.Open(first));
        for (int i = 0; i < 10; i++)
        {
            Assert.Equal(DatagramDropReason.None, opener.Open(old.Seal(Two, Heartbeat(One, Two, 4), 4), out OpenedDatagram former, out _));
            Assert.True(former.FormerLife);
        }
        Assert.Equal(DatagramDropReason.Replayed, opener.Open(first));
        Assert.Equal(DatagramDropReason.None, opener.Open(current.Seal(Two, Heartbeat(One, Two, 5), 5), out OpenedDatagram now, out _));
        Assert.False(now.FormerLife);
    }

    [Fact]
    public void A_newer_life_displaces_an_older_one_and_the_older_is_former_from_then_on()
    {
        DatagramSealer old = Sealer(One, _keys), fresh = Sealer(One, _keys);
        DatagramOpener opener = Opener(Two, _keys);
        byte[] recorded = old.Seal(Two, Heartbeat(One, Two, 4), 4);
        Assert.Equal(DatagramDropReason.None, opener.Open(recorded));
        Assert.Equal(DatagramDropReason.None, opener.Open(fresh.Seal(Two, Heartbeat(One, Two, 5), 5)));
        Assert.Equal(DatagramDropReason.Replayed, opener.Open(recorded));
        opener.Open(old.Seal(Two, Heartbeat(One, Two, 4), 4), out OpenedDatagram opened, out _);
        Assert.True(opened.FormerLife);
    }

    [Fact]
    public void A_wiped_node_that_learnt_the_floor_becomes_the_current_life()
    {
        DatagramSealer former = Sealer(One, _keys), wiped = Sealer(One, _keys);
        DatagramOpener opener = Opener(Two, _keys);
        opener.Open(former.Seal(Two, Heartbeat(One, Two, 9), 9));
        opener.Open(wiped.Seal(Two, Heartbeat(One, Two, 1), 1), out OpenedDatagram petition, out _);
        Assert.True(petition.FormerLife);
        opener.Open(wiped.Seal(Two, Heartbeat(One, Two, 10), 10), out OpenedDatagram raised, out _);
        Assert.False(raised.FormerLife);
    }

    [Fact]
    public void A_datagram_that_does_not_authenticate_changes_nothing()
    {
        DatagramSealer sealer = Sealer(One, _keys);
        DatagramOpener opener = Opener(Two, _keys);
        Assert.Equal(DatagramDropReason.None, opener.Open(sealer.Seal(Two, Heartbeat(One, Two))));
        byte[] forged = sealer.Seal(Two, Heartbeat(One, Two));
        for (int i = 0; i < 8; i++) forged[48 + i] = 0xff;      // counter: as far ahead as can be
        forged[24] = 0xee;                                       // a much newer incarnation
        Assert.Equal(DatagramDropReason.AuthenticationFailed, opener.Open(forged));
        forged[40] ^= 1;                                         // of another start
        Assert.Equal(DatagramDropReason.AuthenticationFailed, opener.Open(forged));
        Assert.Equal(DatagramDropReason.None, opener.Open(sealer.Seal(Two, Heartbeat(One, Two)), out OpenedDatagram opened, out _));
        Assert.False(opened.FormerLife);
    }

    [Fact]
    public void Keys_rotate_without_a_restart_and_without_a_lost_datagram()
    {
        ClusterKey oldKey = _keys.Current, newKey = ClusterKey.Generate();
        KeyRing ofOne = new(oldKey), ofTwo = new(oldKey);
        DatagramSealer sealerOne = Sealer(One, ofOne), sealerTwo = Sealer(Two, ofTwo);
        DatagramOpener openerOne = Opener(One, ofOne), openerTwo = Opener(Two, ofTwo);
        void BothWays()
        {
            Assert.Equal(DatagramDropReason.None, openerTwo.Open(sealerOne.Seal(Two, Heartbeat(One, Two))));
            Assert.Equal(DatagramDropReason.None, openerOne.Open(sealerTwo.Seal(One, Heartbeat(Two, One))));
        }

        BothWays();
        byte[] withOld = sealerOne.Seal(Two, Heartbeat(One, Two));
        byte[] neverOpened = sealerOne.Seal(Two, Heartbeat(One, Two));
        ofOne.Accept(newKey);
        BothWays();
        ofTwo.Accept(newKey);
        BothWays();
        ofOne.Use(newKey);
        BothWays();
        Assert.Equal(DatagramDropReason.None, openerTwo.Open(withOld));
        ofTwo.Use(newKey);
        BothWays();
        ofOne.Drop(oldKey.Id);
        ofTwo.Drop(oldKey.Id);
        BothWays();
        Assert.Equal(DatagramDropReason.UnknownKey, openerTwo.Open(neverOpened));
        Assert.Equal(DatagramDropReason.UnknownKey, openerTwo.Open(withOld));
    }

    [Fact]
    public void A_replay_under_a_rotated_key_is_still_a_replay()
    {
        KeyRing ring = new(_keys.Current);
        DatagramSealer sealer = Sealer(One, ring);
        DatagramOpener opener = Opener(Two, ring);
        byte[] before = sealer.Seal(Two, Heartbeat(One, Two));
        Assert.Equal(DatagramDropReason.None, opener.Open(before));
        ring.Use(ClusterKey.Generate());
        Assert.Equal(DatagramDropReason.None, opener.Open(sealer.Seal(Two, Heartbeat(One, Two))));
        Assert.Equal(DatagramDropReason.Replayed, opener.Open(before));
    }

    [Fact]
    public void A_hello_is_no_datagram_and_a_datagram_is_no_hello()
    {
        DatagramSealer sealer = Sealer(One, _keys);
        DatagramOpener opener = Opener(Two, _keys);
        var hello = new byte[16 + DatagramHeader.Overhead];
        sealer.SealHello(Two, new Incarnation(3), new byte[16], hello);
        Assert.Equal(DatagramDropReason.Malformed, opener.Open(hello));
        Assert.Equal(DatagramDropReason.None, opener.TryOpenHello(hello, new byte[16], out NodeId sender, out Incarnation incarnation));
        Assert.Equal((One, new Incarnation(3)), (sender, incarnation));
        Assert.Equal(DatagramDropReason.Malformed, opener.TryOpenHello(sealer.Seal(Two, new byte[16]), new byte[16], out _, out _));
    }

    private static bool SameCipherText(byte[] left, byte[] right)
        => left.AsSpan(DatagramHeader.Size..^DatagramHeader.SealSize).SequenceEqual(right.AsSpan(DatagramHeader.Size..^DatagramHeader.SealSize));

    private static byte[] Changed(byte[] datagram, int index)
    {
        byte[] changed = [.. datagram];
        changed[index] ^= 0x80;
        return changed;
    }
}
