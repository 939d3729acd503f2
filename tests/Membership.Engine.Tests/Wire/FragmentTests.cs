// Messages longer than a datagram come whole or not at all, whatever happens to their fragments, and hold bounded memory.
using System.Collections.Immutable;
using Membership.Engine.Protocol;
using Membership.Engine.Wire;
using Xunit;
using static Membership.Engine.Tests.Wire.Sealing;

namespace Membership.Engine.Tests.Wire;

public sealed class FragmentTests
{
    private readonly DatagramCounters _counters = new();
    private ulong _nextCounter = 1;

    [Fact]
    public void A_message_comes_whole_in_any_order_of_its_fragments()
    {
        var random = new Random(5);
        for (int round = 0; round < 50; round++)
        {
            var assembler = new FragmentAssembler(_counters);
            byte[] message = new byte[random.Next(DatagramSealer.MaxContent + 1, MessageCodec.MaxMessageSize + 1)];
            random.NextBytes(message);
            (OpenedDatagram Info, byte[] Content)[] fragments = Split(One, message);
            random.Shuffle(fragments);
            for (int i = 0; i < fragments.Length; i++)
            {
                Assert.Equal(DatagramDropReason.None, assembler.Add(fragments[i].Info, fragments[i].Content, out byte[]? whole, out int length));
                Assert.Equal(i == fragments.Length - 1, whole is not null);
                if (whole is not null) Assert.True(whole.AsSpan(0, length).SequenceEqual(message));
            }
            Assert.Equal(0, assembler.HeldBytes);
        }
    }

    [Fact]
    public void A_third_message_of_a_sender_displaces_its_oldest_incomplete_one()
    {
        var assembler = new FragmentAssembler(_counters);
        byte[] message = new byte[3 * DatagramSealer.MaxContent];
        (OpenedDatagram Info, byte[] Content)[][] three = [Split(One, message), Split(One, message), Split(One, message)];
        foreach ((OpenedDatagram, byte[])[] fragments in three) Add(assembler, fragments[0]);
        Assert.Equal(1, _counters.Dropped(DatagramDropReason.FragmentAbandoned));
        Assert.Equal(2 * DatagramSealer.MaxContent, assembler.HeldBytes);
        Add(assembler, three[2][1]);
        Assert.True(Add(assembler, three[2][2]));
        Add(assembler, three[1][1]);
        Assert.True(Add(assembler, three[1][2]));
    }

    [Fact]
    public void All_senders_together_hold_no_more_than_the_budget()
    {
        const int budget = 10 * DatagramSealer.MaxContent;
        var assembler = new FragmentAssembler(_counters, budget);
        byte[] message = new byte[2 * DatagramSealer.MaxContent];
        for (int sender = 1; sender <= 100; sender++)
        {
            Add(assembler, Split(new NodeId(sender), message)[0]);
            Assert.InRange(assembler.HeldBytes, 1, budget);
        }
        Assert.Equal(90, _counters.Dropped(DatagramDropReason.FragmentAbandoned));
    }

    [Fact]
    public void A_claim_of_too_many_fragments_and_a_repeated_fragment_are_refused()
    {
        var assembler = new FragmentAssembler(_counters);
        (OpenedDatagram info, byte[] content) = Split(One, new byte[2 * DatagramSealer.MaxContent])[0];
        Assert.Equal(DatagramDropReason.TooLarge, assembler.Add(info with { FragmentCount = 255 }, content, out _, out _));
        Assert.Equal(DatagramDropReason.None, assembler.Add(info, content, out _, out _));
        Assert.Equal(DatagramDropReason.Replayed, assembler.Add(info, content, out _, out _));
        Assert.Equal(DatagramDropReason.Malformed, assembler.Add(info with { FragmentCount = 3, FragmentIndex = 1, Counter = info.Counter + 1 }, content, out _, out _));
    }

    [Fact]
    public void The_largest_status_of_1024_nodes_fits_in_a_message()
        => Assert.InRange(MessageCodec.Measure(LargeStatus()), 4 * DatagramSealer.MaxContent, MessageCodec.MaxMessageSize);

    [Fact]
    public async Task A_status_of_1024_nodes_comes_through_a_channel_that_swaps_and_doubles_datagrams()
    {
        var network = new SwappingTransportPair();
        var keys = KeyRing.Generate();
        var arrived = new TaskCompletionSource<MessageBody?>();
        await using var sender = new MessageChannel(network.Left, Sealer(One, keys), Opener(One, keys), _counters, static (in _, _, _) => { });
        await using var receiver = new MessageChannel(network.Right, Sealer(Two, keys), Opener(Two, keys), _counters, (in _, _, body) => arrived.TrySetResult(body));
        await sender.StartAsync(TestContext.Current.CancellationToken);
        await receiver.StartAsync(TestContext.Current.CancellationToken);

        StatusMessage status = LargeStatus();
        Assert.True(sender.Send(new MessageHeader { From = One, To = Two, FromIncarnation = new Incarnation(1) }, 0, status));
        network.DeliverSwappedAndDoubled(Two);
        Assert.True(MessageCodecTests.Same(status, await arrived.Task.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken)));
    }

    internal static StatusMessage LargeStatus()
    {
        NodeSet all = NodeSet.Of([.. Enumerable.Range(1, NodeId.MaxValue)]);
        var view = new ClusterView(
            new Epoch(3), Enumerable.Range(1, NodeId.MaxValue).Select(static number => new ClusterMember(new NodeId(number), new Incarnation(number), 1, number)),
            new QuorumRule(QuorumPolicy.NodeMajority, TieBreaker.LowestNode, false), ClusterTiming.Default);
        return new StatusMessage(
            new ActivationId(new Epoch(3), 1), RegroupStage.Prune, StatusFlags.Persisted, all, all,
            [.. Enumerable.Range(1, NodeId.MaxValue).Select(number => new ConnectivityRow(new NodeId(number), new Incarnation(number), all, all, StatusFlags.Persisted))],
            view, [view, view], view.Epoch, view.Epoch, 5, 6, new Decision(One, new Incarnation(1), view, default, default), 0, default, default, default);
    }

    private static bool Add(FragmentAssembler assembler, (OpenedDatagram Info, byte[] Content) fragment)
    {
        Assert.Equal(DatagramDropReason.None, assembler.Add(fragment.Info, fragment.Content, out byte[]? whole, out _));
        return whole is not null;
    }

    private (OpenedDatagram Info, byte[] Content)[] Split(NodeId sender, byte[] message)
    {
        int count = DatagramSealer.FragmentCount(message.Length);
        ulong first = _nextCounter;
        _nextCounter += (ulong)count;
        return [.. Enumerable.Range(0, count).Select(index =>
        {
            byte[] content = message[(index * DatagramSealer.MaxContent)..Math.Min(message.Length, (index + 1) * DatagramSealer.MaxContent)];
            return (new OpenedDatagram(sender, new Incarnation(1), 77, first + (ulong)index, index, count, content.Length, false), content);
        })];
    }
}
