// The brief status: says the same as the plain one, in fewer bytes; a named view is understood by whoever remembers it, and by nobody else.
using System.Reflection;
using FsCheck;
using FsCheck.Fluent;
using Membership.Engine.Protocol;
using Membership.Engine.Wire;
using Xunit;

namespace Membership.Engine.Tests.Wire;

public sealed class BriefStatusTests
{
    private static readonly MessageHeader Header = new() { From = new NodeId(1), To = new NodeId(2), FromIncarnation = new Incarnation(1) };

    private static Gen<StatusMessage> Statuses => Arbitrary.Bodies[MessageKind.Status].Select(static body => (StatusMessage)body);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Every_status_survives_the_wire_in_brief_and_by_name(bool named) => ForAll(Statuses, 300, status =>
    {
        byte[] bytes = Encode(status, named);
        var memory = new WireMemory(capacity: 64);
        memory.Views.Note(status);
        Assert.Equal(DecodeResult.Ok, Read(memory, bytes, out MessageHeader header, out MessageBody? body, out bool learnt));
        Assert.False(learnt);
        Assert.Equal(Header, header);
        Assert.Equal(status, body);
        Assert.True(MessageCodecTests.Same(status, body));
        var read = (StatusMessage)body!;
        Assert.Equal(status.Decision?.View.QuorumOwner, read.Decision?.View.QuorumOwner);
        Assert.Equal(status.Pending.Select(static view => view.QuorumOwner), read.Pending.Select(static view => view.QuorumOwner));
        Assert.Equal(bytes, Encode(read, named));
    });

    [Fact]
    public void In_brief_no_status_is_longer_than_in_the_words_of_version_1_0_but_for_a_byte_per_view() => ForAll(Statuses, 300, static status =>
    {
        int views = status.Pending.Length + 2;
        Assert.InRange(Encode(status, named: false).Length, 1, MessageCodec.Measure(status) + views);
        Assert.InRange(Encode(status, named: true).Length, 1, Encode(status, named: false).Length);
    });

    [Fact]
    public void A_view_is_in_a_message_once_however_often_it_is_said()
    {
        ClusterView view = View(100, 5);
        StatusMessage status = Status(view) with { Pending = [view], StoredInForce = view };
        Assert.InRange(Encode(status, named: false).Length, 100 * ViewCodec.MemberBytes, 100 * ViewCodec.MemberBytes + 400);
        // Whichever of them is the same as which.
        ClusterView[] views = [View(2, 5), View(2, 6), View(3, 6)];
        for (int mix = 0; mix < 81; mix++)
        {
            ClusterView At(int place) => views[mix / (int)Math.Pow(3, place) % 3];
            StatusMessage mixed = Status(At(0)) with { StoredInForce = At(1), Pending = [At(2), At(3)] };
            Assert.Equal(DecodeResult.Ok, Read(new WireMemory(), Encode(mixed, named: false), out _, out MessageBody? body, out _));
            Assert.Equal(mixed, body);
        }
    }

    [Fact]
    public void A_status_of_1024_nodes_that_names_its_views_is_a_few_hundred_bytes()
        => Assert.InRange(Encode(Status(View(NodeId.MaxValue, 5)) with { Heard = View(NodeId.MaxValue, 5).Nodes.Without(new NodeId(500)) }, named: true).Length, 100, 350);

