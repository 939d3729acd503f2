// Protocol cores stepped by hand under one virtual clock: messages arrive a little later, disks are done at once, and a
// test may hold callbacks and arbitrations, cut pairs, kill and restart nodes, at the very moment its sentence names.
using System.Collections.Immutable;
using Membership.Engine.Protocol;
using Membership.Engine.Replication;
using Xunit;

namespace Membership.Engine.Tests.Seeds;

internal sealed class SteppedCluster
{
    /// <summary>How long a message takes.</summary>
    public static readonly TimeSpan Delay = TimeSpan.FromMicroseconds(200);

    private readonly PriorityQueue<Action, (long Ticks, long Order)> _events = new();
    private readonly Dictionary<int, StoredState> _disks = [];
    private readonly HashSet<(int, int)> _cuts = [];
    private readonly Func<ProtocolOptions, ProtocolOptions> _change;
    private readonly ImmutableArray<ConfiguredNode> _configured;
    private long _order;

    public SteppedCluster(int size, Func<ProtocolOptions, ProtocolOptions>? change = null)
    {
        _change = change ?? (static options => options);
        _configured = [.. Enumerable.Range(1, size).Select(static number => new ConfiguredNode(new NodeId(number), 1))];
        for (int number = 1; number <= size; number++)
        {
            _disks[number] = StoredState.Empty(1000 + number);
            Nodes[number] = new Stepped(this, number);
        }
    }

    public SortedDictionary<int, Stepped> Nodes { get; } = [];

    public MonotonicTime Now { get; private set; } = new(TimeSpan.TicksPerHour);

    /// <summary>Who holds the witness; the first to ask gets it, and keeps it while it lives.</summary>
    public int WitnessOwner { get; set; }

