// One thing that goes wrong in a round: what, to whom, when, and for how long. Times count from the round's begin.
using System.Globalization;
using Membership.Testbed;

namespace Membership.Chaos;

internal abstract record Fault(TimeSpan At, TimeSpan For)
{
    public TimeSpan End => At + For;

    protected abstract string What { get; }

    /// <summary>What the bridge lets through because of it at an instant of the round; healthy for faults of another kind.</summary>
    public virtual LinkState LinksAt(TimeSpan time) => LinkState.Healthy;

    public sealed override string ToString() => string.Create(CultureInfo.InvariantCulture, $"+{At.TotalSeconds:0.00} s {What} for {For.TotalSeconds:0.00} s");
}

/// <summary>Cuts or losses on the bridge.</summary>
internal sealed record LinkFault(TimeSpan At, TimeSpan For, string Name, LinkState Links) : Fault(At, For)
{
    protected override string What => Name;

    public override LinkState LinksAt(TimeSpan time) => time >= At && time < End ? Links : LinkState.Healthy;
}

/// <summary>Cuts that come and go.</summary>
internal sealed record FlapFault(TimeSpan At, TimeSpan For, string Name, LinkState Links, TimeSpan HalfPeriod) : Fault(At, For)
{
    protected override string What => string.Create(CultureInfo.InvariantCulture, $"{Name}, on and off every {HalfPeriod.TotalSeconds:0.00} s,");

    public override LinkState LinksAt(TimeSpan time)
        => time >= At && time < End && (long)((time - At) / HalfPeriod) % 2 == 0 ? Links : LinkState.Healthy;
}

/// <summary>kill -9; the supervisor starts the node again when the time is up.</summary>
internal sealed record KillFault(TimeSpan At, TimeSpan For, int Node) : Fault(At, For)
{
    protected override string What => $"kill -9 of node {Node}, down";
}

/// <summary>SIGSTOP until the time is up.</summary>
internal sealed record StopFault(TimeSpan At, TimeSpan For, int Node) : Fault(At, For)
{
    protected override string What => $"SIGSTOP of node {Node}";
}

/// <summary>A rolling stop: SIGTERM, so that the node leaves cleanly; started again when the time is up.</summary>
internal sealed record LeaveFault(TimeSpan At, TimeSpan For, int Node) : Fault(At, For)
{
    protected override string What => $"node {Node} leaves, down";
}

/// <summary>The witness' server is killed and started again, or frozen for a while.</summary>
internal sealed record WitnessFault(TimeSpan At, TimeSpan For, bool Killed) : Fault(At, For)
{
    protected override string What => Killed ? "the witness is killed, down" : "SIGSTOP of the witness";
}

/// <summary>The node's wall clock jumps, and jumps back when the time is up.</summary>
internal sealed record ClockFault(TimeSpan At, TimeSpan For, int Node, TimeSpan By) : Fault(At, For)
{
    protected override string What => string.Create(CultureInfo.InvariantCulture, $"wall clock of node {Node} jumps by {By.TotalMinutes:+0.#;-0.#} min,");
}

/// <summary>A node crashes and comes back with a disk on which every flush takes so long; healthy again after another crash.</summary>
internal sealed record SlowDiskFault(TimeSpan At, TimeSpan For, int Node, TimeSpan FlushDelay) : Fault(At, For)
{
    protected override string What => string.Create(CultureInfo.InvariantCulture, $"node {Node} crashes and has a disk that takes {FlushDelay.TotalMilliseconds:0} ms to flush,");
}
