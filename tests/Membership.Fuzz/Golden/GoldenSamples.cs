// One thing of every kind that this software sends or writes, with every field set, and how to read it back. The bytes of a released
// version lie in tests/golden/VERSION; they are written once, by eng/fuzz --write-golden, and never changed.
using System.Collections.Immutable;
using System.Text;
using Membership.Arbiters.Scsi.Record;
using Membership.Engine;
using Membership.Engine.Arbitration;
using Membership.Engine.Protocol;
using Membership.Engine.Replication;
using Membership.Engine.Storage;
using Membership.Engine.Wire;
using Membership.Provider.Control;
using Membership.Provider.Inspection;

namespace Membership.Fuzz.Golden;

/// <param name="Name">Name of its file.</param>
/// <param name="Bytes">As this version writes it.</param>
/// <param name="Read">What this version reads in such bytes.</param>
/// <param name="IsRepeatable">Whether this version writes the same bytes every time; sealed things carry a random id.</param>
internal sealed record GoldenSample(string Name, byte[] Bytes, Func<byte[], object> Read, bool IsRepeatable = true);

internal static class GoldenSamples
{
    private const string Cluster = "plant-7 Ünna";
    private static readonly NodeId One = new(1), Two = new(2), Three = new(3), Far = new(1000);
    private static readonly ClusterKey Key = ClusterKey.FromBytes([.. Enumerable.Range(1, ClusterKey.Size).Select(static number => (byte)number)]);

    private static readonly ClusterView Older = new(
        new Epoch(7), [new ClusterMember(One, new Incarnation(4), 1, 1001), new ClusterMember(Two, new Incarnation(9), 2, -2002), new ClusterMember(Three, new Incarnation(1), 0, 3003)],
        new QuorumRule(QuorumPolicy.NodeAndWitnessMajority, TieBreaker.LowestNode, true), ClusterTiming.Lan, One, Two, Three, NodeSet.Of(3), default, new Epoch(6));

    private static readonly ClusterView Newer = new(
        new Epoch((1L << 32) + 8), [new ClusterMember(One, new Incarnation(4), 1, 1001), new ClusterMember(Far, new Incarnation(2), 3, 4004)],
        new QuorumRule(QuorumPolicy.NodeMajority, TieBreaker.None, false), ClusterTiming.Default, default, Far, default, default, One, new Epoch(7));

    private static readonly MessageHeader Header = new()
    {
        From = Two, FromIncarnation = new Incarnation(9), To = One, ToIncarnation = new Incarnation(4), InForce = Older.Id, Sequence = 123456789012, Acknowledged = 987654,
        OwnershipRemaining = TimeSpan.FromMilliseconds(1234.5), Flags = HeaderFlags.AckRequested | HeaderFlags.Hears | HeaderFlags.SecondMaster,
    };

    private static readonly UpdateBatch Batch = new(Two, new Incarnation(9), 17,
    [
        new TableUpdate("silos", [new RowChange(RowChangeKind.Insert, "a", new byte[] { 1, 2 }), new RowChange(RowChangeKind.Touch, "ключ", ReadOnlyMemory<byte>.Empty, 5)], 4, true, false),
        new TableUpdate("roles", [new RowChange(RowChangeKind.Put, "b", new byte[] { 255 }, -1), new RowChange(RowChangeKind.Delete, "c", ReadOnlyMemory<byte>.Empty, 3)], null, false, true),
    ]);

    private static readonly LogEntry Entry = new(41, new Epoch(7),
    [
        new JudgedBatch(Two, new Incarnation(9), 17,
        [
            new JudgedUpdate("silos", new TableUpdateVerdict(TableUpdateOutcome.Applied, 5, 40, [11, 12]), [new RowWrite("a", new byte[] { 1, 2 }, 11), new RowWrite("gone", null, 12)], false),
            new JudgedUpdate("roles", new TableUpdateVerdict(TableUpdateOutcome.EtagMismatch, 2, 40, [], "b"), [], true),
        ]),
    ]);

    private static readonly ClusterState State = new(
        new Epoch(3), 40, new Epoch(7),
        ClusterState.Empty.Tables.Add("silos", new TableState(5, 12, TableState.Empty.Rows.Add("a", new TableRow(new byte[] { 1, 2 }, 11)).Add("z", new TableRow(ReadOnlyMemory<byte>.Empty, 12)))),
        ClusterState.Empty.Origins.Add(Two, new OriginState(new Incarnation(9), 17)), 77);

