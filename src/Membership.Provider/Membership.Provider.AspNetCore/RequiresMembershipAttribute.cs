// What an endpoint demands before it is served: a valid lease, and perhaps the mastership.
using Microsoft.AspNetCore.Mvc.Filters;

namespace Membership.Provider.AspNetCore;

/// <summary>
/// The endpoint is served only while this node's lease is valid. Otherwise it answers 503 (Service Unavailable) with Retry-After; a
/// hold, as during a regroup, is waited through first, for at most <see cref="HoldLimitMilliseconds"/>.
/// </summary>
/// <remarks>
/// On MVC controllers and actions it works by itself. On the handler of a minimal API it is enforced by <c>app.UseMembershipGuard()</c>
/// (after routing); without that middleware use <c>.RequireMembership()</c> on the endpoint or group, which needs nothing else.
/// </remarks>
[AttributeUsage(AttributeTargets.Method | AttributeTargets.Class, AllowMultiple = false)]
public sealed class RequiresMembershipAttribute : Attribute, IAsyncResourceFilter, IOrderedFilter
{
    /// <summary>The cluster's name when the process has several; null for the one without a name (default).</summary>
    public string? ClusterName { get; init; }

    /// <summary>This node must be the master, too; default false.</summary>
    public bool Master { get; init; }

    /// <summary>The longest a request waits through a hold, 0..600,000 ms; default 1000.</summary>
    public int HoldLimitMilliseconds { get; init; } = 1000;

    /// <summary>Runs before other filters of its kind.</summary>
    public int Order => int.MinValue + 100;

    /// <inheritdoc/>
    public async Task OnResourceExecutionAsync(ResourceExecutingContext context, ResourceExecutionDelegate next)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(next);
        if (await MembershipGate.PassAsync(context.HttpContext, this).ConfigureAwait(false) is { } refusal) context.Result = new RefusalResult(refusal);
        else await next().ConfigureAwait(false);
    }

    private sealed class RefusalResult(Refusal refusal) : Microsoft.AspNetCore.Mvc.IActionResult
    {
        public Task ExecuteResultAsync(Microsoft.AspNetCore.Mvc.ActionContext context) => refusal.ExecuteAsync(context.HttpContext);
    }
}
