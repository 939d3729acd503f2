// Replicated state (design 6): the coordinator judges and numbers updates, one entry under way at a time; every member acknowledges an entry
// before it counts. A member that has promised an entry answers no read until it knows how that ended.
using Membership.Engine.Replication;

namespace Membership.Engine.Protocol;

/// <summary>Where the core puts a verdict, or the state that was read, before it completes the request that asks for it.</summary>
internal sealed class StateAnswer
{
    public TableUpdateVerdict? Verdict;
    public ClusterState? State;
}

/// <summary>How far a node's log goes: entries carried out, and the one promised, if any (0 = none).</summary>
internal readonly record struct StateTip(long Applied, Epoch PendingEpoch, long Pending)
{
    public long Highest => Math.Max(Applied, Pending);
}

internal sealed partial class MembershipCore
{
    /// <summary>What one entry may take on its way; a batch is at most half of it.</summary>
    private const int MaxEntryBytes = 2 * TableLimits.MaxUpdateBytes;

    private readonly Queue<(RequestId Request, TableUpdate Update, StateAnswer Answer)> _updates = new();
    private readonly List<(RequestId Request, StateAnswer Answer)> _underWay = [];
    private readonly List<(RequestId Request, StateAnswer Answer)> _reads = [];
    private readonly SortedDictionary<NodeId, UpdateBatch> _incoming = [];
    private UpdateBatch? _batch;
    private long _batchNumber;
    private MonotonicTime _stateSentAt = MonotonicTime.MinValue;

    private ClusterState _table = ClusterState.Empty;
    private LogEntry? _promised;
    private LogEntry? _lastEntry;
    private NodeSet _promisedBy;

    /// <summary>The epoch in which this node is known to have what every survivor has; None while it is not.</summary>
    private Epoch _stateEpoch;

    /// <summary>What the coordinator of a join gave this node.</summary>
    private (ViewId View, ClusterState State)? _joinState;

    /// <summary>What was carried out here so far; not a read, which would wait.</summary>
    public ClusterState StateNow => _table;

    private StateTip Tip => new(_table.Sequence, _promised?.Epoch ?? Epoch.None, _promised?.Sequence ?? 0);

    private bool StateIsReady => IsMember && _stateEpoch == InForceId.Epoch;

    /// <summary>Updates are taken and answered only between decisions, in one epoch, by whoever has that epoch's state.</summary>
    private bool MayReplicate => Phase is NodePhase.Member or NodePhase.Leaving && IsMember && !IsDeciding && _lingering is null;

    /// <summary>Asks for an update. Completes Ok with a verdict once every member has it; Fault when it can never be; NotMember when this node is none or leaves.</summary>
    public void Update(RequestId request, TableUpdate update, StateAnswer answer, MonotonicTime now)
    {
        if (!Begin(now)) return;
        if (Phase != NodePhase.Member) _effects.CompleteRequest(request, MembershipStatus.NotMember, null);
        else if (ClusterState.Refuse(update) is { } wrong) _effects.CompleteRequest(request, MembershipStatus.Fault, wrong);
        else if (_updates.Count + _underWay.Count >= TableLimits.MaxWaiting)
            _effects.CompleteRequest(request, MembershipStatus.Again, $"{TableLimits.MaxWaiting} updates wait already; ask again when some have completed");
        else
        {
            _updates.Enqueue((request, update, answer));
            SendOwnUpdates();
        }
        End();
    }

    /// <summary>Reads the state as it is at one moment between call and completion, everywhere: waits through regroups and for promised entries.</summary>
    public void ReadState(RequestId request, StateAnswer answer, MonotonicTime now)
    {
        if (!Begin(now)) return;
        if (Phase != NodePhase.Member) _effects.CompleteRequest(request, MembershipStatus.NotMember, null);
        else _reads.Add((request, answer));
        End();
    }

    /// <summary>After every input: reads that may be answered now are.</summary>
    private void AnswerReads()
    {
        if (_reads.Count == 0 || !StateIsReady || (_promised is not null && !Defect(PlantedDefects.ReadDespitePromise)) || Lease.ValidUntil <= _now || Lease.Epoch != InForceId.Epoch || Phase != NodePhase.Member) return;
        foreach (var (request, answer) in _reads)
        {
            answer.State = _table;
            _effects.CompleteRequest(request, MembershipStatus.Ok, null);
        }
        _reads.Clear();
    }

    private void CompleteStateRequests(MembershipStatus status, string? detail)
    {
        foreach (var (request, _, _) in _updates) _effects.CompleteRequest(request, status, detail);
        GiveUpBatch("this node is out; whether the update was carried out is not known");
        foreach (var (request, _) in _reads) _effects.CompleteRequest(request, status, detail);
        _updates.Clear();
        _reads.Clear();
    }