    /// <summary>How long the witness is owned from each answer on.</summary>
    public TimeSpan Ownership { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>What the witness' record tells whoever wins it.</summary>
    public ImmutableArray<ClusterView> Record { get; set; } = [];

    /// <summary>Whether the next message is lost.</summary>
    public Func<bool>? Lose { get; set; }

    public Stepped this[int number] => Nodes[number];

    /// <summary>A formed cluster of all nodes.</summary>
    public static SteppedCluster Formed(int size, Func<ProtocolOptions, ProtocolOptions>? change = null)
    {
        var cluster = new SteppedCluster(size, change);
        foreach (Stepped node in cluster.Nodes.Values) node.Start();
        cluster.UntilInstalled([.. cluster.Nodes.Keys]);
        return cluster;
    }

    public ProtocolOptions OptionsOf(int number)
        => _change(new ProtocolOptions { Self = new NodeId(number), Nodes = _configured, Bootstrap = true, Timing = ClusterTiming.Local });

    public StoredState Disk(int number) => _disks[number];

    public void Write(int number, StoredState state) => _disks[number] = state;

    public void Cut(int left, int right)
    {
        _cuts.Add((left, right));
        _cuts.Add((right, left));
    }

    /// <summary>One way only.</summary>
    public void CutOneWay(int from, int to) => _cuts.Add((from, to));

    /// <summary>Every cut pair can talk again.</summary>
    public void Heal() => _cuts.Clear();

    /// <summary>A dead process: its tripwires fall.</summary>
    public void Kill(int number)
    {
        Stepped dead = Nodes[number];
        dead.Alive = false;
        foreach (Stepped peer in Nodes.Values)
            if (peer.Alive) After(Delay, () => peer.Do((core, now) => core.TripwireLost(new NodeId(number), dead.Core.Incarnation, now)));
    }

    /// <summary>A new process with the same number, on the same disk or (as another machine would be) on an empty one.</summary>
    public Stepped Restart(int number, bool emptyDisk = false)
    {
        if (emptyDisk) _disks[number] = StoredState.Empty(9000 + number) with { Incarnation = new Incarnation(50) };
        return Nodes[number] = new Stepped(this, number);
    }

    public void After(TimeSpan delay, Action action) => _events.Enqueue(action, ((Now + delay).Ticks, ++_order));

    public void Deliver(in MessageHeader header, int path, MessageBody? body)
    {
        MessageHeader copy = header;
        Stepped sender = Nodes[header.From.Value];
        if (Lose?.Invoke() == true) return;
        After(Delay, () =>
        {
            Stepped receiver = Nodes[copy.To.Value];
            if (!receiver.Alive || !sender.Alive || _cuts.Contains((copy.From.Value, copy.To.Value))) return;
            receiver.Got?.Invoke(copy);
            receiver.Do((core, now) => core.Receive(in copy, Math.Max(0, path), body, now));
        });
    }

    /// <summary>A message as that node could say it now, taken in at once.</summary>
    /// <param name="from">Its sender.</param>
    /// <param name="to">Its receiver.</param>
    /// <param name="body">What it says.</param>
    /// <param name="inForce">The view that its header names; null = the sender's own.</param>
    /// <param name="sequence">Its number; 1 is an old one, by which nothing is acknowledged.</param>
    /// <returns>Why it was dropped (None = it was not), and what the receiver sent meanwhile.</returns>
    public (DropReason Dropped, List<(int To, MessageBody? Body)> Said) Say(int from, int to, MessageBody? body, ViewId? inForce = null, ulong sequence = 1)
    {
        Stepped sender = Nodes[from], receiver = Nodes[to];
        MessageHeader header = new()
        {
            From = new NodeId(from), FromIncarnation = sender.Core.Incarnation, To = new NodeId(to), ToIncarnation = receiver.Core.Incarnation,
            InForce = inForce ?? sender.Core.InForce?.Id ?? ViewId.None, Sequence = sequence, Flags = HeaderFlags.Hears,
        };
        receiver.LastDrop = DropReason.None;
        var said = new List<(int, MessageBody?)>();
        Action<MessageHeader, MessageBody?>? before = receiver.Said;
        receiver.Said = (answer, content) => said.Add((answer.To.Value, content));
        receiver.Do((core, now) => core.Receive(in header, 0, body, now));
        receiver.Said = before;
        return (receiver.LastDrop, said);
    }

    /// <summary>A status of that node with nothing in it but what a test puts there.</summary>
    public static StatusMessage StatusOf(int number, ActivationId activation)
        => new(activation, RegroupStage.Activate, StatusFlags.None, default, default, [], null, [], Epoch.None, Epoch.None, 1000 + number, 0, null, 0, default, default, default);

    /// <summary>A view with the same members, so many epochs later.</summary>
    public static ClusterView After(ClusterView view, long epochs, int master = 1)
        => new(new Epoch(view.Epoch.Value + epochs), view.Members, view.Rule, view.Timing, new NodeId(master), view.ViceMaster, baseEpoch: view.Epoch);

    /// <summary>To the next thing that happens.</summary>
    public void Step()
    {
        MonotonicTime next = _events.TryPeek(out _, out (long Ticks, long) first) ? new MonotonicTime(first.Ticks) : MonotonicTime.MaxValue;
        foreach (Stepped node in Nodes.Values)
            if (node.Alive) next = MonotonicTime.Min(next, node.Core.NextWakeup);
        Assert.True(next < MonotonicTime.MaxValue, "Nothing will ever happen again.");
        Now = MonotonicTime.Max(Now, next);
        while (_events.TryPeek(out Action? action, out (long Ticks, long) at) && at.Ticks <= Now.Ticks)
        {
            _events.Dequeue();
            action();
        }
        foreach (Stepped node in Nodes.Values.ToArray())
            if (node.Alive && node.Core.NextWakeup <= Now) node.Do(static (core, now) => core.Tick(now));
    }

    public void Until(Func<bool> condition, double seconds = 30)
    {
        MonotonicTime limit = Now + TimeSpan.FromSeconds(seconds);
        while (!condition())
        {
            if (Now > limit) Assert.Fail("It did not come true." + Environment.NewLine + string.Join(Environment.NewLine, Nodes.Values.SelectMany(static node => node.Log.TakeLast(30))));
            Step();
        }
    }

    public void Run(double seconds)
    {
        MonotonicTime end = Now + TimeSpan.FromSeconds(seconds);
        After(TimeSpan.FromSeconds(seconds), static () => { });
        while (Now < end) Step();
    }

    /// <summary>Until these nodes are at rest in one installed view of exactly themselves.</summary>
    public ClusterView UntilInstalled(params int[] numbers)
    {
        NodeSet expected = NodeSet.Of(numbers);
        Until(() => numbers.All(number => Nodes[number].Core is { Stage: RegroupStage.None, Installed: { } view } core
            && view.Nodes == expected && core.Lease.ValidUntil > Now && view.Id == Nodes[numbers[0]].Core.Installed?.Id && core.InForce?.Id == view.Id));
        return Nodes[numbers[0]].Core.Installed!;
    }
}

/// <summary>One node of a <see cref="SteppedCluster"/>, and everything its core wanted.</summary>
internal sealed class Stepped : IProtocolEffects
{
    private readonly SteppedCluster _cluster;
    private readonly int _number;
    private readonly List<CallbackRequest> _heldCallbacks = [];
    private readonly List<Action> _heldArbitrations = [];
    private long _requests;

