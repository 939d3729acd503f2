// The world of one run: nodes, network, disks, witness and checkers under one event queue. Everything that
// happens is decided by the seed and the order of the queue; there is no wall clock and no other source of chance.
using System.Collections.Immutable;
using Membership.Engine;
using Membership.Engine.Protocol;
using Membership.Simulator.Checkers;

namespace Membership.Simulator.World;

/// <summary>Thrown to end a run at its first violation.</summary>
internal sealed class SimulatorException(string message) : Exception(message);

/// <summary>Moments of the protocol at which a workload may strike.</summary>
internal enum Moment
{
    Write,
    Callback,
    Arbitration,
    Stage,
    Prune,
    InForce,
}

internal sealed class ClusterWorld
{
    /// <summary>So many events at one instant of virtual time mean that time will never go on.</summary>
    private const int RunawayLimit = 2_000_000;

    /// <summary>So many events waiting per node mean that answers cause more answers.</summary>
    private const int FloodLimit = 100_000;

    private readonly SimNode[] _nodes;
    private int _sameInstant;

    public ClusterWorld(WorldOptions options, Trace trace)
    {
        Options = options;
        Trace = trace;
        Chance = Rng.For(options.Seed, "world");
        Health = new HealthRecord(this);
        Network = new Network(this, Rng.For(options.Seed, "network"));
        Witness = new VirtualWitness(this, Rng.For(options.Seed, "witness"));
        var disks = Rng.For(options.Seed, "disks");
        var clocks = Rng.For(options.Seed, "clocks");
        _nodes = new SimNode[options.Nodes];
        int halfRho = options.ClocksDrift ? (int)(options.Rho * 1_000_000 / 2.02) : 0;
        for (int i = 0; i < options.Nodes; i++)
        {
            // The extremes are the interesting rates: half of the clocks run at one of them.
            int rate = clocks.Chance(0.5) ? clocks.Between(-halfRho, halfRho) : clocks.Chance(0.5) ? halfRho : -halfRho;
            _nodes[i] = new SimNode(this, i + 1, new NodeClock(NewClockOffset(), rate), new VirtualDisk(options, Rng.For(options.Seed, $"disk {i}"), (long)(disks.Next() >> 1) | 1));
        }
        Checkers = new CheckerSet(this);
        if (options.StartFromView) InstallFirstView();
    }

    public WorldOptions Options { get; }

    public Trace Trace { get; }

    /// <summary>Written when somebody wants to compare it.</summary>
    public Transcripts.Transcript? Transcript { get; set; }

    public Rng Chance { get; }

    public EventQueue Queue { get; } = new();

    public Network Network { get; }

    public VirtualWitness Witness { get; }

    public HealthRecord Health { get; }

    public CheckerSet Checkers { get; }

    public long Now { get; private set; }

    public Violation? Violation { get; private set; }

    /// <summary>The next starts are the operator's forced formings (scenarios only).</summary>
    public bool ForceForm
    {
        get;
        set
        {
            field = value;
            TwoClusters |= value;
        }
    }

    /// <summary>Faults are over: everybody is to be up, also those who left for good.</summary>
    public bool QuietPhase { get; set; }

    /// <summary>Some disk was lost: the cluster may rightly be unable to form again.</summary>
    public bool DisksReplaced { get; set; }

    /// <summary>Called at moments of the protocol at which a workload may strike.</summary>
    public Action<SimProcess, Moment>? OnMoment { get; set; }

    public long Events { get; private set; }

    public long Regroups { get; set; }

    public long Installs { get; set; }

    public long Drops { get; set; }

    /// <summary>Statuses that were sent with their views named, where messages are bytes.</summary>
    public long NamedStatuses { get; set; }

    /// <summary>Statuses that were lost because they named a view that their receiver did not know and did not learn in time.</summary>
    public long UnknownViews { get; set; }

    public ReadOnlySpan<SimNode> Nodes => _nodes;

    public SimNode Node(int number) => _nodes[number - 1];

    public long NewClockOffset() => Chance.Span(Ticks.Second, 100_000 * Ticks.Second);

    public long SupervisorDelay() => Options.Settled ? Options.L / 2 : Options.L / 4 + Chance.Span(0, Options.L);

    public void After(long delay, Action action)
    {
        ref SimEvent later = ref Queue.Push(Now + Math.Max(0, delay));
        later.Kind = EventKind.Action;
        later.Payload = action;
    }

    public void Moment(SimProcess process, Moment moment) => OnMoment?.Invoke(process, moment);

