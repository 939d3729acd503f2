// What must be on disk before it counts. _state is what this node has promised (a view is pending from the
// moment its write is issued); _durable is what the disk has confirmed. At most one write is in flight.
namespace Membership.Engine.Protocol;

internal sealed partial class MembershipCore
{
    private StoredState _state;
    private StoredState _durable;
    private StoredState? _writing;
    private long _writeId;
    private MonotonicTime _writeStartedAt;
    private ActivationId _writeActivation;
    private ClusterView? _inForce;
    private Epoch _highestSeen;

    private bool IsDurable(ClusterView view) => _durable.InForceId == view.Id || _durable.FindPending(view.Id) is not null;

    private void See(Epoch epoch) => _highestSeen = Epoch.Max(_highestSeen, epoch);

    private Epoch HighestSeen => Epoch.Max(_highestSeen, _state.HighestEpochSeen);

    private void BeginNewLife(Incarnation incarnation)
    {
        _state = _state with { Incarnation = incarnation };
        // What was acknowledged, was acknowledged to the former life.
        foreach (Peer peer in _peerList) (peer.AckedView, peer.AckedSentAt, peer.WitnessUntil) = (ViewId.None, MonotonicTime.MinValue, MonotonicTime.MinValue);
        ForgetChanges();
        ForgetState();
        SaveState();
    }

    private void AddPending(ClusterView view)
    {
        See(view.Epoch);
        _state = Defect(PlantedDefects.SinglePendingSlot) ? (_state with { Pending = [] }).WithPending(view) : _state.WithPending(view);
        _leaseDirty = true;
        SaveState();
    }

    private void SaveState()
    {
        if (_state.HighestEpochSeen < _highestSeen) _state = _state with { HighestEpochSeen = _highestSeen };
        if (_writing is not null || _state == _durable) return;
        _writing = _state;
        _writeStartedAt = _now;
        _writeActivation = _activation;
        _writeId++;
        if (Defect(PlantedDefects.SkipPersist))
        {
            OnDurable();
            return;
        }
        _effects.Persist(_writeId, _writing);
    }

    public void PersistCompleted(long id, bool succeeded, MonotonicTime now)
    {
        if (!Begin(now)) return;
        if (_writing is null || id != _writeId) return;
        if (succeeded) OnDurable();
        else Halt(HaltCode.StoreFailed, "the view store could not be written");
        End();
    }

    private void OnDurable()
    {
        ViewId former = _durable.InForceId;
        _durable = _writing!;
        _writing = null;
        _statusDirty |= InRegroup;
        SaveState();
        // A still newer view may already be on its way to the disk: then this one is only a step.
        if (_durable.InForce is { } view && _durable.InForceId != InForceId && _durable.InForceId == _state.InForceId && ShouldEnter(view)) EnterView(view);
        else if (Phase == NodePhase.Starting && _durable.InForceId != former) NoteViewWithoutSelf();
        OnJoinStateDurable();
    }

    /// <summary>A starting node learnt of a newer view in force that this life is not in: it starts over, to be let in by a join.</summary>
    private void NoteViewWithoutSelf()
    {
        if (_ownedUntil > _now) GiveUpWitness();
        if (_voting) StopVoting();
        else if (InRegroup) EnterActivation(NextForming(), RegroupCause.Forming);
    }

    /// <summary>A view that this life is a member of (or, leaving, took part in deciding) came into force on disk.</summary>
    private bool ShouldEnter(ClusterView view)
    {
        if (Phase is NodePhase.Down or NodePhase.Halted) return false;
        if (_inForce is { } current) return view.Epoch > current.Epoch;
        return view.Contains(_self, _state.Incarnation);
    }

    /// <summary>A packet from a node with this view in force proves it: if it is pending here, it is in force here too.</summary>
    private bool ProveInForce(ViewId id)
    {
        if (_state.InForceId == id) return true;
        if (_state.FindPending(id) is not { } view) return false;
        PutInForce(view);
        return true;
    }

    private void PutInForce(ClusterView view)
    {
        if (_state.InForce is { } current && current.Epoch >= view.Epoch) return;
        See(view.Epoch);
        RecordChanges(view);
        _state = _state.WithInForce(view);
        // A cluster that runs without it has taken this node in: it obeys no order any more that it only heard of.
        Epoch known = Epoch.Max(view.Epoch, _state.HighestEpochPersisted);
        if (IsForcedStep(known, HighestSeen)) (_highestSeen, _state) = (known, _state with { HighestEpochSeen = known });
        SaveState();
    }

    /// <summary>Callbacks and writes that take longer than their hard limits halt the node.</summary>
    private void CheckLimits()
    {
        if (_writing is not null && _now - _writeStartedAt > _options.PersistLimit)
            Halt(HaltCode.StoreFailed, $"a write to the view store took longer than {_options.PersistLimit.TotalSeconds:F0} s");
        else if (_runningCallback is { } running && _now - _callbackStartedAt > _options.CallbackLimit)
            Halt(HaltCode.CallbackTimeout, $"callback {running} took longer than {_options.CallbackLimit.TotalSeconds:F0} s");
    }
}
