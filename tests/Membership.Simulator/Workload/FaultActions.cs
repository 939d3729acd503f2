// Carries one fault out on the world and plans its end. Ends that come after Heal do nothing: everything was
// mended by then.
using Membership.Engine;
using Membership.Simulator.World;

namespace Membership.Simulator.Workload;

internal sealed class FaultActions(ClusterWorld world, Rng rng)
{
    private readonly List<SimProcess> _frozen = [];
    private bool _ended;

    private int Nodes => world.Options.Nodes;

    private long L => world.Options.L;

    public void Play(FaultKind kind, int node)
    {
        SimNode target = world.Node(node);
        switch (kind)
        {
            case FaultKind.CrashProcess:
                target.Kill("crashes", power: false);
                break;
            case FaultKind.PowerCut:
                target.Kill("power cut", power: true);
                break;
            case FaultKind.CrashSeveral:
                for (int count = rng.Between(1, Math.Max(1, Nodes / 2)); count > 0; count--) Later(rng.Span(0, L / 8), () => Any().Kill("crashes", power: rng.Chance(0.3)));
                break;
            case FaultKind.FullOutage:
                foreach (SimNode each in world.Nodes) Later(rng.Span(0, rng.Chance(0.5) ? L : 50 * Ticks.Millisecond), () => each.Kill("full outage", power: rng.Chance(0.5)));
                break;
            case FaultKind.Pause:
                Pause(target, rng.Span(L / 8, 3 * L / 2));
                break;
            case FaultKind.PauseLong:
                Pause(target, rng.Span(L, 5 * L));
                break;
            case FaultKind.Twin:
                if (target.Process is { Frozen: false } first)
                {
                    first.Freeze();
                    _frozen.Add(first);
                    Later(rng.Span(0, L / 2), () =>
                    {
                        if (target.Process == first) target.StartTwin();
                    });
                }
                break;
            case FaultKind.SlowDisk:
                long slow = rng.Span(world.Options.T, 2 * L);
                Timed(node, $"disk slow, up to {slow / Ticks.Millisecond} ms", rng.Span(L, 4 * L), () => target.Disk.ExtraDelay = slow, () => target.Disk.ExtraDelay = 0);
                break;
            case FaultKind.HoldDisk:
                Timed(node, "disk hangs", rng.Span(L / 4, 4 * L), () => target.Disk.Held = true, target.ReleaseDisk);
                break;
            case FaultKind.FailWrite:
                Say(node, "the next write will fail");
                target.Disk.FailNext = true;
                world.Health.TouchNode(node);
                break;
            case FaultKind.ReplaceDisk:
                ReplaceDisk(target);
                break;
            case FaultKind.SlowCallbacks:
                long late = rng.Span(world.Options.T, 3 * L);
                Timed(node, $"callbacks slow, up to {late / Ticks.Millisecond} ms", rng.Span(L, 4 * L), () => target.CallbackDelay = late, () => target.CallbackDelay = 0);
                break;
            case FaultKind.Leave:
                if (target.Process is { } leaver)
                {
                    Say(node, "is asked to leave");
                    bool forGood = rng.Chance(0.5);
                    leaver.Leave(forGood);
                    if (forGood) Later(rng.Span(L, 6 * L), target.Start);
                }
                break;
            case FaultKind.Eject:
                int victim = Other(node);
                Say(node, $"is asked to eject node {victim}");
                world.Health.TouchNode(victim);
                target.Process?.Eject(victim);
                break;
            case FaultKind.ForceRegroup:
                target.Process?.ForceRegroup();
                break;
            case FaultKind.Switchover:
                foreach (SimNode each in world.Nodes)
                    if (each.Process is { Core.Installed: { } view } && view.Master.Value == each.Number)
                    {
                        Say(each.Number, "is asked to hand the mastership over");
                        each.Process.Switchover();
                    }
                break;
            case FaultKind.Qualify:
                int about = rng.Below(Nodes) + 1;
                bool qualified = rng.Chance(0.6);
                Say(node, $"is asked to {(qualified ? "qualify" : "disqualify")} node {about}");
                target.Process?.Qualify(about, qualified);
                break;
            case FaultKind.FormByForce:
                FormByForce(target);
                break;
            case FaultKind.FalseTripwire:
                int peer = Other(node);
                if (target.Process is { } observer && world.Node(peer).Process is { } alive)
                {
                    Say(node, $"loses its tripwire to node {peer}, which lives");
                    world.LoseTripwire(observer, peer, alive.Incarnation);
                }
                break;
            case FaultKind.ReportUnreachable:
                int lost = Other(node);
                Say(node, $"is told that node {lost} is unreachable");
                world.Health.TouchLink(node, lost);
                target.Process?.ReportUnreachable(lost);
                break;
            default:
                if (kind is FaultKind.WitnessHang or FaultKind.WitnessError or FaultKind.WitnessSlow or FaultKind.WitnessForgets or FaultKind.WitnessUnreachable)
                    PlayWitness(kind, node);
                else
                    PlayNetwork(kind, node);
                break;
        }
    }