    /// <summary>The verdicts of the batch under way will not be known here.</summary>
    private void GiveUpBatch(string detail)
    {
        _batch = null;
        foreach (var (request, _) in _underWay) _effects.CompleteRequest(request, MembershipStatus.Timeout, detail);
        _underWay.Clear();
    }

    private void ForgetState()
    {
        _table = ClusterState.Empty;
        _promised = _lastEntry = null;
        _incoming.Clear();
        _stateEpoch = Epoch.None;
        _joinState = null;
        _waitingRoleChange = null;
    }

    // ---- whoever asks ----

    /// <summary>One batch at a time, asked for again until it is in an entry that was carried out here.</summary>
    private void SendOwnUpdates()
    {
        if (_batch is null && _updates.Count > 0)
        {
            var updates = System.Collections.Immutable.ImmutableArray.CreateBuilder<TableUpdate>();
            int size = 0;
            while (_updates.TryPeek(out var next))
            {
                size += ClusterState.SizeOf(next.Update);
                if (size > TableLimits.MaxUpdateBytes && updates.Count > 0) break;
                _updates.Dequeue();
                updates.Add(next.Update);
                _underWay.Add((next.Request, next.Answer));
            }
            _batch = new UpdateBatch(_self, _state.Incarnation, ++_batchNumber, updates.ToImmutable());
        }
        if (_batch is null || !MayReplicate || Phase != NodePhase.Member) return;
        NodeId coordinator = _inForce!.Coordinator;
        if (coordinator == _self) TakeBatch(_batch);
        else Send(Find(coordinator)!, new UpdateRequestMessage(_batch));
    }

    private void CompleteOwnUpdates(LogEntry entry)
    {
        if (_batch is not { } mine) return;
        foreach (JudgedBatch batch in entry.Batches)
        {
            if (batch.Origin != _self || batch.Life != mine.Life || batch.Number != mine.Number) continue;
            _batch = null;
            for (int i = 0; i < _underWay.Count; i++)
            {
                _underWay[i].Answer.Verdict = batch.Updates[i].Verdict;
                _effects.CompleteRequest(_underWay[i].Request, MembershipStatus.Ok, null);
            }
            _underWay.Clear();
        }
        SendOwnUpdates();
    }

    // ---- the coordinator ----

    private DropReason OnUpdateRequest(in MessageHeader header, Peer peer, UpdateRequestMessage message)
    {
        if (!MayReplicate || header.InForce != InForceId || _inForce!.Coordinator != _self) return DropReason.StaleActivation;
        if (message.Batch.Origin != peer.Node || message.Batch.Life != peer.Incarnation || !IsInView(_inForce, peer)) return DropReason.NotMember;
        TakeBatch(message.Batch);
        return DropReason.None;
    }

    private void TakeBatch(UpdateBatch batch)
    {
        if (_table.Knows(batch.Origin, batch.Life, batch.Number)) return;
        if (_promised is { } promised)
            foreach (JudgedBatch under in promised.Batches)
                if (under.Origin == batch.Origin && under.Life == batch.Life && under.Number >= batch.Number) return;
        _incoming[batch.Origin] = batch;
        MakeEntry();
    }

    /// <summary>What has come in since the last entry makes the next one. None while the members change: they would not all get it.</summary>
    private void MakeEntry()
    {
        if (_incoming.Count == 0 || _promised is not null || !StateIsReady || !MayReplicate || Phase != NodePhase.Member) return;
        if (_join is { View: not null } or { WaitsForState: true } || _waitingRoleChange is not null) return;
        ClusterView view = _inForce!;
        if (view.Coordinator != _self || HoldsNewerPending(view.Epoch)) return;
        List<UpdateBatch> batches = TakeIncoming(view);
        if (batches.Count > 0) Propose(_table.Judge(view.Epoch, batches));
        else MakeEntry();
    }

    private List<UpdateBatch> TakeIncoming(ClusterView view)
    {
        var batches = new List<UpdateBatch>();
        int size = 0;
        foreach (UpdateBatch batch in _incoming.Values)
        {
            foreach (TableUpdate update in batch.Updates) size += ClusterState.SizeOf(update);
            if (size > MaxEntryBytes && batches.Count > 0) break;
            batches.Add(batch);
        }
        foreach (UpdateBatch batch in batches) _incoming.Remove(batch.Origin);
        batches.RemoveAll(batch => !view.Contains(batch.Origin, batch.Life) || _table.Knows(batch.Origin, batch.Life, batch.Number));
        return batches;
    }

