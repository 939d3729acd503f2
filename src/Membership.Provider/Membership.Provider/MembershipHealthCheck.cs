// The three questions that are asked of a node from outside: does it run, may it be sent work, is something wrong with it.
using System.Globalization;
using Membership.Engine;
using Membership.Engine.Runtime;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Membership.Provider;

/// <summary>Which question a check answers.</summary>
internal enum HealthQuestion
{
    /// <summary>The node's loop turns and it has not halted: else restart the process.</summary>
    Live,

    /// <summary>It has a valid lease; degraded while a regroup holds it.</summary>
    Ready,

    /// <summary>It serves, and nothing is wrong: no stale cluster, no witness trouble, no silent path, no full handler queue.</summary>
    Degraded,
}

internal sealed class MembershipHealthCheck(ClusterMembership membership, HealthQuestion question) : IHealthCheck
{
    /// <summary>A loop that is this late is not turning: no lease outlives it.</summary>
    private TimeSpan Patience => membership.Options.EffectiveTiming.LossPeriod is var lossPeriod && lossPeriod > TimeSpan.FromSeconds(1) ? lossPeriod : TimeSpan.FromSeconds(1);

    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        NodeHealth health = await membership.Node.GetHealthAsync(Patience, cancellationToken).ConfigureAwait(false);
        ClusterView? view = membership.CurrentView;
        var data = new Dictionary<string, object>
        {
            ["cluster"] = membership.Options.ClusterId,
            ["node"] = membership.Self.Value,
            ["role"] = membership.Role.ToString(),
            ["epoch"] = view?.Epoch.Value ?? 0,
            ["members"] = view?.Nodes.ToString() ?? "{}",
        };
        return question switch
        {
            HealthQuestion.Live => Live(context, health, data),
            HealthQuestion.Ready => Ready(context, health, data),
            _ => Degraded(context, health, data),
        };
    }

    private HealthCheckResult Live(HealthCheckContext context, NodeHealth health, Dictionary<string, object> data)
    {
        if (membership.Halted is { IsCompletedSuccessfully: true } halted && halted.Result is var halt) return new HealthCheckResult(context.Registration.FailureStatus, $"halted with {halt.Code}: {halt.Detail}", data: data);
        return health.LoopTurns
            ? HealthCheckResult.Healthy("the node runs", data)
            : new HealthCheckResult(context.Registration.FailureStatus, $"the node's loop did not answer within {Patience}, or it is not running", data: data);
    }

    private static HealthCheckResult Ready(HealthCheckContext context, NodeHealth health, Dictionary<string, object> data)
    {
        if (health.HasValidLease) return HealthCheckResult.Healthy("the lease is valid", data);
        return health.IsHeld
            ? HealthCheckResult.Degraded("a regroup holds the lease", data: data)
            : new HealthCheckResult(context.Registration.FailureStatus, "no valid lease: not a member", data: data);
    }

    private static HealthCheckResult Degraded(HealthCheckContext context, NodeHealth health, Dictionary<string, object> data)
    {
        var wrong = new List<string>();
        if (!health.LoopTurns) wrong.Add("the node does not run");
        else if (!health.HasValidLease) wrong.Add(health.IsHeld ? "a regroup holds the lease" : "no valid lease");
        if (health.IsStale) wrong.Add("stale: no frame of the master for too long");
        if (health.WitnessTrouble is { } trouble) wrong.Add($"witness: {trouble}");
        if (health.KeptOut is { } keptOut) wrong.Add($"kept out by {keptOut}");
        foreach (QuarantinedMember kept in health.Quarantined)
            wrong.Add(string.Create(CultureInfo.InvariantCulture, $"node {kept.Node} is quarantined for {kept.Remaining.TotalSeconds:0} s: it lost its place {kept.Removals} times"));
        foreach (SilentPath path in health.SilentPaths)
            wrong.Add(string.Create(CultureInfo.InvariantCulture, $"path {path.Path} to node {path.Node} ({path.Endpoint}) is silent{(path.Silence == TimeSpan.MaxValue ? "" : $" for {path.Silence.TotalSeconds:0.0} s")}"));
        return wrong.Count == 0
            ? HealthCheckResult.Healthy("all is well", data)
            : new HealthCheckResult(context.Registration.FailureStatus == HealthStatus.Unhealthy ? HealthStatus.Degraded : context.Registration.FailureStatus, string.Join("; ", wrong), data: data);
    }
}