    [Fact]
    public void A_name_that_means_nothing_here_is_told_apart_from_garbage_and_means_something_once_the_view_was_read()
    {
        ClusterView view = View(3, 5), other = View(3, 6);
        var memory = new WireMemory();
        Assert.Equal(DecodeResult.UnknownView, Read(memory, Encode(Status(view), named: true), out MessageHeader header, out MessageBody? body, out _));
        Assert.Null(body);
        Assert.Equal(new NodeId(1), header.From);
        Assert.Equal(DecodeResult.Ok, Read(memory, Encode(Status(other), named: false), out _, out _, out bool learnt));
        Assert.True(learnt);
        Assert.Equal(DecodeResult.UnknownView, Read(memory, Encode(Status(view), named: true), out _, out _, out _));
        Assert.Equal(DecodeResult.Ok, Read(memory, Encode(Status(view), named: false), out _, out _, out _));
        Assert.Equal(DecodeResult.Ok, Read(memory, Encode(Status(view), named: true), out _, out body, out learnt));
        Assert.False(learnt);
        Assert.Equal(view, ((StatusMessage)body!).Decision!.View);
        // Half a name is none: the epoch is right, the content another.
        byte[] bytes = Encode(Status(view), named: true);
        bytes[IndexOf(bytes, BitConverter.GetBytes(view.Id.Hash))] ^= 1;
        Assert.Equal(DecodeResult.UnknownView, Read(memory, bytes, out _, out _, out _));
    }

    [Fact]
    public void What_a_name_is_resolved_to_has_that_id_whatever_was_said_before() => ForAll(Statuses.ListOf(6), 50, static statuses =>
    {
        // Whatever a member says, the id is computed from what was read.
        var memory = new WireMemory();
        foreach (StatusMessage status in statuses) Read(memory, Encode(status, named: false), out _, out _, out _);
        foreach (StatusMessage status in statuses)
        {
            if (Read(memory, Encode(status, named: true), out _, out MessageBody? body, out _) != DecodeResult.Ok) continue;
            var read = (StatusMessage)body!;
            foreach (ClusterView view in read.Decision is { } decision ? read.Pending.Add(decision.View) : read.Pending)
                Assert.Equal(view.Id, new ClusterView(view.Epoch, view.Members, view.Rule, view.Timing, view.Master, view.ViceMaster, view.QuorumOwner, view.Disqualified, view.FormerMaster, view.BaseEpoch).Id);
        }
    });

    [Fact]
    public void The_owner_of_the_witness_is_no_part_of_a_views_id_and_is_said_with_its_name()
    {
        ClusterView view = View(3, 5), owned = new(view.Epoch, view.Members, view.Rule, view.Timing, quorumOwner: new NodeId(2));
        Assert.Equal(view.Id, owned.Id);
        var memory = new WireMemory();
        memory.Views.Note(Status(view));
        foreach (ClusterView said in new[] { owned, view, owned })
        {
            Assert.Equal(DecodeResult.Ok, Read(memory, Encode(Status(said), named: true), out _, out MessageBody? body, out _));
            Assert.Equal(said.QuorumOwner, ((StatusMessage)body!).Decision!.View.QuorumOwner);
            Assert.Equal(said.QuorumOwner, ((StatusMessage)body!).Pending[0].QuorumOwner);
        }
    }

    [Fact]
    public void The_view_that_was_not_used_for_longest_is_forgotten_first()
    {
        var memory = new ViewMemory(3);
        ClusterView[] views = [.. Enumerable.Range(1, 4).Select(static epoch => View(2, epoch))];
        foreach (ClusterView view in views[..3]) Assert.True(memory.Note(Status(view)));
        Assert.NotNull(memory.Find(views[0].Id));
        Assert.True(memory.Note(Status(views[3])));
        Assert.Equal([true, false, true, true], views.Select(view => memory.Find(view.Id) is not null));
        Assert.False(new ViewMemory(0).Note(Status(views[0])));
    }

    [Fact]
    public void The_views_of_a_join_are_remembered_too()
    {
        var memory = new ViewMemory();
        Assert.True(memory.Note(new JoinPrepareMessage(1, View(2, 5), View(3, 6), null)));
        Assert.NotNull(memory.Find(View(2, 5).Id));
        Assert.NotNull(memory.Find(View(3, 6).Id));
        Assert.False(memory.Note(null));
    }