    private void Propose(LogEntry entry)
    {
        _promised = entry;
        _promisedBy = NodeSet.Of(_self);
        SendPromised();
        if (_inForce!.Members.Length != 1 && !Defect(PlantedDefects.CommitWithoutAll)) return;
        Commit();
        AfterCommit();
    }

    private void SendPromised()
    {
        if (_promised is not { } entry) return;
        _stateSentAt = _now;
        var message = new UpdatePrepareMessage(entry, _table.Sequence, _table.LastEpoch);
        foreach (NodeId node in _inForce!.Nodes - _promisedBy)
            if (Find(node) is { } peer) Send(peer, message);
    }

    private DropReason OnUpdatePrepared(in MessageHeader header, Peer peer, UpdatePreparedMessage message)
    {
        if (!MayReplicate || header.InForce != InForceId || _inForce!.Coordinator != _self) return DropReason.StaleActivation;
        if (_promised is { } entry && entry.Sequence == message.Sequence)
        {
            if (entry.Epoch != message.Epoch || entry.Epoch != InForceId.Epoch) return DropReason.StaleActivation;
            _promisedBy = _promisedBy.With(peer.Node);
            if (!_inForce.Nodes.IsSubsetOf(_promisedBy)) return DropReason.None;
            Commit();
            AfterCommit();
        }
        else if (message.Sequence <= _table.Sequence && StateIsReady) Send(peer, new UpdateCommitMessage(_table.Sequence, _table.LastEpoch));
        return DropReason.None;
    }

    /// <summary>What waited for the entry under way comes first; else the next entry, which also says that this one counts.</summary>
    private void AfterCommit()
    {
        if (_waitingRoleChange is var (change, node))
        {
            _waitingRoleChange = null;
            BeginRoleChange(change, node);
        }
        MakeEntry();
        if (_promised is null) SendCommitted();
    }

    private void SendCommitted()
    {
        var message = new UpdateCommitMessage(_table.Sequence, _table.LastEpoch);
        foreach (NodeId node in _inForce!.Nodes)
            if (Find(node) is { } peer) Send(peer, message);
    }

    // ---- every member ----

    private DropReason OnUpdatePrepare(in MessageHeader header, Peer peer, UpdatePrepareMessage message)
    {
        if (!MayReplicate || header.InForce != InForceId || _inForce!.Coordinator != peer.Node || message.Entry.Epoch != InForceId.Epoch) return DropReason.StaleActivation;
        CommitThrough(message.Committed, message.CommittedEpoch);
        LogEntry entry = message.Entry;
        if (entry.Sequence == _table.Sequence + 1 && (_promised is null || _promised.Epoch <= entry.Epoch))
            _promised = entry;
        else if (entry.Sequence > _table.Sequence)
        {
            AskForState(peer);
            return DropReason.None;
        }
        Send(peer, new UpdatePreparedMessage(entry.Sequence, entry.Epoch));
        return DropReason.None;
    }

    private DropReason OnUpdateCommit(in MessageHeader header, Peer peer, UpdateCommitMessage message)
    {
        if (!MayReplicate || header.InForce != InForceId || _inForce!.Coordinator != peer.Node) return DropReason.StaleActivation;
        CommitThrough(message.Sequence, message.Epoch);
        if (_table.Sequence == message.Sequence && _promised is null) BecomeReady("told by the coordinator");
        else if (_table.Sequence < message.Sequence) AskForState(peer);
        return DropReason.None;
    }

    private void CommitThrough(long sequence, Epoch epoch)
    {
        if (_promised is { } entry && entry.Sequence == sequence && entry.Epoch == epoch) Commit();
    }

    private void Commit()
    {
        LogEntry entry = _promised!;
        _table = _table.Apply(entry);
        _lastEntry = entry;
        _promised = null;
        _effects.StateApplied(entry, _table);
        CompleteOwnUpdates(entry);
    }

    /// <summary>On every tick: what was not answered is said again.</summary>
    private void TendState()
    {
        if (!MayReplicate || _now - _stateSentAt < RetryAfter / 2) return;
        _stateSentAt = _now;
        Peer? coordinator = Find(_inForce!.Coordinator);
        if (coordinator is null)
        {
            if (StateIsReady || _promised?.Epoch == InForceId.Epoch) SendPromised();
            MakeEntry();
        }
        else if (!StateIsReady) AskForState(coordinator);
        else if (_promised is { } entry) Send(coordinator, new UpdatePreparedMessage(entry.Sequence, entry.Epoch));
        SendOwnUpdates();
    }
}
