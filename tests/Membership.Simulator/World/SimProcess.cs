// One life of a node: the real protocol core, stepped by events in virtual time. A frozen (SIGSTOP) process keeps
// its published lease and queues its inputs, messages only up to the size of a socket buffer.
using System.Collections.Immutable;
using Membership.Engine;
using Membership.Engine.Protocol;
using Membership.Engine.Replication;
using Membership.Engine.Wire;
using Membership.Simulator.Checkers;

namespace Membership.Simulator.World;

internal enum RequestKind
{
    Start,
    Leave,
    LeaveForGood,
    Role,
    Update,
    Read,
    Other,
}

internal sealed partial class SimProcess
{
    private const int SocketBuffer = 300;
    private const int SpinLimit = 20_000;

    private readonly ClusterWorld _world;
    private readonly List<SimEvent> _frozen = [];
    private readonly Dictionary<long, RequestKind> _requests = [];
    private readonly Dictionary<long, (string Name, Func<string>? Answer)> _names = [];
    private MonotonicTime _armedFor = MonotonicTime.MaxValue;
    private long _armedAt = long.MaxValue;
    private int _frozenMessages;
    private int _spins;
    private long _nextRequest;

    public SimProcess(ClusterWorld world, SimNode node, int life)
    {
        _world = world;
        Node = node;
        Life = life;
        Incarnation = node.Disk.Content.Incarnation;
        Arbiter = new SimArbiter(world, this);
        if (world.Options.Encoded) _wire = new WireMemory(node.EarlierMinor ? (byte)0 : MessageCodec.MinorVersion, world.Options.RememberedViews);
    }

    public SimNode Node { get; }

    public int Number => Node.Number;

    /// <summary>Counts the processes of this node; unlike the incarnation it never repeats, even on a new disk.</summary>
    public int Life { get; }

    public MembershipCore Core { get; private set; } = null!;

    public SimArbiter Arbiter { get; }

    public bool Alive { get; private set; } = true;

    public bool Frozen { get; private set; }

    /// <summary>Started by the operator's order to form whatever the quorum rule says.</summary>
    public bool StartedByForce { get; private set; }

    public HaltCode HaltedWith { get; private set; }

    public bool Halted => HaltedWith != HaltCode.None;

    public Incarnation Incarnation { get; private set; }

    public MonotonicTime LocalNow => Node.Clock.Local(_world.Now);

    public void Boot()
    {
        MonotonicTime now = LocalNow;
        StartedByForce = _world.ForceForm;
        Guard(() =>
        {
            Core = new MembershipCore(_world.Options.ForNode(Number, _world.Options.StoreLocked), Node.Disk.Content, _world.Transcript is { } transcript ? transcript.Of(this) : this, now);
            Core.Start(NewRequest(RequestKind.Start), StartedByForce, now);
        });
        if (Core is not null) AfterInput();
    }

    /// <summary>Ends this life: nothing it does or hears counts any more.</summary>
    public void End()
    {
        Alive = false;
        _frozen.Clear();
        _world.Checkers.ProcessEnded(this);
    }

    public void Freeze()
    {
        if (!Frozen && _world.Trace.On) _world.Trace.Line(_world.Now, Number, "is frozen (SIGSTOP)");
        Frozen = true;
        _world.Health.TouchNode(Number);
    }

    public void Thaw()
    {
        if (!Frozen || !Alive || Node.Process != this) return;
        Frozen = false;
        _world.Health.TouchNode(Number);
        if (_world.Trace.On) _world.Trace.Line(_world.Now, Number, $"runs on (SIGCONT) with {_frozen.Count} inputs waiting");
        SimEvent[] waiting = [.. _frozen];
        _frozen.Clear();
        _frozenMessages = 0;
        if (_world.Chance.Chance(0.5) && !_world.Options.Settled) Tick();
        for (int i = 0; i < waiting.Length && Alive; i++)
        {
            if (Frozen) _frozen.Add(waiting[i]);
            else Step(ref waiting[i]);
        }
        if (Alive && !Frozen) Tick();
    }

    /// <summary>Runs something inside this process, now or when it is thawed.</summary>
    public void Run(long delay, Action action)
    {
        ref SimEvent later = ref _world.Queue.Push(_world.Now + delay);
        later.Kind = EventKind.Action;
        later.Process = this;
        later.Payload = action;
    }