    [Fact]
    public void Version_1_0_takes_the_brief_status_for_a_kind_of_a_later_version_and_is_never_sent_one()
    {
        var today = new WireMemory();
        var earlier = new WireMemory(minorVersion: 0);
        Assert.Equal(DecodeResult.UnknownKind, Read(earlier, Encode(Status(View(3, 5)), named: false), out _, out _, out _));
        MessageHeader to = Header with { To = new NodeId(7), NamesViews = true };
        StatusMessage status = Status(View(3, 5));
        Assert.Equal(MessageForm.Plain, today.FormOf(in to, status));
        Hear(today, 7, minor: 0);
        Assert.Equal(MessageForm.Plain, today.FormOf(in to, status));
        Hear(today, 7, minor: 1);
        Assert.Equal(MessageForm.Named, today.FormOf(in to, status));
        Assert.Equal(MessageForm.Brief, today.FormOf(to with { NamesViews = false }, status));
        Assert.Equal(MessageForm.Plain, today.FormOf(in to, new JoinReadyMessage(1, default, false, 1)));
        Assert.Equal(MessageForm.Plain, today.FormOf(in to, null));
        // It goes back to the version before.
        Hear(today, 7, minor: 0);
        Assert.Equal(MessageForm.Plain, today.FormOf(in to, status));
        Hear(earlier, 7, minor: 1);
        Assert.Equal(MessageForm.Plain, earlier.FormOf(in to, status));
    }

    [Fact]
    public void Every_set_survives_as_ranges_or_words_and_is_never_longer_than_its_words() => ForAll(Sets, 3000, static set =>
    {
        var bytes = new byte[200];
        var writer = new WireWriter(bytes);
        writer.CompactSet(set);
        Assert.InRange(writer.Position, 1, 1 + set.WordCount * sizeof(ulong));
        var reader = new WireReader(bytes.AsSpan(0, writer.Position));
        Assert.Equal(set, reader.CompactSet());
        Assert.True(reader.AtEnd);
        for (int length = 0; length < writer.Position; length++)
        {
            var cut = new WireReader(bytes.AsSpan(0, length));
            cut.CompactSet();
            Assert.True(cut.Failed);
        }
    });

