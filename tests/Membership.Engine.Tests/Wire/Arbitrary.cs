// Generators of everything that travels: sets up to node 1024, views, and every kind of message.
using System.Collections.Immutable;
using FsCheck;
using FsCheck.Fluent;
using Membership.Engine.Protocol;
using Membership.Engine.Replication;

namespace Membership.Engine.Tests.Wire;

internal static class Arbitrary
{
    public static readonly Gen<NodeId> AnyNode = Gen.Choose(0, NodeId.MaxValue).Select(static number => new NodeId(number));

    public static readonly Gen<NodeId> RealNode = Gen.Choose(1, NodeId.MaxValue).Select(static number => new NodeId(number));

    public static readonly Gen<NodeSet> Set = Gen.OneOf(
        Gen.Constant(default(NodeSet)),
        Gen.Choose(1, 64).ArrayOf().Select(static numbers => NodeSet.Of(numbers)),
        Gen.Choose(1, NodeId.MaxValue).ArrayOf().Select(static numbers => NodeSet.Of(numbers)),
        Gen.Constant(NodeSet.Of([.. Enumerable.Range(1, NodeId.MaxValue)])));

    public static readonly Gen<long> Number = Gen.OneOf(
        Gen.Choose(0, 5).Select(static value => (long)value),
        Gen.Elements(1L, int.MaxValue, uint.MaxValue, 1L << 32, long.MaxValue),
        from high in Gen.Choose(0, int.MaxValue) from low in Gen.Choose(0, int.MaxValue) select (long)high << 32 | (uint)low);

    public static readonly Gen<long> Signed = from number in Number from negative in Flag select negative ? ~number : number;

    public static readonly Gen<Epoch> AnyEpoch = Number.Select(static value => new Epoch(value));

    public static readonly Gen<Incarnation> AnyIncarnation = Number.Select(static value => new Incarnation(value));

    public static readonly Gen<string> Text = Gen.Elements("", "a", "duplicate live number", "Knoten „zwei“ läuft noch", "日本", "\U0001F600", new string('x', 1024));

    public static readonly Gen<ClusterTiming> Timing =
        from period in Gen.Choose(1, 10_000) from send in Gen.Choose(1, 100) from receive in Gen.Choose(2, 100)
        select new ClusterTiming(TimeSpan.FromMilliseconds(period), send, receive);

    public static readonly Gen<QuorumRule> Rule =
        from policy in Gen.Choose(0, 3) from tie in Gen.Choose(0, 1) from pinned in Flag
        select new QuorumRule((QuorumPolicy)policy, (TieBreaker)tie, pinned);

    public static readonly Gen<ClusterView> View =
        from size in Gen.Frequency((8, Gen.Choose(1, 9)), (1, Gen.Choose(10, 200)), (1, Gen.Constant(NodeId.MaxValue)))
        from nodes in RealNode.ArrayOf(size)
        from incarnation in Number from storeId in Signed from weight in Gen.Choose(0, 100)
        from epoch in AnyEpoch from rule in Rule from timing in Timing
        from master in AnyNode from vice in AnyNode from owner in AnyNode
        from disqualified in Set from former in AnyNode from handover in Flag from before in AnyEpoch
        select new ClusterView(
            epoch, nodes.Distinct().Select(node => new ClusterMember(node, new Incarnation(incarnation ^ node.Value), (weight + node.Value) % 7, storeId + node.Value)),
            rule, timing, handover ? default : master, vice, owner, disqualified, handover ? former : default, before);

    public static readonly Gen<ViewId> Id = from epoch in AnyEpoch from hash in Signed select new ViewId(epoch, (ulong)hash);

    public static readonly Gen<MembershipStatus> Outcome = Gen.Elements(Enum.GetValues<MembershipStatus>());

