// The record's blocks: what was written is read, what is torn is not, and no slot goes back.
using System.Collections.Immutable;
using FsCheck;
using FsCheck.Fluent;
using Membership.Arbiters.Scsi.Record;
using Membership.Arbiters.Scsi.Reservations;
using Membership.Arbiters.Scsi.Transports;
using Membership.Engine;
using Membership.Engine.Arbitration;
using Xunit;

namespace Membership.Arbiters.Scsi.Tests.Record;

public sealed class RecordFormatTests
{
    private static readonly WitnessLayout Layout = WitnessLayout.For("a cluster", 8, 512);

    [Theory]
    [InlineData(2, 512)]
    [InlineData(64, 512)]
    [InlineData(64, 4096)]
    [InlineData(1024, 512)]
    public void A_layout_is_read_as_it_was_written_and_its_places_do_not_overlap(int nodes, int blockSize)
    {
        var layout = WitnessLayout.For("ein Cluster, größer als 512 Bytes? " + new string('x', 600), nodes, blockSize);
        WitnessLayout read = WitnessLayout.Decode(layout.Encode(), out string? trouble)!;
        Assert.Null(trouble);
        Assert.Equal((layout.MaxNodes, layout.BodyBlocks, layout.BlockSize), (read.MaxNodes, read.BodyBlocks, read.BlockSize));
        Assert.Equal(layout.ClusterHash, read.ClusterHash);
        Assert.True(WitnessLayout.HeadBlock(1, 0) == WitnessLayout.HeaderBlocks && WitnessLayout.HeadBlock(nodes, 1) < layout.BodyBlock(1, 0));
        Assert.Equal(layout.TotalBlocks, layout.BodyBlock(nodes, 1) + layout.BodyBlocks);
    }

    [Fact]
    public void The_newer_intact_copy_of_a_head_counts()
    {
        byte[] older = Head(8).Encode(Layout), newer = Head(9).Encode(Layout);
        Assert.Equal(9, SlotHead.Decode(Layout, new NodeId(3), older, newer)!.Sequence);
        Assert.Equal(9, SlotHead.Decode(Layout, new NodeId(3), newer, older)!.Sequence);
        Assert.Equal(8, SlotHead.Decode(Layout, new NodeId(3), older, Torn(newer))!.Sequence);
        Assert.Equal(9, SlotHead.Decode(Layout, new NodeId(3), new byte[512], newer)!.Sequence);
        Assert.Null(SlotHead.Decode(Layout, new NodeId(3), Torn(older), Torn(newer)));
        Assert.Equal(0, SlotHead.Decode(Layout, new NodeId(3), new byte[512], new byte[512])!.Sequence);
        Assert.Equal(0, SlotHead.Decode(Layout, new NodeId(3), Torn(older), new byte[512])!.Sequence);
    }

    [Fact]
    public void A_head_of_another_node_or_cluster_does_not_count()
    {
        Assert.Null(SlotHead.Decode(Layout, new NodeId(4), Head(1).Encode(Layout), Head(2).Encode(Layout)));
        byte[] theirs = Head(5).Encode(WitnessLayout.For("another", 8, 512));
        Assert.Null(SlotHead.Decode(Layout, new NodeId(3), theirs, theirs));
    }

    [Fact]
    public void Any_flipped_bit_of_a_header_or_head_is_noticed()
        => Check.One(Config.QuickThrowOnFailure.WithMaxTest(500), Prop.ForAll(Gen.Choose(0, 512 * 8 - 1).ToArbitrary(), static bit =>
        {
            byte[] head = Head(5).Encode(Layout), header = Layout.Encode();
            head[bit / 8] ^= (byte)(1 << bit % 8);
            header[bit / 8] ^= (byte)(1 << bit % 8);
            return SlotHead.Decode(Layout, new NodeId(3), head, head) is null && WitnessLayout.Decode(header, out string? trouble) is null && trouble is not null;
        }));