    private static readonly StatusMessage Status = new(
        new ActivationId(new Epoch(7), 2), RegroupStage.Prune, StatusFlags.StoreLocked | StatusFlags.Persisted | StatusFlags.OwnsWitness | StatusFlags.Disqualified, NodeSet.Of(1, 2, 1000), NodeSet.Of(1, 2),
        [new ConnectivityRow(One, new Incarnation(4), NodeSet.Of(1, 2), NodeSet.Of(1, 2), StatusFlags.StoreLocked), new ConnectivityRow(Far, new Incarnation(2), NodeSet.Of(1, 1000), default, StatusFlags.Restarted)],
        Older, [Newer], new Epoch(9), new Epoch(8), -12345, 0xfedcba9876543210, new Decision(One, new Incarnation(4), Newer, NodeSet.Of(2), NodeSet.Of(2, 3)), 3, NodeSet.Of(3), NodeSet.Of(2),
        new StateTip(40, new Epoch(7), 41));

    private static readonly ControlResponse Answer = new()
    {
        Status = MembershipStatus.Transient, Message = "The cluster was changing meanwhile: try again.", Text = "node 2 life 9 Member", Keys = ["32f11949", "00000001"],
    };

    private sealed record SentMessage(MessageHeader Header, MessageBody? Body);

    private sealed record SentDatagram(NodeId Sender, Incarnation Incarnation, ulong Counter, object Message);

    private sealed record SentHello(NodeId Sender, Incarnation Incarnation, byte[] Challenge);

    private sealed record SeenFile(string Witness, long Mark);

    private sealed record ViewFile(string ClusterId, NodeId Node, long Generation, StoredState State);

    public static ImmutableArray<GoldenSample> All { get; } =
    [
        Message(null),
        Message(Status),
        Message(Status, MessageForm.Brief),
        Message(Status, MessageForm.Named, "status-named"),
        Message(new PetitionMessage(1, 0xfedcba9876543210, -77, true, false, Older.Id, new Epoch(9), true)),
        Message(new PetitionReplyMessage(MembershipStatus.Fault, One, new Incarnation(10), "Knoten „zwei“ läuft noch")),
        Message(new JoinStartMessage(-5, Far, new Incarnation(2), Older)),
        Message(new JoinReadyMessage(-5, new Epoch(9), true, 4004)),
        Message(new JoinPrepareMessage(-5, Older, Newer, State)),
        Message(new JoinPreparedMessage(-5, Newer.Id)),
        Message(new JoinFailedMessage(-5, MembershipStatus.Transient)),
        Message(new PoisonMessage(new Incarnation(4), new Epoch(8))),
        Message(new PoisonAcknowledgedMessage(new Incarnation(4), new Epoch(8), true)),
        Message(new RoleChangeMessage(RoleChange.Qualify, Three)),
        Message(new UpdateRequestMessage(Batch)),
        Message(new UpdatePrepareMessage(Entry, 39, new Epoch(6))),
        Message(new UpdatePreparedMessage(41, new Epoch(7))),
        Message(new UpdateCommitMessage(41, new Epoch(7))),
        Message(new StateAskMessage(39, 41)),
        Message(new StateOfferMessage(41, State, Entry, Entry, true)),
        Datagram("datagram-sealed", new KeyRing(Key)),
        Datagram("datagram-plain", null),
        Hello(),
        new GoldenSample("view", ViewBytes(Older), static bytes => ViewCodec.TryRead(bytes, out ClusterView? view, out _) ? view! : throw new FormatException("no view")),
        new GoldenSample("view-file", ViewStoreFormat.Encode(Cluster, Two, 12, StoredState.Empty(-2002).WithInForce(Older).WithPending(Newer) with { Incarnation = new Incarnation(9), HighestEpochSeen = new Epoch(1L << 33) }),
            static bytes =>
            {
                (string cluster, NodeId node, long generation, StoredState state) = ViewStoreFormat.Decode(bytes);
                return new ViewFile(cluster, node, generation, state);
            }),
        new GoldenSample("witness-seen", WitnessSeen.Encode("witness directory /srv/witness-7", (1L << 40) + 3), static bytes =>
            {
                (string witness, long mark) = WitnessSeen.Decode(bytes);
                return new SeenFile(witness, mark);
            }),
        new GoldenSample("witness-record", Record().Encode(), static bytes => WitnessRecord.Decode(bytes)),
        new GoldenSample("lun-header", WitnessLayout.For(Cluster, 16, 512).Encode(), static bytes => WitnessLayout.Decode(bytes, out string? trouble) ?? throw new FormatException(trouble)),
        new GoldenSample("lun-slot-head", Head().Encode(WitnessLayout.For(Cluster, 16, 512)),
            static bytes => SlotHead.Decode(WitnessLayout.For(Cluster, 16, 512), Two, bytes, bytes) ?? throw new FormatException("no head")),
        new GoldenSample("lun-slot-body", SlotBody.Encode([Older, Newer]), static bytes => SlotBody.TryDecode(bytes, out ImmutableArray<ClusterView> views) ? views : throw new FormatException("no body")),
        Control("control-qualify", """{"verb":"qualify","node":3,"qualified":false,"timeoutMs":1500}"""),
        Control("control-journal", """{"verb":"journal","lines":20,"text":"x"}"""),
        new GoldenSample("control-answer", Framed(Answer), static bytes =>
        {
            using var stream = new MemoryStream(bytes);
            return ControlFrame.ReadAsync(stream, SnapshotJsonContext.Default.ControlResponse, ControlFrame.MaxResponse, CancellationToken.None).GetAwaiter().GetResult() ?? throw new FormatException("no answer");
        }),
    ];