    /// <summary>Mends everything, lets frozen processes run on, and starts whoever is down.</summary>
    public void EndAll()
    {
        _ended = true;
        world.QuietPhase = true;
        Say(0, "all faults end");
        world.Network.HealAll();
        world.Witness.HealAll();
        foreach (SimProcess process in _frozen) process.Thaw();
        foreach (SimNode node in world.Nodes)
        {
            node.Disk.ExtraDelay = 0;
            node.Disk.FailNext = false;
            node.CallbackDelay = 0;
            node.ReleaseDisk();
            world.Health.Release(node.Number);
            node.SwitchedOff = false;
            if (node.Process is null) node.StartLater(world.SupervisorDelay());
            node.StayDown = false;
        }
    }

    private void PlayWitness(FaultKind kind, int node)
    {
        VirtualWitness witness = world.Witness;
        switch (kind)
        {
            case FaultKind.WitnessHang:
                Timed(0, "the witness hangs", rng.Span(L / 4, 3 * L), () => witness.Mode = WitnessMode.Hangs, () => witness.Mode = WitnessMode.Answers);
                break;
            case FaultKind.WitnessError:
                Timed(0, "the witness answers with errors", rng.Span(L / 4, 3 * L), () => witness.Mode = WitnessMode.Fails, () => witness.Mode = WitnessMode.Answers);
                break;
            case FaultKind.WitnessSlow:
                long slow = rng.Span(L / 8, 2 * L);
                Timed(0, $"the witness is slow, up to {slow / Ticks.Millisecond} ms each way", rng.Span(L, 5 * L), () => witness.ExtraDelay = slow, () => witness.ExtraDelay = 0);
                break;
            case FaultKind.WitnessForgets:
                Say(0, $"the witness no longer honours its owner (node {witness.OwnerNode})");
                witness.Forget();
                break;
            default:
                Timed(node, "cannot reach the witness", rng.Span(L / 2, 5 * L), () => witness.SetReachable(node, false), () => witness.SetReachable(node, true));
                break;
        }
    }

    private void PlayNetwork(FaultKind kind, int node)
    {
        Network network = world.Network;
        int peer = Other(node);
        long length = rng.Span(L / 4, 5 * L);
        switch (kind)
        {
            case FaultKind.CutOneWay:
                Timed(0, $"link {node}->{peer} cut", length, () => network.Cut(node, peer), () => network.Mend(node, peer));
                break;
            case FaultKind.CutLink:
                Timed(0, $"link {node}<->{peer} cut", length, () => Both(node, peer, cut: true), () => Both(node, peer, cut: false));
                break;
            case FaultKind.CutSomePath:
                int path = rng.Below(world.Options.Paths);
                Timed(0, $"path {path} {node}->{peer} cut", length, () => network.Cut(node, peer, path), () => network.Mend(node, peer, path));
                break;
            case FaultKind.CutNode:
                Group(1UL << node, length, rng.Chance(0.2));
                break;
            case FaultKind.Partition:
                Group(rng.Next(), length, rng.Chance(0.15));
                break;
            case FaultKind.HalvesAndWitness:
                Group(rng.Next(), length, oneWay: false);
                PlayWitness(rng.Pick(FaultKind.WitnessSlow, FaultKind.WitnessHang, FaultKind.WitnessUnreachable), node);
                break;
            case FaultKind.Chain:
                for (int a = 1; a <= Nodes; a++)
                    for (int b = a + 2; b <= Nodes; b++)
                    {
                        int left = a, right = b;
                        Timed(0, $"link {a}<->{b} cut (chain)", length, () => Both(left, right, cut: true), () => Both(left, right, cut: false));
                    }
                break;
            case FaultKind.Flap:
                int times = rng.Between(2, 6);
                long period = rng.Span(L / 8, L);
                for (int i = 0; i < times; i++)
                    Later(i * 2 * period, () => Timed(0, $"link {node}<->{peer} cut (flap)", period, () => Both(node, peer, cut: true), () => Both(node, peer, cut: false)));
                break;
            case FaultKind.LossBurst:
                int loss = rng.Between(50, 600);
                OnLinks(node, $"lose {loss / 10.0:F1} % of messages", length, (ref Link link) => link.LossPerMille = loss, static (ref Link link) => link.LossPerMille = 0);
                break;
            case FaultKind.DelayBurst:
                long delay = rng.Span(world.Options.T / 4, L);
                OnLinks(node, $"are up to {delay / Ticks.Millisecond} ms slower", length, (ref Link link) => link.ExtraDelay = delay, static (ref Link link) => link.ExtraDelay = 0);
                break;
            case FaultKind.DuplicateBurst:
                int copies = rng.Between(50, 500);
                long late = rng.Span(0, 5 * L);
                OnLinks(node, $"duplicate {copies / 10.0:F1} % of messages, copies up to {late / Ticks.Millisecond} ms later", length, (ref Link link) =>
                {
                    link.DuplicatePerMille = copies;
                    link.LateCopies = late;
                }, static (ref Link link) => link.DuplicatePerMille = 0);
                break;
        }
    }

    private delegate void LinkChange(ref Link link);