    public static readonly Gen<MessageHeader> Header =
        from fromNode in RealNode from life in AnyIncarnation from to in AnyNode from toLife in AnyIncarnation from inForce in Id
        from sequence in Signed from acknowledged in Signed from remaining in Number from flags in Gen.Choose(0, 255)
        select new MessageHeader
        {
            From = fromNode, FromIncarnation = life, To = to, ToIncarnation = toLife, InForce = inForce, Sequence = (ulong)sequence,
            Acknowledged = (ulong)acknowledged, OwnershipRemaining = new TimeSpan(remaining), Flags = (HeaderFlags)flags,
        };

    public static readonly ImmutableDictionary<MessageKind, Gen<MessageBody>> Bodies = new Dictionary<MessageKind, Gen<MessageBody>>
    {
        [MessageKind.Status] = Status.Select(static body => (MessageBody)body),
        [MessageKind.Petition] =
            from version in Gen.Choose(-1, int.MaxValue) from hash in Signed from store in Signed from locked in Flag from empty in Flag from view in Id from epoch in AnyEpoch
            from disqualified in Flag
            select (MessageBody)new PetitionMessage(version, (ulong)hash, store, locked, empty, view, epoch, disqualified),
        [MessageKind.PetitionReply] =
            from outcome in Outcome from coordinator in AnyNode from floor in AnyIncarnation from reason in Text
            select (MessageBody)new PetitionReplyMessage(outcome, coordinator, floor, reason),
        [MessageKind.JoinStart] =
            from id in Signed from joiner in AnyNode from life in AnyIncarnation from view in View select (MessageBody)new JoinStartMessage(id, joiner, life, view),
        [MessageKind.JoinReady] =
            from id in Signed from epoch in AnyEpoch from holds in Flag from store in Signed select (MessageBody)new JoinReadyMessage(id, epoch, holds, store),
        [MessageKind.JoinPrepare] =
            from id in Signed from current in View from next in View from given in Flag from state in State
            select (MessageBody)new JoinPrepareMessage(id, current, next, given ? state : null),
        [MessageKind.JoinPrepared] = from id in Signed from view in Id select (MessageBody)new JoinPreparedMessage(id, view),
        [MessageKind.JoinFailed] = from id in Signed from reason in Outcome select (MessageBody)new JoinFailedMessage(id, reason),
        [MessageKind.Poison] = from target in AnyIncarnation from epoch in AnyEpoch select (MessageBody)new PoisonMessage(target, epoch),
        [MessageKind.PoisonAcknowledged] =
            from target in AnyIncarnation from epoch in AnyEpoch from wasMaster in Flag select (MessageBody)new PoisonAcknowledgedMessage(target, epoch, wasMaster),
        [MessageKind.UpdateRequest] = from batch in Batch select (MessageBody)new UpdateRequestMessage(batch),
        [MessageKind.UpdatePrepare] =
            from entry in Entry from committed in Number from epoch in AnyEpoch select (MessageBody)new UpdatePrepareMessage(entry, committed, epoch),
        [MessageKind.UpdatePrepared] = from sequence in Number from epoch in AnyEpoch select (MessageBody)new UpdatePreparedMessage(sequence, epoch),
        [MessageKind.UpdateCommit] = from sequence in Number from epoch in AnyEpoch select (MessageBody)new UpdateCommitMessage(sequence, epoch),
        [MessageKind.StateAsk] = from applied in Number from promised in Number select (MessageBody)new StateAskMessage(applied, promised),
        [MessageKind.StateOffer] =
            from sequence in Number from state in State from last in Entry from promised in Entry from which in Gen.Choose(0, 15)
            select (MessageBody)new StateOfferMessage(sequence, (which & 1) != 0 ? state : null, (which & 2) != 0 ? last : null, (which & 4) != 0 ? promised : null, (which & 8) != 0),
        [MessageKind.RoleChange] = from change in Gen.Choose(0, 3) from node in AnyNode select (MessageBody)new RoleChangeMessage((RoleChange)change, node),
    }.ToImmutableDictionary();

