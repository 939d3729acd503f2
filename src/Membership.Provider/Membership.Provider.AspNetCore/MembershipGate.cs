// The one decision behind filter, attribute and middleware: may this request be served here and now?
using System.Globalization;
using Membership.Engine;
using Membership.Engine.Runtime;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Membership.Provider.AspNetCore;

internal static class MembershipGate
{
    private static readonly TimeSpan LongestHold = TimeSpan.FromMinutes(10);

    /// <summary>Null when it may; then the request carries the lease as a feature.</summary>
    public static async ValueTask<Refusal?> PassAsync(HttpContext context, RequiresMembershipAttribute demand)
    {
        // Filter and middleware may both guard the same endpoint: the second look costs nothing and sees what the first one saw or better.
        IClusterMembership membership = context.RequestServices.GetKeyedService<IClusterMembership>(string.IsNullOrEmpty(demand.ClusterName) ? null : demand.ClusterName)
            ?? throw new InvalidOperationException(string.IsNullOrEmpty(demand.ClusterName)
                ? "The endpoint demands membership of the cluster without a name, and there is none: call AddRegroupMembership without a name, or set ClusterName of RequiresMembership."
                : $"The endpoint demands membership of the cluster '{demand.ClusterName}', and there is none of that name: correct ClusterName of RequiresMembership, or call AddRegroupMembership(\"{demand.ClusterName}\", ...).");
        TimeSpan hold = TimeSpan.FromMilliseconds(Math.Clamp(demand.HoldLimitMilliseconds, 0, LongestHold.TotalMilliseconds));
        MembershipLease lease;
        try
        {
            lease = await membership.Lease.Guard(hold, context.RequestAborted).ConfigureAwait(false);
        }
        catch (MembershipLostException lost)
        {
            return new Refusal(membership, "This node is not a member of its cluster.", lost.Message);
        }
        catch (MembershipHeldException held)
        {
            return new Refusal(membership, "The cluster is regrouping.", held.Message);
        }
        // The mastership counts only in the epoch of the lease: an older view may still name this node.
        if (demand.Master && membership.CurrentView is var view && (view is null || view.Epoch != lease.Epoch || view.Master != membership.Self))
            return new Refusal(membership, "This node is not the master.", view is { Master.IsValid: true } ? $"The master is node {view.Master}." : "There is no master now.");
        context.Features.Set<IMembershipLeaseFeature>(new LeaseFeature(lease, membership));
        return null;
    }

    private sealed record LeaseFeature(MembershipLease Lease, IClusterMembership Membership) : IMembershipLeaseFeature;
}

/// <summary>503 with Retry-After and a problem document.</summary>
internal sealed class Refusal(IClusterMembership membership, string title, string detail) : IResult
{
    // By then a silent node is out and the others have a new view. Tests of a host may have put something else in the membership's place.
    private int RetryAfterSeconds => membership is ClusterMembership { Options: var options } ? Math.Max(1, (int)Math.Ceiling(options.EffectiveTiming.LossPeriod.TotalSeconds)) : 1;

    public Task ExecuteAsync(HttpContext httpContext)
    {
        httpContext.Response.Headers.RetryAfter = RetryAfterSeconds.ToString(CultureInfo.InvariantCulture);
        httpContext.Response.Headers.CacheControl = "no-store";
        return Results.Problem(detail, statusCode: StatusCodes.Status503ServiceUnavailable, title: title).ExecuteAsync(httpContext);
    }
}

/// <summary>The right under which a guarded request is served.</summary>
public interface IMembershipLeaseFeature
{
    /// <summary>The lease that was valid when the request was let in. Check it again before each effect; its epoch is the fencing token.</summary>
    MembershipLease Lease { get; }

    /// <summary>The cluster.</summary>
    IClusterMembership Membership { get; }
}