    // One node's links, or all of them.
    private void OnLinks(int node, string what, long length, LinkChange begin, LinkChange end)
    {
        bool all = rng.Chance(0.4);
        Timed(0, all ? $"all links {what}" : $"links from node {node} {what}", length, () => Each(begin), () => Each(end));

        void Each(LinkChange change)
        {
            for (int path = 0; path < world.Options.Paths; path++)
                for (int from = 1; from <= Nodes; from++)
                    for (int to = 1; to <= Nodes; to++)
                        if (from != to && (all || from == node)) change(ref world.Network.At(path, from, to));
        }
    }

    private void Group(ulong mask, long length, bool oneWay)
    {
        var inside = NodeSet.Empty;
        for (int node = 1; node <= Nodes; node++)
            if ((mask >> node & 1) != 0) inside = inside.With(new NodeId(node));
        Timed(0, oneWay ? $"nothing passes out of {inside}" : $"partition: {inside} apart", length, () => Each(cut: true), () => Each(cut: false));

        void Each(bool cut)
        {
            for (int a = 1; a <= Nodes; a++)
                for (int b = 1; b <= Nodes; b++)
                {
                    if (!inside.Contains(new NodeId(a)) || inside.Contains(new NodeId(b))) continue;
                    if (oneWay && cut) world.Network.Cut(a, b);
                    else if (oneWay) world.Network.Mend(a, b);
                    else Both(a, b, cut);
                }
        }
    }

    private void Both(int a, int b, bool cut)
    {
        if (cut)
        {
            world.Network.Cut(a, b);
            world.Network.Cut(b, a);
        }
        else
        {
            world.Network.Mend(a, b);
            world.Network.Mend(b, a);
        }
    }

    private void Pause(SimNode node, long length)
    {
        if (node.Process is not { Frozen: false } process) return;
        process.Freeze();
        _frozen.Add(process);
        world.Health.TouchNode(node.Number);
        Later(length, process.Thaw);
    }

    // As docs/operations.md says: at the node that has seen the highest epoch, while nobody is a member; all others are off and stay off until the one that was told has formed (or the operator
    // gives up), and nothing keeps them from hearing it when they start again.
    private void FormByForce(SimNode node)
    {
        if (_forcing || world.Nodes.ToArray().Any(static each => each.Process is { Halted: false } process && process.PublishedLease.ValidUntil > process.LocalNow)) return;
        _forcing = true;
        foreach (SimNode each in world.Nodes)
            if (each.Disk.Content.HighestEpochSeen > node.Disk.Content.HighestEpochSeen) node = each;
        foreach (SimNode each in world.Nodes)
        {
            each.SwitchedOff = true;
            each.Kill(each == node ? "stopped, to form by force" : "switched off by the operator, who forms without it", power: each != node);
        }
        world.Network.HealAll();
        node.SwitchedOff = false;
        world.ForceForm = true;
        node.Start();
        world.ForceForm = false;
        AwaitForced(node, world.Now + 20 * L);
    }

    private bool _forcing;

    private void AwaitForced(SimNode node, long patience) => Later(L / 4, () =>
    {
        bool formed = node.Process is { StartedByForce: true } process && process.PublishedLease.ValidUntil > process.LocalNow;
        if (!formed && node.Process is { StartedByForce: true } && world.Now < patience)
        {
            AwaitForced(node, patience);
            return;
        }
        _forcing = false;
        if (!formed) Say(node.Number, "has not formed by force: the operator gives up");
        foreach (SimNode each in world.Nodes)
        {
            each.SwitchedOff = false;
            each.StartLater(rng.Span(0, L));
        }
    });

    // Losing a quorum's disks is outside the safety claim (amnesia by the operator): those who lost theirs must never be
    // enough to form anew, not even with those who never had a view and the witness' vote.
    private void ReplaceDisk(SimNode node)
    {
        NodeSet replaced = NodeSet.Of(new NodeId(node.Number));
        foreach (SimNode each in world.Nodes)
            if (each.Disk.Replacements > 0 || each.Disk.Content.IsEmpty) replaced = replaced.With(new NodeId(each.Number));
        if (world.Checkers.Chain.CouldForm(replaced)) return;
        node.Kill("power cut; its disk is replaced by an empty one", power: true);
        node.Disk.Replace();
        world.DisksReplaced = true;
    }

    private void Timed(int node, string what, long length, Action begin, Action end)
    {
        Say(node, $"{what} for {length / Ticks.Millisecond} ms");
        if (node > 0) world.Health.Hold(node);
        begin();
        Later(length, () =>
        {
            Say(node, $"{what}: ends");
            if (node > 0) world.Health.Release(node);
            end();
        });
    }

    private void Later(long delay, Action action) => world.After(delay, () =>
    {
        if (!_ended) action();
    });

    private void Say(int node, string what)
    {
        if (world.Trace.On) world.Trace.Line(world.Now, node, "FAULT " + what);
    }

    private SimNode Any() => world.Node(rng.Below(Nodes) + 1);

    private int Other(int node)
    {
        int other = rng.Below(Nodes - 1) + 1;
        return other >= node ? other + 1 : other;
    }
}