    private static Gen<string> Key => Gen.Elements("a", "silo 127.0.0.1:11111@5", "ключ", "z");

    private static Gen<byte[]> Value => Gen.Elements<byte[]>([], [1], [0, 255, 7], new byte[300]);

    private static Gen<UpdateBatch> Batch =>
        from origin in RealNode from life in AnyIncarnation from number in Number
        from kind in Gen.Choose(0, 4) from key in Key from value in Value from etag in Signed from size in Gen.Choose(1, 4)
        from version in Signed from conditional in Flag from keep in Flag from clear in Flag
        let update = new TableUpdate("t", [new RowChange((RowChangeKind)kind, key, value, etag)], conditional ? version : null, keep, clear)
        select new UpdateBatch(origin, life, number, [.. Enumerable.Repeat(update, size)]);

    private static Gen<LogEntry> Entry =>
        from sequence in Number from epoch in AnyEpoch from origin in RealNode from life in AnyIncarnation from number in Number
        from outcome in Gen.Choose(0, 5) from version in Number from etag in Signed from key in Key from blocked in Flag from value in Value from deleted in Flag from clear in Flag
        from size in Gen.Choose(0, 4)
        let judged = new JudgedUpdate(
            "t", new TableUpdateVerdict((TableUpdateOutcome)outcome, version, sequence, [etag], blocked ? key : null), [new RowWrite(key, deleted ? (ReadOnlyMemory<byte>?)null : new ReadOnlyMemory<byte>(value), etag)], clear)
        select new LogEntry(sequence, epoch, [.. Enumerable.Repeat(new JudgedBatch(origin, life, number, [judged, judged]), size)]);

    private static Gen<ClusterState> State =>
        from generation in AnyEpoch from sequence in Number from version in Number from etag in Number from key in Key from value in Value from origin in RealNode from life in AnyIncarnation
        select new ClusterState(
            generation, sequence, generation,
            ClusterState.Empty.Tables.Add("t", new TableState(version, etag, TableState.Empty.Rows.Add(key, new TableRow(value, etag)))),
            ClusterState.Empty.Origins.Add(origin, new OriginState(life, sequence)), 99);

    private static Gen<bool> Flag => Gen.Elements(true, false);

    private static Gen<Decision> AnyDecision =>
        from decider in AnyNode from life in AnyIncarnation from view in View from voters in Set from removed in Set
        select new Decision(decider, life, view, voters, removed);

    private static Gen<ConnectivityRow> Row =>
        from node in RealNode from life in AnyIncarnation from heard in Set from closed in Set from flags in Gen.Choose(0, 511)
        select new ConnectivityRow(node, life, heard, closed, (StatusFlags)flags);

    private static Gen<StatusMessage> Status =>
        from epoch in AnyEpoch from attempt in Gen.Choose(0, int.MaxValue) from stage in Gen.Choose(0, 6) from flags in Gen.Choose(0, ushort.MaxValue)
        from heard in Set from closed in Set
        from rows in Row.ArrayOf()
        from hasView in Flag from inForce in View
        from pendings in Gen.Choose(0, 2) from pending in View.ArrayOf(pendings)
        from seen in AnyEpoch from persisted in AnyEpoch from store in Signed from hash in Signed
        from hasDecision in Flag from decision in AnyDecision from failures in Gen.Choose(0, int.MaxValue) from ejected in Set from released in Set
        from applied in Number from tipEpoch in AnyEpoch from pendingEntry in Number
        select new StatusMessage(
            new ActivationId(epoch, attempt), (RegroupStage)stage, (StatusFlags)flags, heard, closed, ImmutableArray.Create(rows), hasView ? inForce : null,
            ImmutableArray.Create(pending), seen, persisted, store, (ulong)hash, hasDecision ? decision : null, failures, ejected, released,
            new StateTip(applied, tipEpoch, pendingEntry));
}
