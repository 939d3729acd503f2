// One machine of the world: its number, its clock, its disk and the process that runs on it now (or none).
// Machines keep their disk over process crashes and power cuts; a power cut also starts the clock anew.
using Membership.Engine;

namespace Membership.Simulator.World;

internal sealed class SimNode(ClusterWorld world, int number, NodeClock clock, VirtualDisk disk)
{
    // A stream of its own: the same faults happen with and without mixed versions.
    private readonly Rng _versions = Rng.For(world.Options.Seed, $"versions {number}");
    private bool _startPlanned;

    public int Number => number;

    public NodeClock Clock { get; private set; } = clock;

    public VirtualDisk Disk => disk;

    /// <summary>The process that is running (perhaps frozen, perhaps about to exit), or null.</summary>
    public SimProcess? Process { get; private set; }

    /// <summary>The newest process, also when it has ended.</summary>
    public SimProcess? Newest { get; private set; }

    /// <summary>The machine has power (a dead process on a live machine refuses connections; a dead machine says nothing).</summary>
    public bool Powered { get; private set; } = true;

    /// <summary>Left on purpose: the supervisor does not start it again.</summary>
    public bool StayDown { get; set; }

    /// <summary>The operator switched it off and nobody starts it.</summary>
    public bool SwitchedOff { get; set; }

    public int Lives { get; private set; }

    /// <summary>Why the last process that halted did so.</summary>
    public HaltCode LastHalt { get; set; }

    /// <summary>Set by a fault: callbacks of this node take up to this much longer.</summary>
    public long CallbackDelay { get; set; }

    /// <summary>What is installed here speaks the next minor version: longer messages with fields and flags that today's version does not know.</summary>
    public bool NextMinor { get; set; }

    /// <summary>What is installed here speaks the minor version before today's.</summary>
    public bool EarlierMinor { get; set; }

    /// <summary>Writes that ended at a held disk and wait for it to be let go.</summary>
    public List<SimEvent> HeldWrites { get; } = [];

    /// <summary>Starts a process unless one is running.</summary>
    public void Start()
    {
        _startPlanned = false;
        if (Process is not null || SwitchedOff) return;
        Powered = true;
        StayDown = false;
        if (world.Options.MixedVersions)
        {
            int spoken = _versions.Below(3);
            (EarlierMinor, NextMinor) = (spoken == 0, spoken == 2);
        }
        Process = Newest = new SimProcess(world, this, ++Lives);
        world.Health.TouchNode(number);
        if (world.Trace.On) world.Trace.Line(world.Now, number, $"process {Lives} starts; disk: {Describe()}");
        world.Transcript?.Event(number, $"process {Lives} starts with {Describe()}");
        Process.Boot();
    }

    /// <summary>Another process starts on the same store while the frozen one still shows its lease: possible only where no kernel lock forbids it.</summary>
    public void StartTwin()
    {
        if (Process is not { Frozen: true } former || world.Options.StoreLocked) return;
        if (world.Trace.On) world.Trace.Line(world.Now, number, "a second process starts on the store of the frozen one");
        disk.Crash(world.Now);
        HeldWrites.Clear();
        Process = null;
        world.Checkers.Twinned(former);
        Start();
    }

    public void StartLater(long delay)
    {
        if (_startPlanned || Process is not null) return;
        _startPlanned = true;
        world.After(delay, () =>
        {
            if (_startPlanned) Start();
        });
    }

    /// <summary>The process ends at once. Peers' tripwires close (not in a power cut); the supervisor may start another.</summary>
    public void Kill(string why, bool power)
    {
        world.Health.TouchNode(number);
        if (power)
        {
            Powered = false;
            Clock = new NodeClock(world.NewClockOffset(), Clock.PartsPerMillion);
        }
        if (Process is not { } process) return;
        if (world.Trace.On) world.Trace.Line(world.Now, number, $"process {process.Life} ends: {why}");
        world.Transcript?.Event(number, $"process {process.Life} ends: {why}");
        Process = null;
        process.End();
        HeldWrites.Clear();
        if (disk.Crash(world.Now) is { } made) world.Checkers.Durable(number, made);
        if (!power) world.CloseTripwires(process);
        if (world.Options.Supervised && (!StayDown || world.QuietPhase)) StartLater(world.SupervisorDelay());
    }

    public string Describe()
        => $"in force {disk.Content.InForce?.ToString() ?? "nothing"}, pending [{string.Join(" ", disk.Content.Pending)}], incarnation {disk.Content.Incarnation.Value}";

    public void ReleaseDisk()
    {
        disk.Held = false;
        foreach (SimEvent held in HeldWrites)
        {
            ref SimEvent again = ref world.Queue.Push(world.Now + Ticks.Millisecond);
            again = held;
        }
        HeldWrites.Clear();
    }
}