    public void Handle(ref SimEvent input)
    {
        if (!Alive) return;
        if (!Frozen)
        {
            Step(ref input);
            return;
        }
        if (input.Kind == EventKind.Message && ++_frozenMessages > SocketBuffer)
        {
            _world.Health.TouchLink(input.Header.From.Value, Number);
            return;
        }
        _frozen.Add(input);
    }

    public void Leave(bool forGood)
    {
        if (!Ready) return;
        _world.Health.TouchNode(Number);
        Call(now => Core.Leave(NewRequest(forGood ? RequestKind.LeaveForGood : RequestKind.Leave), now));
    }

    // As much its host's own wish as any other leave, also where the start "failed" because the node was a member already.
    private void LeaveAfterFailedStart()
    {
        _world.Health.TouchNode(Number);
        Call(now => Core.Leave(NewRequest(RequestKind.Leave), now));
    }

    public void Eject(int node)
    {
        if (Ready && _world.Node(node).Process is { } target) target.EjectAsked = true;
        Ask($"Eject({node})", (core, id, now) => core.Eject(id, new NodeId(node), now));
    }

    /// <summary>Somebody was asked to eject this life.</summary>
    public bool EjectAsked { get; private set; }

    public void ClearQuarantine(int node) => Ask($"ClearQuarantine({node})", (core, id, now) => core.ClearQuarantine(id, new NodeId(node), now));

    public void ForceRegroup() => Ask("ForceRegroup", static (core, id, now) => core.ForceRegroup(id, now));

    /// <summary>Any request of a host, by a name for whoever reads about it.</summary>
    /// <param name="name">What is asked.</param>
    /// <param name="ask">Asks it.</param>
    /// <param name="answer">What came back beside the status, when it has come.</param>
    public void Ask(string name, Action<MembershipCore, RequestId, MonotonicTime> ask, Func<string>? answer = null) => Call(now =>
    {
        RequestId id = NewRequest(RequestKind.Other);
        _names[id.Value] = (name, answer);
        ask(Core, id, now);
    });

    /// <summary>How a request is called in transcripts.</summary>
    public string NameOf(RequestId request) => _names.TryGetValue(request.Value, out (string Name, Func<string>? Answer) known) ? known.Name : _requests.TryGetValue(request.Value, out RequestKind kind) ? kind.ToString() : "nothing that was asked";

    /// <summary>What a request brought beside its status, for transcripts.</summary>
    public string AnswerTo(RequestId request)
    {
        if (_stateRequests.TryGetValue(request.Value, out StateRequest asked))
            return asked.Answer.Verdict is { } verdict ? Transcripts.MessageText.Text($": {verdict.Outcome}, version {verdict.Version} of state {verdict.StateVersion} [{string.Join(",", verdict.Etags)}] {verdict.Key}").TrimEnd() : asked.Answer.State is { } state ? ": " + Transcripts.MessageText.State(state) : "";
        return _names.TryGetValue(request.Value, out (string Name, Func<string>? Answer) known) && known.Answer is { } answer ? ": " + answer() : "";
    }

    public void Update(TableUpdate update)
    {
        if (!Ready || Core.Phase != NodePhase.Member) return;
        RequestId id = NewRequest(RequestKind.Update);
        _stateRequests[id.Value] = new StateRequest(update, new StateAnswer(), _world.Checkers.StateFloor);
        Call(now => Core.Update(id, update, _stateRequests[id.Value].Answer, now));
    }

    public void Read()
    {
        if (!Ready || Core.Phase != NodePhase.Member) return;
        RequestId id = NewRequest(RequestKind.Read);
        _stateRequests[id.Value] = new StateRequest(null, new StateAnswer(), _world.Checkers.StateFloor);
        Call(now => Core.ReadState(id, _stateRequests[id.Value].Answer, now));
    }

    public void Qualify(int node, bool qualified)
    {
        LastRoleAnswer = null;
        Call(now => Core.SetQualification(NewRequest(RequestKind.Role), new NodeId(node), qualified, now));
    }

