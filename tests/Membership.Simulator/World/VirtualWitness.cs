// The witness all nodes share: an owner that must renew within W, a generation that grows with every change, and
// one slot per node. It keeps the arbiter contract under faults: a command may be answered late or never, and may
// take effect although its caller has given up.
using System.Collections.Immutable;
using Membership.Engine;

namespace Membership.Simulator.World;

internal enum WitnessMode
{
    Answers,

    /// <summary>No answer; the command takes effect late or never.</summary>
    Hangs,

    /// <summary>An error comes back; the command took effect or not.</summary>
    Fails,
}

internal sealed class VirtualWitness(ClusterWorld world, Rng rng)
{
    private readonly ImmutableArray<ClusterView>[] _slots = NewSlots(world.Options.Nodes);
    private readonly bool[] _unreachable = new bool[world.Options.Nodes + 1];

    public WitnessMode Mode { get; set; }

    /// <summary>Set by a fault: up to this much more for every command, each way.</summary>
    public long ExtraDelay { get; set; }

    /// <summary>Every change of owner, renewal and slot write makes a new one.</summary>
    public long Generation { get; private set; }

    public int OwnerNode { get; private set; }

    public int OwnerLife { get; private set; }

    /// <summary>Set by a fault: the owner's renewals are refused; challengers still wait out its period.</summary>
    private bool _forgotten;

    public void SetReachable(int node, bool reachable) => _unreachable[node] = !reachable;

    public void Forget() => _forgotten = true;

    public void HealAll()
    {
        Mode = WitnessMode.Answers;
        ExtraDelay = 0;
        Array.Clear(_unreachable);
    }

    public bool OwnedBy(SimProcess process) => OwnerNode == process.Number && OwnerLife == process.Life && !_forgotten;

    public bool IsFree => OwnerNode == 0;

    /// <summary>The union of all slots.</summary>
    public ImmutableArray<ClusterView> ReadRecord()
    {
        var union = ImmutableArray.CreateBuilder<ClusterView>();
        foreach (ImmutableArray<ClusterView> slot in _slots)
            foreach (ClusterView view in slot)
                if (!union.Contains(view)) union.Add(view);
        return union.ToImmutable();
    }

    public void Take(SimProcess process)
    {
        if (!OwnedBy(process)) world.Transcript?.Event(process.Number, "owns the witness now");
        if (world.Trace.On && !OwnedBy(process)) world.Trace.Line(world.Now, process.Number, "now owns the witness");
        OwnerNode = process.Number;
        OwnerLife = process.Life;
        _forgotten = false;
        Generation++;
    }

    public void Renew() => Generation++;

    public void Free()
    {
        OwnerNode = 0;
        OwnerLife = 0;
        _forgotten = false;
        Generation++;
    }

    /// <summary>Replaces the node's slot; a slot never goes back in epoch, so what is newer than the new content stays.</summary>
    public void Write(int node, ImmutableArray<ClusterView> slot)
    {
        Epoch newest = Epoch.None;
        foreach (ClusterView view in slot) newest = Epoch.Max(newest, view.Epoch);
        var merged = slot.ToBuilder();
        foreach (ClusterView old in _slots[node - 1])
            if (old.Epoch > newest && !merged.Contains(old)) merged.Add(old);
        _slots[node - 1] = merged.ToImmutable();
        Generation++;
        world.Checkers.RecordWritten(slot);
    }

    /// <summary>
    /// Carries a command to the witness and its answer back. <paramref name="apply"/> runs at the witness, perhaps never, perhaps after the
    /// caller gave up or died; <paramref name="answered"/> runs in the calling process: true = done, false = an error came back.
    /// </summary>
    public void Command(SimProcess process, Action apply, Action<bool> answered)
    {
        long there = Delay(), back = Delay();
        if (_unreachable[process.Number]) return;
        switch (Mode)
        {
            case WitnessMode.Hangs:
                if (rng.Chance(0.5)) world.After(there + rng.Span(0, 3 * world.Options.WitnessPeriod), apply);
                return;
            case WitnessMode.Fails:
                if (rng.Chance(0.4)) world.After(there, apply);
                process.Run(there + back, () => answered(false));
                return;
            default:
                world.After(there, () =>
                {
                    // It may have begun to hang while the command was on its way.
                    if (Mode == WitnessMode.Hangs)
                    {
                        if (rng.Chance(0.5)) world.After(rng.Span(0, 3 * world.Options.WitnessPeriod), apply);
                        return;
                    }
                    apply();
                    process.Run(back, () => answered(true));
                });
                return;
        }
    }

    private long Delay() => world.Options.Settled ? Ticks.Millisecond + ExtraDelay : 200 * Ticks.Microsecond + rng.Span(0, 2 * Ticks.Millisecond) + rng.Span(0, ExtraDelay);

    private static ImmutableArray<ClusterView>[] NewSlots(int nodes)
    {
        var slots = new ImmutableArray<ClusterView>[nodes];
        Array.Fill(slots, []);
        return slots;
    }
}
