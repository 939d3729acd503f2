// The faults a workload knows, and how much each family of runs likes them.
namespace Membership.Simulator.Workload;

internal enum FaultKind
{
    CrashProcess,
    PowerCut,
    CrashSeveral,
    FullOutage,
    Pause,
    PauseLong,
    CutOneWay,
    CutLink,
    CutNode,
    Partition,
    Chain,
    CutSomePath,
    Flap,
    LossBurst,
    DelayBurst,
    DuplicateBurst,
    SlowDisk,
    HoldDisk,
    FailWrite,
    ReplaceDisk,
    SlowCallbacks,
    WitnessHang,
    WitnessError,
    WitnessSlow,
    WitnessForgets,
    WitnessUnreachable,
    Leave,
    Eject,
    FalseTripwire,
    ForceRegroup,
    ReportUnreachable,
    HalvesAndWitness,

    /// <summary>A second process on the store of a frozen one (only where the store has no lock).</summary>
    Twin,

    /// <summary>The master is asked to hand over.</summary>
    Switchover,

    /// <summary>Any node is asked to qualify or disqualify one.</summary>
    Qualify,

    /// <summary>The operator switches all others off and has one node form by force; then it lets the others start.</summary>
    FormByForce,
}

internal static class FaultWeights
{
    private static readonly int Kinds = Enum.GetValues<FaultKind>().Length;

    public static int[] For(RunPlan plan)
    {
        var weights = new int[Kinds];
        for (int kind = 0; kind < Kinds; kind++)
        {
            bool liked = Likes(plan.Focus, (FaultKind)kind);
            // A kind the focus does not like is left out of a run in one of four; the mask comes from the seed.
            bool masked = (plan.KindMask >> kind & 1) == 0;
            weights[kind] = masked && !liked ? 0 : (liked ? 12 : 1) * Base((FaultKind)kind);
        }
        // Runs of other families stay what they were.
        if (plan.Focus is not (FaultFocus.Roles or FaultFocus.Mixed or FaultFocus.State)) weights[(int)FaultKind.Switchover] = weights[(int)FaultKind.Qualify] = 0;
        if (plan.Focus is not FaultFocus.Forced) weights[(int)FaultKind.FormByForce] = 0;
        if (plan.Options.StoreLocked) weights[(int)FaultKind.Twin] = 0;
        if (!plan.Options.HasWitness)
        {
            foreach (FaultKind kind in (FaultKind[])[FaultKind.WitnessHang, FaultKind.WitnessError, FaultKind.WitnessSlow, FaultKind.WitnessForgets, FaultKind.WitnessUnreachable, FaultKind.HalvesAndWitness])
                weights[(int)kind] = 0;
        }
        return weights;
    }

    private static int Base(FaultKind kind) => kind switch
    {
        FaultKind.ReplaceDisk or FaultKind.FullOutage or FaultKind.FailWrite => 1,
        FaultKind.Partition or FaultKind.CrashProcess or FaultKind.Pause or FaultKind.CutOneWay => 6,
        _ => 3,
    };

    private static bool Likes(FaultFocus focus, FaultKind kind) => focus switch
    {
        FaultFocus.Partitions => kind is FaultKind.Partition or FaultKind.CutLink or FaultKind.CutOneWay or FaultKind.CutNode or FaultKind.Chain or FaultKind.Flap or FaultKind.CutSomePath,
        FaultFocus.Crashes => kind is FaultKind.CrashProcess or FaultKind.PowerCut or FaultKind.CrashSeveral or FaultKind.FullOutage,
        FaultFocus.Pauses => kind is FaultKind.Pause or FaultKind.PauseLong or FaultKind.Partition or FaultKind.Twin,
        FaultFocus.Witness => kind is FaultKind.WitnessHang or FaultKind.WitnessError or FaultKind.WitnessSlow or FaultKind.WitnessForgets or FaultKind.WitnessUnreachable
            or FaultKind.HalvesAndWitness or FaultKind.Partition,
        FaultFocus.Disks => kind is FaultKind.SlowDisk or FaultKind.HoldDisk or FaultKind.FailWrite or FaultKind.ReplaceDisk or FaultKind.PowerCut or FaultKind.Partition,
        FaultFocus.Joins => kind is FaultKind.CrashProcess or FaultKind.Leave or FaultKind.Eject or FaultKind.PowerCut or FaultKind.Partition,
        FaultFocus.Datagrams => kind is FaultKind.LossBurst or FaultKind.DelayBurst or FaultKind.DuplicateBurst or FaultKind.CrashProcess or FaultKind.CutNode,
        FaultFocus.Roles => kind is FaultKind.Switchover or FaultKind.Qualify or FaultKind.CrashProcess or FaultKind.Partition or FaultKind.Leave or FaultKind.SlowCallbacks,
        FaultFocus.State => kind is FaultKind.CrashProcess or FaultKind.Partition or FaultKind.Leave or FaultKind.LossBurst or FaultKind.Pause or FaultKind.CutOneWay,
        FaultFocus.Forced => kind is FaultKind.FormByForce or FaultKind.PowerCut or FaultKind.FullOutage or FaultKind.HoldDisk or FaultKind.CrashSeveral or FaultKind.Partition,
        FaultFocus.Churn => kind is FaultKind.Partition or FaultKind.CrashProcess or FaultKind.CutNode or FaultKind.Flap,
        _ => false,
    };
}