    [Theory]
    [InlineData(0, 3)]
    [InlineData(5, 4)]
    [InlineData(1, 1025)]
    [InlineData(1025, 1025)]
    [InlineData(1, 65535)]
    [InlineData(1, 4, 4, 6)]
    [InlineData(1, 4, 5, 6)]
    [InlineData(7, 9, 1, 2)]
    public void Ranges_that_are_backwards_beyond_the_last_number_or_in_each_other_are_refused(params int[] bounds)
    {
        byte[] bytes = [(byte)(WireWriter.CompactRanges | bounds.Length / 2), .. bounds.SelectMany(static bound => new[] { (byte)bound, (byte)(bound >> 8) })];
        var reader = new WireReader(bytes);
        Assert.Equal(default, reader.CompactSet());
        Assert.True(reader.Failed);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Every_truncation_is_refused_and_no_flipped_bit_throws(bool named) => ForAll(Statuses, 15, status =>
    {
        byte[] bytes = Encode(status, named);
        var memory = new WireMemory(capacity: 64);
        memory.Views.Note(status);
        int step = Math.Max(1, bytes.Length / 1500);
        for (int length = 0; length < bytes.Length; length += step) Assert.Equal(DecodeResult.Malformed, Read(memory, bytes.AsSpan(0, length), out _, out _, out _));
        Assert.Equal(DecodeResult.Malformed, Read(memory, [.. bytes, 0], out _, out _, out _));
        for (int bit = 8; bit < bytes.Length * 8; bit += Math.Max(1, bytes.Length * 8 / 3001))
        {
            bytes[bit / 8] ^= (byte)(1 << bit % 8);
            Read(memory, bytes, out _, out _, out _);
            bytes[bit / 8] ^= (byte)(1 << bit % 8);
        }
    });

    [Fact]
    public void Statuses_are_equal_by_contents_and_every_field_of_theirs_counts()
    {
        StatusMessage one = Full(3), same = Full(3), other = Full(4);
        Assert.Equal(one, same);
        Assert.Equal(one.GetHashCode(), same.GetHashCode());
        PropertyInfo[] properties = [.. typeof(StatusMessage).GetProperties().Where(static property => property.CanWrite && property.Name != nameof(MessageBody.Kind))];
        Assert.Equal(17, properties.Length);
        foreach (PropertyInfo property in properties)
        {
            StatusMessage changed = one with { };
            property.SetValue(changed, property.GetValue(other));
            Assert.False(one.Equals(changed), property.Name);
        }
    }

    // Every field differs from one number to the next.
    private static StatusMessage Full(int number)
    {
        ClusterView view = View(number, number);
        NodeSet set = NodeSet.Of(number);
        return new StatusMessage(
            new ActivationId(new Epoch(number), 1), (RegroupStage)number, (StatusFlags)number, set, set, [new ConnectivityRow(new NodeId(number), new Incarnation(1), set, set, StatusFlags.None)],
            view, [view], new Epoch(number), new Epoch(number), number, (ulong)number, new Decision(new NodeId(number), new Incarnation(1), view, default, default), number, set, set,
            new StateTip(number, Epoch.None, 0));
    }

    private static Gen<NodeSet> Sets => Gen.OneOf(
        Arbitrary.Set,
        from first in Gen.Choose(1, NodeId.MaxValue) from last in Gen.Choose(1, NodeId.MaxValue) from missing in Gen.Choose(1, NodeId.MaxValue)
        select NodeSet.From(Enumerable.Range(Math.Min(first, last), Math.Abs(last - first) + 1).Where(number => number != missing).Select(static number => new NodeId(number))),
        from odd in Gen.Choose(1, NodeId.MaxValue) select NodeSet.From(Enumerable.Range(1, odd).Where(static number => number % 2 == 1).Select(static number => new NodeId(number))));

    internal static ClusterView View(int members, long epoch)
        => new(new Epoch(epoch), Enumerable.Range(1, members).Select(static number => new ClusterMember(new NodeId(number), new Incarnation(1), 1, 5)), new QuorumRule(QuorumPolicy.NodeMajority, TieBreaker.LowestNode, false), ClusterTiming.Default);

    internal static StatusMessage Status(ClusterView decided)
        => new(new ActivationId(new Epoch(4), 1), RegroupStage.Prune, StatusFlags.Persisted, decided.Nodes, decided.Nodes, [], null, [decided], decided.Epoch, decided.Epoch, 77, 1,
            new Decision(new NodeId(1), new Incarnation(1), decided, default, default), 0, default, default, default);

    internal static byte[] Encode(StatusMessage status, bool named, MessageHeader? header = null)
    {
        MessageForm form = named ? MessageForm.Named : MessageForm.Brief;
        Assert.False(MessageCodec.TryEncodeBody(status, form, default, out int length));
        var bytes = new byte[MessageCodec.HeaderSize + length];
        Assert.True(MessageCodec.TryEncodeBody(status, form, bytes, out _));
        MessageCodec.EncodeHeader(header ?? Header, MessageCodec.KindOf(status, form), length, bytes);
        return bytes;
    }

    private static DecodeResult Read(WireMemory memory, ReadOnlySpan<byte> bytes, out MessageHeader header, out MessageBody? body, out bool learnt)
    {
        DecodeResult result = memory.TryDecode(bytes, out header, out body);
        learnt = result is DecodeResult.Ok or DecodeResult.UnknownView && memory.Learn(bytes, header.From, body);
        return result;
    }

    private static int IndexOf(byte[] bytes, byte[] part) => bytes.AsSpan().IndexOf(part) is var at and >= 0 ? at : throw new InvalidOperationException("not in there");

    private static void Hear(WireMemory memory, int from, byte minor)
    {
        var bytes = new byte[MessageCodec.HeaderSize];
        MessageCodec.EncodeHeader(Header with { From = new NodeId(from) }, MessageKind.Heartbeat, 0, bytes, minor);
        Assert.Equal(DecodeResult.Ok, Read(memory, bytes, out _, out _, out _));
    }

    private static void ForAll<T>(Gen<T> values, int count, Action<T> check)
        => Prop.ForAll(values.ToArbitrary(), check).Check(Config.QuickThrowOnFailure.WithMaxTest(count).WithQuietOnSuccess(true));
}