    /// <summary>Runs until the given instant, or until a violation.</summary>
    public void RunUntil(long instant)
    {
        try
        {
            while (Violation is null && Queue.NextTime <= instant)
            {
                Queue.TryPop(out long time, out SimEvent next);
                if (time > Now) _sameInstant = 0;
                else if (++_sameInstant > RunawayLimit) Violate("runaway", $"{RunawayLimit} events at one instant.");
                if (Queue.Count > FloodLimit * _nodes.Length) Violate("flood", $"{Queue.Count} events are waiting: messages breed messages.");
                Now = time;
                Events++;
                Dispatch(ref next);
            }
        }
        catch (SimulatorException) when (Violation is not null)
        {
            return;
        }
        if (Violation is null) Now = Math.Max(Now, instant);
    }

    /// <summary>The operator formed a second cluster by force: two masters are what it asked for.</summary>
    public bool TwoClusters { get; private set; }

    public void Violate(string checker, string text)
    {
        // What the checkers go by are the nodes' words; where the script puts lies into their mouths only the core's own soundness is left to judge.
        if (Options.Liars && checker is not ("contract" or "exception" or "internal-fault" or "spin" or "runaway" or "flood")) return;
        if (Violation is null)
        {
            Violation = new Violation(checker, Now, text);
            if (Trace.On) Trace.Line(Now, 0, $"VIOLATION {checker}: {text}");
        }
        throw new SimulatorException(text);
    }

    public void CloseTripwires(SimProcess dead)
    {
        foreach (SimNode peer in _nodes)
        {
            if (peer.Number == dead.Number || peer.Process is null) continue;
            if (Network.Connected(dead.Number, peer.Number)) LoseTripwire(peer.Process, dead.Number, dead.Incarnation);
        }
    }

    public void LoseTripwire(SimProcess observer, int peer, Incarnation incarnation)
    {
        ref SimEvent lost = ref Queue.Push(Now + Options.DelayMin + Chance.Span(0, Ticks.Millisecond));
        lost.Kind = EventKind.Tripwire;
        lost.Process = observer;
        lost.Node = peer;
        lost.Id = incarnation.Value;
    }

    /// <summary>The peer's kernel refuses the port only when that machine runs, the life in question does not, and packets pass both ways.</summary>
    public void ProbeEvidence(SimProcess prober, int peer, Incarnation incarnation)
    {
        if (peer < 1 || peer > Options.Nodes) return;
        SimNode node = Node(peer);
        bool refused = node.Powered && node.Process is null && Network.Connected(prober.Number, peer) && Network.Connected(peer, prober.Number);
        if (!refused) return;
        ref SimEvent evidence = ref Queue.Push(Now + 2 * Options.DelayMin + Chance.Span(0, Ticks.Millisecond));
        evidence.Kind = EventKind.Evidence;
        evidence.Process = prober;
        evidence.Node = peer;
        evidence.Id = incarnation.Value;
    }

    private void Dispatch(ref SimEvent next)
    {
        Trace.Mix(Now ^ (long)next.Kind << 56);
        switch (next.Kind)
        {
            case EventKind.Message:
                int from = next.Header.From.Value;
                Trace.Mix(from << 8 | next.Node);
                if (Node(next.Node).Process is { } receiver && !Network.LostOnArrival(next.Path, from, next.Node)) receiver.Handle(ref next);
                break;
            case EventKind.PersistDone:
                PersistDone(ref next);
                break;
            case EventKind.Action when next.Process is null:
                ((Action)next.Payload!)();
                break;
            default:
                next.Process!.Handle(ref next);
                break;
        }
    }

    private void PersistDone(ref SimEvent done)
    {
        SimProcess process = done.Process!;
        if (!process.Alive || process.Node.Process != process) return;
        VirtualDisk disk = process.Node.Disk;
        if (disk.Held)
        {
            process.Node.HeldWrites.Add(done);
            return;
        }
        if (done.Payload is StoredState state)
        {
            disk.Complete();
            Checkers.Durable(process.Number, state);
        }
        else
        {
            disk.Fail();
        }
        process.Handle(ref done);
    }

    private void InstallFirstView()
    {
        var members = ImmutableArray.CreateBuilder<ClusterMember>();
        ReadOnlySpan<SimNode> first = Options.FirstMembers > 0 ? _nodes.AsSpan(0, Options.FirstMembers) : _nodes;
        foreach (SimNode node in first)
            members.Add(new ClusterMember(new NodeId(node.Number), new Incarnation(1), Options.Votes[node.Number - 1], node.Disk.Content.StoreId));
        var view = new ClusterView(new Epoch(1), members, Options.Rule, Options.Timing);
        Checkers.FirstView(view);
        foreach (SimNode node in first)
        {
            StoredState stored = node.Disk.Content.WithInForce(view) with { Incarnation = new Incarnation(1) };
            node.Disk.Preload(stored);
            Checkers.Durable(node.Number, stored);
        }
    }
}