    [Fact]
    public void Views_come_back_as_they_were_and_none_that_is_newer_is_dropped()
    {
        ImmutableArray<ClusterView> old = [View(4), View(9)];
        ImmutableArray<ClusterView> merged = SlotBody.Merge(old, [View(5), View(6)]);
        Assert.Equal([5L, 6L, 9L], merged.Select(static view => view.Epoch.Value));
        Assert.True(SlotBody.TryDecode(SlotBody.Encode(merged), out ImmutableArray<ClusterView> read));
        Assert.Equal(merged, read);
        Assert.False(SlotBody.TryDecode(SlotBody.Encode(merged).AsSpan()[..^1], out _));
    }

    [Fact]
    public void A_claim_that_moves_has_not_run_out_and_one_that_stands_still_has_after_its_period_and_a_margin()
    {
        var watch = new SlotWatch();
        var start = new MonotonicTime(1000);
        SlotHead claim = Head(5) with { State = ClaimState.Active, Period = TimeSpan.FromSeconds(6), Claimant = Guid.NewGuid() };
        watch.See([claim], start);
        watch.See([claim], start + TimeSpan.FromSeconds(5));
        Assert.InRange(watch.Wait(Guid.Empty, start + TimeSpan.FromSeconds(5)).TotalSeconds, 1.0599, 1.0601);
        watch.See([claim with { Sequence = 6 }], start + TimeSpan.FromSeconds(5));
        Assert.InRange(watch.Wait(Guid.Empty, start + TimeSpan.FromSeconds(5)).TotalSeconds, 6.0599, 6.0601);
        Assert.True(watch.Wait(claim.Claimant, start) <= TimeSpan.Zero);
        watch.See([claim with { Sequence = 7, State = ClaimState.Released }], start + TimeSpan.FromSeconds(6));
        Assert.True(watch.Wait(Guid.Empty, start + TimeSpan.FromSeconds(6)) <= TimeSpan.Zero);
    }

    [Fact]
    public void A_claim_covered_by_a_write_that_came_late_counts_on_and_a_slot_that_went_further_back_is_refused()
    {
        var watch = new SlotWatch();
        var start = new MonotonicTime(1000);
        SlotHead claim = Head(7) with { Period = TimeSpan.FromSeconds(6) }, covered = Head(6) with { State = ClaimState.Released };
        watch.See([claim], start);
        watch.See([covered], start + TimeSpan.FromSeconds(2));
        watch.See([covered], start + TimeSpan.FromSeconds(5));
        Assert.InRange(watch.Wait(Guid.Empty, start + TimeSpan.FromSeconds(5)).TotalSeconds, 3.0599, 3.0601);
        Assert.Contains("went back", Assert.Throws<ScsiException>(() => watch.See([Head(4)], start)).Message, StringComparison.Ordinal);
        Assert.Contains("went back", Assert.Throws<ScsiException>(() => watch.See([SlotHead.Blank(new NodeId(3))], start)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Keys_tell_clusters_nodes_and_lives_apart_and_are_never_zero()
    {
        static ReservationKey Key(string cluster, int node, long life) => ReservationKey.For(new ArbiterIdentity(cluster, new NodeId(node), new Incarnation(life)));
        ReservationKey key = Key("c", 1024, 0x1_0000_0007);
        Assert.Equal((1024, 7u), (key.Node, key.Life));
        Assert.True(key.IsOfSameCluster(Key("c", 1, 1)));
        Assert.False(key.IsOfSameCluster(Key("d", 1024, 7)));
        Assert.NotEqual(Key("c", 1, 1), Key("c", 1, 2));
        Assert.NotEqual(0UL, Key("c", 1, 0).Value);
    }

    private static SlotHead Head(long sequence)
        => SlotHead.Blank(new NodeId(3)) with { Sequence = sequence, State = ClaimState.Active, Generation = 2, Incarnation = new Incarnation(7), Claimant = new Guid(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11) };

    private static byte[] Torn(byte[] block) => [.. block.AsSpan(0, 100), .. new byte[block.Length - 100]];

    private static ClusterView View(long epoch)
        => new(new Epoch(epoch), [new ClusterMember(new NodeId(1), new Incarnation(1), 1, 1)], default, ClusterTiming.Local);
}