    public static GoldenSample? Find(string name) => All.FirstOrDefault(sample => sample.Name == name);

    private static GoldenSample Message(MessageBody? body, MessageForm form = MessageForm.Plain, string? name = null)
    {
        MessageKind kind = MessageCodec.KindOf(body, form);
        MessageCodec.TryEncodeBody(body, form, default, out int length);
        var bytes = new byte[MessageCodec.HeaderSize + length];
        MessageCodec.TryEncodeBody(body, form, bytes, out _);
        MessageCodec.EncodeHeader(in Header, kind, length, bytes);
        return new GoldenSample(name ?? $"message-{kind.ToString().ToLowerInvariant()}", bytes, ReadMessage);
    }

    private static SentMessage ReadMessage(byte[] bytes)
    {
        // A reader that has heard of the views.
        var memory = new WireMemory();
        memory.Views.Note(Status);
        DecodeResult result = memory.TryDecode(bytes, out MessageHeader header, out MessageBody? body);
        return result == DecodeResult.Ok ? new SentMessage(header, body) : throw new FormatException($"a message is {result}");
    }

    private static GoldenSample Datagram(string name, KeyRing? keys)
    {
        using var sealer = new DatagramSealer(Cluster, Two, keys);
        var datagram = new byte[DatagramSealer.MaxDatagramSize];
        int length = sealer.Seal(One, new Incarnation(9), Message(null).Bytes, datagram);
        return new GoldenSample(name, datagram[..length], bytes =>
        {
            using var opener = new DatagramOpener(Cluster, One, NodeSet.Of(1, 2), keys);
            var content = new byte[bytes.Length];
            DatagramDropReason reason = opener.TryOpen(bytes, content, out OpenedDatagram opened);
            return reason == DatagramDropReason.None ? new SentDatagram(opened.Sender, opened.Incarnation, opened.Counter, ReadMessage(content[..opened.Length])) : throw new FormatException($"a datagram is {reason}");
        }, IsRepeatable: false);
    }

    private static GoldenSample Hello()
    {
        using var sealer = new DatagramSealer(Cluster, Two, new KeyRing(Key));
        var hello = new byte[DatagramHeader.Overhead + 16];
        sealer.SealHello(One, new Incarnation(9), [.. Enumerable.Range(100, 16).Select(static number => (byte)number)], hello);
        return new GoldenSample("tripwire-hello", hello, static bytes =>
        {
            using var opener = new DatagramOpener(Cluster, One, NodeSet.Of(1, 2), new KeyRing(Key));
            var content = new byte[16];
            DatagramDropReason reason = opener.TryOpenHello(bytes, content, out NodeId sender, out Incarnation incarnation);
            return reason == DatagramDropReason.None ? new SentHello(sender, incarnation, content) : throw new FormatException($"a hello is {reason}");
        }, IsRepeatable: false);
    }

    private static byte[] ViewBytes(ClusterView view)
    {
        var bytes = new byte[ViewCodec.Measure(view)];
        ViewCodec.Write(view, bytes);
        return bytes;
    }

    private static WitnessRecord Record()
        => (WitnessRecord.Blank(Cluster) with
        {
            Generation = 33, Owner = new WitnessOwner(Two, new Incarnation(9), new Guid("01020304-0506-0708-090a-0b0c0d0e0f10")), Renewals = 5, OwnershipPeriod = TimeSpan.FromSeconds(3.5),
        }).WithSlot(One, [Older]).WithSlot(Two, [Older, Newer]);

    private static SlotHead Head()
        => new(Two, 12, ClaimState.Active, 33, new Incarnation(9), new Guid("01020304-0506-0708-090a-0b0c0d0e0f10"), 5, TimeSpan.FromSeconds(3.5), 1, 80, [.. Enumerable.Range(0, 32).Select(static number => (byte)number)]);

    private static byte[] Framed(ControlResponse answer)
    {
        using var stream = new MemoryStream();
        ControlFrame.WriteAsync(stream, answer, SnapshotJsonContext.Default.ControlResponse, ControlFrame.MaxResponse, CancellationToken.None).GetAwaiter().GetResult();
        return stream.ToArray();
    }

    private static GoldenSample Control(string name, string json)
    {
        byte[] content = Encoding.UTF8.GetBytes(json);
        return new GoldenSample(name, [0, 0, 0, (byte)content.Length, .. content], static bytes =>
        {
            using var stream = new MemoryStream(bytes);
            return ControlFrame.ReadAsync(stream, SnapshotJsonContext.Default.ControlRequest, ControlFrame.MaxRequest, CancellationToken.None).GetAwaiter().GetResult() ?? throw new FormatException("no request");
        });
    }
}
