// Messages through a whole channel: what is sent is what arrives, on the path it was sent on; what is wrong ends in a counter.
using System.Collections.Concurrent;
using Membership.Engine.Protocol;
using Membership.Engine.Tests.Transport;
using Membership.Engine.Transport;
using Membership.Engine.Wire;
using Xunit;
using static Membership.Engine.Tests.Wire.Sealing;

namespace Membership.Engine.Tests.Wire;

public sealed class MessageChannelTests : IAsyncLifetime
{
    private readonly KeyRing _keys = KeyRing.Generate();
    private readonly InMemoryNetwork _network = new(pathCount: 2);
    private readonly ConcurrentQueue<(MessageHeader Header, int Path, MessageBody? Body)> _atTwo = [], _atThree = [];
    private readonly MessageChannel _one, _two, _three;
    private readonly InMemoryTransport _rogue;

    public MessageChannelTests()
    {
        _one = Channel(One, static (in _, _, _) => { });
        _two = Channel(Two, (in header, path, body) => _atTwo.Enqueue((header, path, body)));
        _three = Channel(Three, (in header, path, body) => _atThree.Enqueue((header, path, body)));
        _rogue = _network.CreateTransport(new NodeId(4));
    }

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        foreach (MessageChannel channel in new[] { _one, _two, _three }) await channel.StartAsync(Cancelled);
        await _rogue.StartAsync(static (_, _) => { }, Cancelled);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (MessageChannel channel in new[] { _one, _two, _three }) await channel.DisposeAsync();
        await _rogue.DisposeAsync();
    }

    [Fact]
    public async Task A_broadcast_with_heartbeats_in_between_reaches_everyone_with_the_right_body()
    {
        var ready = new JoinReadyMessage(7, new Epoch(3), true, 99);
        var poison = new PoisonMessage(new Incarnation(4), new Epoch(5));
        Assert.True(_one.Send(Header(Two, 1), 0, ready));
        Assert.True(_one.Send(Header(Three, 1), 0, null));
        Assert.True(_one.Send(Header(Three, 2), 0, ready));
        Assert.True(_one.Send(Header(Two, 2), 0, poison));
        Assert.True(_one.Send(Header(Two, 3), 0, ready));
        await Loopback.Until("all arrived", () => _atTwo.Count == 3 && _atThree.Count == 2);
        Assert.Equal([ready, poison, ready], _atTwo.Select(static message => message.Body));
        Assert.Equal([1UL, 2UL, 3UL], _atTwo.Select(static message => message.Header.Sequence));
        Assert.Equal([null, ready], _atThree.Select(static message => message.Body));
        Assert.All(_atThree, static message => Assert.Equal((One, Three), (message.Header.From, message.Header.To)));
    }

    [Fact]
    public async Task Path_minus_one_is_every_path()
    {
        Assert.True(_one.Send(Header(Two, 1), -1, null));
        Assert.True(_one.Send(Header(Two, 2), 1, null));
        await Loopback.Until("all arrived", () => _atTwo.Count == 3);
        Assert.Equal([(1UL, 0), (1UL, 1), (2UL, 1)], _atTwo.Select(static message => (message.Header.Sequence, message.Path)).Order());
        _network.Copies = static (_, _, path) => path == 0 ? 0 : 1;
        Assert.True(_one.Send(Header(Two, 3), -1, null));
        await Loopback.Until("it arrived on the other path", () => _atTwo.Count == 4);
    }

    [Fact]
    public async Task A_doubled_datagram_is_one_message()
    {
        _network.Copies = static (_, _, _) => 2;
        for (ulong i = 1; i <= 100; i++) _one.Send(Header(Two, i), 0, null);
        await Loopback.Until("all copies came", () => _two.Counters.Dropped(DatagramDropReason.Replayed) == 100);
        Assert.Equal(100, _atTwo.Count);
    }

    [Fact]
    public async Task Of_a_former_life_only_a_petition_passes()
    {
        _one.Send(Header(Two, 1, incarnation: 9), 0, null);
        await Loopback.Until("the life is known", () => _atTwo.Count == 1);
        using DatagramSealer wiped = Sealer(One, _keys);
        var petition = new PetitionMessage(1, 2, 3, true, true, ViewId.None, Epoch.None, false);
        Inject(wiped, MessageCodecTests.Encode(Header(Two, 1, incarnation: 1), null), 1);
        Inject(wiped, MessageCodecTests.Encode(Header(Two, 2, incarnation: 1), FragmentTests.LargeStatus() with { Rows = [] }), 1, fragmented: true);
        Inject(wiped, MessageCodecTests.Encode(Header(Two, 3, incarnation: 1), petition), 1);
        await Loopback.Until("the petition came", () => _atTwo.Count == 2);
        Assert.Equal(petition, _atTwo.Last().Body);
        Assert.Equal(2, _two.Counters.Dropped(DatagramDropReason.OldIncarnation));
    }

    [Fact]
    public async Task What_is_authentic_but_no_message_is_counted_by_reason()
    {
        using DatagramSealer sealer = Sealer(One, _keys);
        byte[] good = MessageCodecTests.Encode(Header(Two, 1), null);
        Inject(sealer, good[..20]);
        Inject(sealer, MessageCodecTests.Encode(Header(Two, 1) with { From = Three }, null));
        Inject(sealer, MessageCodecTests.Encode(Header(Two, 1, incarnation: 2), null));
        Inject(sealer, [.. good.Select(static (value, index) => index == 0 ? (byte)2 : value)]);
        Inject(sealer, [.. good.Select(static (value, index) => index switch { 1 => (byte)(MessageCodec.MinorVersion + 1), 2 => (byte)99, _ => value })]);
        await Loopback.Until("all were counted", () => _two.Counters.TotalDropped == 5);
        Assert.Equal(3, _two.Counters.Dropped(DatagramDropReason.Malformed));
        Assert.Equal(1, _two.Counters.Dropped(DatagramDropReason.OtherMajorVersion));
        Assert.Equal(1, _two.Counters.Dropped(DatagramDropReason.UnknownKind));
        Assert.Empty(_atTwo);
    }

    [Fact]
    public async Task A_heartbeat_through_two_channels_allocates_nothing()
    {
        int arrived = 0;
        var left = new DirectTransport();
        var right = new DirectTransport { Peer = left };
        left.Peer = right;
        await using var sender = new MessageChannel(left, Sealer(One, _keys), Opener(One, _keys), new DatagramCounters(), static (in _, _, _) => { });
        await using var receiver = new MessageChannel(right, Sealer(Two, _keys), Opener(Two, _keys), new DatagramCounters(), (in _, _, _) => arrived++);
        await sender.StartAsync(Cancelled);
        await receiver.StartAsync(Cancelled);
        ulong sent = 0;
        while (sent < 100) sender.Send(Header(Two, ++sent), 0, null);
        Assert.Equal(0, Allocation.LeastOf(() =>
        {
            for (int i = 0; i < 5000; i++) sender.Send(Header(Two, ++sent), 0, null);
        }));
        Assert.Equal((int)sent, arrived);
    }

    [Fact]
    public async Task A_status_that_names_its_view_reaches_whoever_read_the_view_and_one_that_overtook_it_waits_for_it()
    {
        StatusMessage status = BriefStatusTests.Status(BriefStatusTests.View(40, 5)), early = status with { Stage = RegroupStage.Close };
        // What the receivers speak is not known before they have said something.
        Assert.True(_one.Send(Header(Two, 1) with { NamesViews = true }, 0, status));
        await Loopback.Until("it came in full", () => _atTwo.Count == 1);
        Assert.True(_two.Send(new MessageHeader { From = Two, FromIncarnation = new Incarnation(1), To = One, Sequence = 1 }, 0, null));
        Assert.True(_three.Send(new MessageHeader { From = Three, FromIncarnation = new Incarnation(1), To = One, Sequence = 1 }, 0, null));
        await Loopback.Until("both were heard", () => _one.Counters.Delivered == 2);
        Assert.True(_one.Send(Header(Two, 2) with { NamesViews = true }, 0, status));
        await Loopback.Until("it came by name", () => _atTwo.Count == 2);
        Assert.All(_atTwo, message => Assert.Equal(status, message.Body));

        // To the third it is only a name until another message has the view.
        Assert.True(_one.Send(Header(Three, 2) with { NamesViews = true }, 0, early));
        Assert.True(_one.Send(Header(Three, 3), 0, status));
        await Loopback.Until("both came", () => _atThree.Count == 2);
        Assert.Equal([3UL, 2UL], _atThree.Select(static message => message.Header.Sequence));
        Assert.Equal([status, early], _atThree.Select(static message => message.Body));
        Assert.Equal(0, _three.Counters.TotalDropped);
    }

    [Fact]
    public async Task Of_the_messages_that_wait_for_a_view_the_newest_of_each_sender_is_kept_and_none_for_long()
    {
        Assert.True(_three.Send(new MessageHeader { From = Three, FromIncarnation = new Incarnation(1), To = One, Sequence = 1 }, 0, null));
        await Loopback.Until("it was heard", () => _one.Counters.Delivered == 1);
        for (ulong i = 1; i <= 5; i++) Assert.True(_one.Send(Header(Three, i) with { NamesViews = true }, 0, BriefStatusTests.Status(BriefStatusTests.View(40, (long)i))));
        await Loopback.Until("four gave way", () => _three.Counters.Dropped(DatagramDropReason.UnknownView) == 4);
        // The time that it waits is what is tested, and nothing else happens in it.
        await Task.Delay(2 * HeldMessages.Patience, Cancelled);
        Assert.True(_one.Send(Header(Three, 6), 0, BriefStatusTests.Status(BriefStatusTests.View(40, 5))));
        await Loopback.Until("the view came, too late", () => _three.Counters.Dropped(DatagramDropReason.UnknownView) == 5);
        await Loopback.Until("only the last one came", () => _atThree.Count == 1);
        Assert.Equal(6UL, _atThree.Single().Header.Sequence);
    }

    private static MessageHeader Header(NodeId to, ulong sequence, long incarnation = 1)
        => new() { From = One, FromIncarnation = new Incarnation(incarnation), To = to, Sequence = sequence };

    private MessageChannel Channel(NodeId self, MessageHandler handler)
        => new(_network.CreateTransport(self), Sealer(self, _keys), Opener(self, _keys), new DatagramCounters(), handler);

    private void Inject(DatagramSealer sealer, byte[] message, long incarnation = 1, bool fragmented = false)
    {
        int count = DatagramSealer.FragmentCount(message.Length);
        Assert.Equal(fragmented, count > 1);
        ulong first = sealer.Reserve(Two, count);
        var datagram = new byte[DatagramSealer.MaxDatagramSize];
        for (int i = 0; i < count; i++)
            _rogue.Send(Two, 0, datagram.AsSpan(0, sealer.SealFragment(Two, new Incarnation(incarnation), first, i, count, message, datagram)));
    }

    /// <summary>Delivers on the sender's own thread, so that one thread's allocations are all there are.</summary>
    private sealed class DirectTransport : IDatagramTransport
    {
        private DatagramHandler? _handler;

        public DirectTransport? Peer { get; set; }

        public int PathCount => 1;

        public ValueTask StartAsync(DatagramHandler handler, CancellationToken cancellationToken)
        {
            _handler = handler;
            return ValueTask.CompletedTask;
        }

        public bool Send(NodeId to, int path, ReadOnlySpan<byte> datagram)
        {
            Peer!._handler!(datagram, path);
            return true;
        }

        public void AddressSuspect(NodeId node)
        {
        }

        public ValueTask StopAsync() => ValueTask.CompletedTask;

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