    public Stepped(SteppedCluster cluster, int number)
    {
        _cluster = cluster;
        _number = number;
        Core = new MembershipCore(cluster.OptionsOf(number), cluster.Disk(number), this, cluster.Now);
    }

    public int Number => _number;

    public MembershipCore Core { get; }

    public bool Alive { get; set; } = true;

    public HaltCode Halted { get; private set; }

    /// <summary>Callbacks in order, each with the stage it was called in.</summary>
    public List<(CallbackKind Kind, RegroupStage Stage, NodeId Node, NodeSet Nodes)> Callbacks { get; } = [];

    public List<string> Log { get; } = [];

    public List<RegroupStage> Stages { get; } = [];

    public Dictionary<long, (MembershipStatus Status, string? Detail)> Completed { get; } = [];

    /// <summary>These are not answered until <see cref="ReleaseCallbacks"/>.</summary>
    public CallbackKind? HoldCallback { get; set; }

    public bool HoldArbitrations { get; set; }

    /// <summary>How long the witness takes to answer this node.</summary>
    public TimeSpan ArbitrationTakes { get; set; } = TimeSpan.FromMilliseconds(1);

    /// <summary>What the witness says to this node; null = the first to ask wins.</summary>
    public ArbitrationOutcome? WitnessSays { get; set; }

    public int Arbitrations { get; private set; }

    /// <summary>Until when it was last told that it owns the witness.</summary>
    public MonotonicTime OwnedUntil { get; private set; } = MonotonicTime.MinValue;

    public TimeSpan LastArbitrationTimeout { get; private set; }

    public bool JournalEnabled => true;

    public IEnumerable<string> CallbackNames => Callbacks.Select(static call => call.Kind switch
    {
        CallbackKind.MsgCleanup1 or CallbackKind.NodeUp or CallbackKind.NodeDown => $"{call.Kind} {call.Node}",
        CallbackKind.MsgCleanup2 or CallbackKind.NodesDown => $"{call.Kind} {call.Nodes}",
        _ => call.Kind.ToString(),
    });

    public void Start() => Ask(static (core, id, now) => core.Start(id, forceForm: false, now));

    public void Do(Action<MembershipCore, MonotonicTime> input)
    {
        if (Alive && Halted == HaltCode.None) input(Core, _cluster.Now);
    }

    /// <summary>Makes a request.</summary>
    /// <returns>Its number in <see cref="Completed"/>.</returns>
    public long Ask(Action<MembershipCore, RequestId, MonotonicTime> ask)
    {
        long id = ++_requests;
        Do((core, now) => ask(core, new RequestId(id), now));
        return id;
    }

    public MembershipStatus? StatusOf(long request) => Completed.TryGetValue(request, out var ended) ? ended.Status : null;

    public void ReleaseCallbacks()
    {
        HoldCallback = null;
        foreach (CallbackRequest callback in _heldCallbacks) Complete(callback.Id);
        _heldCallbacks.Clear();
    }

    public void ReleaseArbitrations()
    {
        HoldArbitrations = false;
        foreach (Action arbitration in _heldArbitrations) _cluster.After(TimeSpan.FromMilliseconds(1), arbitration);
        _heldArbitrations.Clear();
    }

    /// <summary>Hears every body that this node sends.</summary>
    public Action<MessageBody?>? Sent { get; set; }

    /// <summary>Hears every message that this node sends.</summary>
    public Action<MessageHeader, MessageBody?>? Said { get; set; }

    /// <summary>Hears the header of everything that arrives, before the core does.</summary>
    public Action<MessageHeader>? Got { get; set; }

    public void Send(in MessageHeader header, int path, MessageBody? body)
    {
        Sent?.Invoke(body);
        Said?.Invoke(header, body);
        _cluster.Deliver(in header, path, body);
    }

    /// <summary>What the disk does with a write: done after a millisecond, if nothing is said here.</summary>
    public Action<long, StoredState>? Disk { get; set; }

    public void Persist(long id, StoredState state)
    {
        if (Disk is { } disk) disk(id, state);
        else Write(id, state);
    }

    /// <summary>A write that is done in a millisecond.</summary>
    public void Write(long id, StoredState state) => _cluster.After(TimeSpan.FromMilliseconds(1), () =>
    {
        if (!Alive) return;
        _cluster.Write(_number, state);
        Do((core, now) => core.PersistCompleted(id, succeeded: true, now));
    });

    public void InvokeCallback(in CallbackRequest callback)
    {
        Callbacks.Add((callback.Kind, Core.Stage, callback.Node, callback.Nodes));
        if (HoldCallback == callback.Kind) _heldCallbacks.Add(callback);
        else Complete(callback.Id);
    }