    public void Switchover()
    {
        LastRoleAnswer = null;
        Call(now => Core.ReleaseMastership(NewRequest(RequestKind.Role), now));
    }

    public void ReportUnreachable(int node) => Call(now => Core.NodeUnreachable(new NodeId(node), now));

    public void AllowRegroup(bool allowed) => Ask($"AllowRegroup({allowed})", (core, id, now) => core.SetRegroupAllowed(id, allowed, now));

    /// <summary>Hands a result of the witness to the core; in a frozen or dead process it waits or is lost by the caller's doing.</summary>
    public void Call(Action<MonotonicTime> input)
    {
        if (!Ready) return;
        MonotonicTime now = LocalNow;
        Guard(() => input(now));
        AfterInput();
    }

    private bool Ready => Alive && !Frozen && !Halted && Core is not null;

    private RequestId NewRequest(RequestKind kind)
    {
        long id = ++_nextRequest;
        _requests[id] = kind;
        return new RequestId(id);
    }

    private void Step(ref SimEvent input)
    {
        if (input.Kind == EventKind.Action)
        {
            ((Action)input.Payload!)();
            return;
        }
        if (Halted || Core is null) return;
        MonotonicTime now = LocalNow;
        try
        {
            switch (input.Kind)
            {
                case EventKind.Message:
                    // What ends at the wire is no input of the core: no timer that is due is looked at.
                    if (!Receive(ref input, now)) return;
                    break;
                case EventKind.Wake:
                    if (input.Id != _armedAt) return;
                    _armedAt = long.MaxValue;
                    _armedFor = MonotonicTime.MaxValue;
                    if (now < Core.NextWakeup) break;
                    _world.Transcript?.Woken(this);
                    Core.Tick(now);
                    break;
                case EventKind.PersistDone:
                    Core.PersistCompleted(input.Id, input.Payload is not null, now);
                    break;
                case EventKind.CallbackDone:
                    if (input.Id == _handOverId) _world.Checkers.HandedOver(this);
                    Core.CallbackCompleted(input.Id, now);
                    break;
                case EventKind.Tripwire:
                    Core.TripwireLost(new NodeId(input.Node), new Incarnation(input.Id), now);
                    break;
                case EventKind.Evidence:
                    Core.CrashEvidence(new NodeId(input.Node), new Incarnation(input.Id), now);
                    break;
                default:
                    throw new InvalidOperationException($"Event kind {input.Kind} is not an input.");
            }
        }
        catch (Exception error) when (error is not SimulatorException)
        {
            _world.Violate("exception", $"node {Number}: {error}");
        }
        AfterInput();
    }

    private void Tick()
    {
        if (Halted || Core is null || !Alive) return;
        MonotonicTime now = LocalNow;
        if (now < Core.NextWakeup) return;
        Guard(() => Core.Tick(now));
        AfterInput();
    }

    private void AfterInput()
    {
        if (Alive) _world.Transcript?.AfterInput(this);
        if (Halted || !Alive) return;
        _world.Checkers.AfterInput(this);
        MonotonicTime wanted = Core.NextWakeup;
        if (wanted == _armedFor) return;
        if (wanted > _armedFor) return; // the timer that is armed rings first and looks again
        long instant = Node.Clock.FirstInstantAt(wanted);
        if (instant == long.MaxValue) return;
        if (instant <= _world.Now)
        {
            if (++_spins > SpinLimit)
                _world.Violate("spin", $"node {Number}: the core asks for a tick in the past {SpinLimit} times in a row (stage {Core.Stage}, phase {Core.Phase}).");
            instant = _world.Now + Ticks.Microsecond;
        }
        else if (instant > _world.Now + Ticks.Millisecond)
        {
            _spins = 0;
        }
        instant += _world.Chance.Span(0, _world.Options.SchedulingLag);
        _armedFor = wanted;
        _armedAt = instant;
        ref SimEvent wake = ref _world.Queue.Push(instant);
        wake.Kind = EventKind.Wake;
        wake.Process = this;
        wake.Id = instant;
    }

    private void Guard(Action input)
    {
        try
        {
            input();
        }
        catch (Exception error) when (error is not SimulatorException)
        {
            _world.Violate("exception", $"node {Number}: {error}");
        }
    }
}