    public void Arbitrate(long id, TimeSpan timeout)
    {
        Arbitrations++;
        LastArbitrationTimeout = timeout;
        void Answer() => Do((core, now) =>
        {
            bool free = _cluster.WitnessOwner == 0 || _cluster.WitnessOwner == _number || !_cluster[_cluster.WitnessOwner].Alive;
            ArbitrationOutcome outcome = WitnessSays ?? (free ? ArbitrationOutcome.Won : ArbitrationOutcome.Lost);
            if (outcome == ArbitrationOutcome.Won) _cluster.WitnessOwner = _number;
            if (outcome == ArbitrationOutcome.Won) OwnedUntil = now + _cluster.Ownership;
            core.ArbitrationCompleted(id, outcome, outcome == ArbitrationOutcome.Won ? OwnedUntil : MonotonicTime.MinValue, outcome == ArbitrationOutcome.Won ? _cluster.Record : [], now);
        });
        if (HoldArbitrations) _heldArbitrations.Add(Answer);
        else _cluster.After(ArbitrationTakes, Answer);
    }

    /// <summary>What it asked to be written into the witness' record.</summary>
    public List<(long Id, ImmutableArray<ClusterView> Slot)> RecordWrites { get; } = [];

    /// <summary>What becomes of a write of the record: confirmed after a millisecond while this node owns the witness, if nothing is said here.</summary>
    public Action<long>? Records { get; set; }

    public int Releases { get; private set; }

    public void WriteWitnessRecord(long id, ImmutableArray<ClusterView> slot)
    {
        RecordWrites.Add((id, slot));
        if (Records is { } records) records(id);
        else _cluster.After(TimeSpan.FromMilliseconds(1), () => Do((core, now) => core.RecordWritten(id, _cluster.WitnessOwner == _number, now + _cluster.Ownership, now)));
    }

    public void ReleaseWitness()
    {
        Releases++;
        if (_cluster.WitnessOwner == _number) _cluster.WitnessOwner = 0;
    }

    public void CompleteRequest(RequestId request, MembershipStatus status, string? detail) => Completed.Add(request.Value, (status, detail));

    public void PublishLease(in LeaseState lease)
    {
    }

    public void StageEntered(ActivationId activation, RegroupStage stage, RegroupCause cause) => Stages.Add(stage);

    public void ViewInForce(ClusterView view, ActivationId activation)
    {
    }

    public void ViewInstalled(ClusterView view, ActivationId activation)
    {
    }

    /// <summary>Change notifications in order.</summary>
    public List<ClusterChangeNotification> Told { get; } = [];

    public void Notify(ClusterChangeNotification change, ViewId view) => Told.Add(change);

    /// <summary>Entries of the replicated state, as they were carried out.</summary>
    public List<LogEntry> Applied { get; } = [];

    public void StateApplied(LogEntry entry, ClusterState state) => Applied.Add(entry);

    /// <summary>States that were taken over whole, or begun anew.</summary>
    public List<ClusterState> Replaced { get; } = [];

    public void StateReplaced(ClusterState state) => Replaced.Add(state);

    public void ProbeCrashEvidence(NodeId node, Incarnation incarnation)
    {
    }

    public void Halt(HaltCode code, string detail)
    {
        Halted = code;
        Journal($"halt {code}: {detail}");
    }

    /// <summary>What this node did not act on, by reason.</summary>
    public Dictionary<DropReason, int> Drops { get; } = [];

    /// <summary>Why the last message that it did not act on was dropped.</summary>
    public DropReason LastDrop { get; set; }

    public void Dropped(DropReason reason, NodeId from)
    {
        LastDrop = reason;
        Drops[reason] = Drops.GetValueOrDefault(reason) + 1;
    }

    /// <summary>Who was quarantined, after how many removals and until when.</summary>
    public List<(NodeId Node, int Removals, MonotonicTime Until)> Quarantines { get; } = [];

    public void Quarantined(NodeId node, int removals, MonotonicTime until) => Quarantines.Add((node, removals, until));

    /// <summary>Why this node was told that it is kept out.</summary>
    public List<string> KeptOuts { get; } = [];

    public void KeptOut(NodeId by, string reason) => KeptOuts.Add($"{by}: {reason}");

    public void Journal(string line) => Log.Add($"  {_number} {line}");

    private void Complete(long callback) => _cluster.After(TimeSpan.FromMicroseconds(50), () => Do((core, now) => core.CallbackCompleted(callback, now)));
}
