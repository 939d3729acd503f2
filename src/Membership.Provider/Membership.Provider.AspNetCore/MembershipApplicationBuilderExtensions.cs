// What a web application calls: guarding endpoints, guarding everything, and health endpoints.
using Membership.Engine.Runtime;
using Membership.Provider.AspNetCore;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Microsoft.AspNetCore.Builder;

/// <summary>Guards the endpoints of a web application by the membership of its node.</summary>
public static class MembershipApplicationBuilderExtensions
{
    /// <summary>
    /// Enforces <see cref="RequiresMembershipAttribute"/> on the endpoint that was chosen: put it after routing (a <c>WebApplication</c> routes first by itself)
    /// and before anything that touches shared things.
    /// </summary>
    /// <param name="app">The application.</param>
    /// <returns>The application.</returns>
    public static IApplicationBuilder UseMembershipGuard(this IApplicationBuilder app)
    {
        ArgumentNullException.ThrowIfNull(app);
        return app.Use(static (context, next) => context.GetEndpoint()?.Metadata.GetMetadata<RequiresMembershipAttribute>() is { } demand
            ? GuardAsync(context, demand, next)
            : next(context));
    }

    /// <summary>Guards everything that comes after it in the pipeline, whatever endpoint was chosen.</summary>
    /// <param name="app">The application.</param>
    /// <param name="demand">What is demanded.</param>
    /// <returns>The application.</returns>
    public static IApplicationBuilder UseMembershipGuard(this IApplicationBuilder app, RequiresMembershipAttribute demand)
    {
        ArgumentNullException.ThrowIfNull(app);
        ArgumentNullException.ThrowIfNull(demand);
        return app.Use((context, next) => GuardAsync(context, demand, next));
    }

    /// <summary>Serves an endpoint, or the endpoints of a group, only while this node's lease is valid; else 503 with Retry-After.</summary>
    /// <typeparam name="TBuilder">The endpoint's or group's builder.</typeparam>
    /// <param name="builder">The endpoint or group.</param>
    /// <param name="demand">What is demanded; null = membership of the cluster without a name.</param>
    /// <returns>The builder.</returns>
    public static TBuilder RequireMembership<TBuilder>(this TBuilder builder, RequiresMembershipAttribute? demand = null)
        where TBuilder : IEndpointConventionBuilder
    {
        ArgumentNullException.ThrowIfNull(builder);
        RequiresMembershipAttribute demanded = demand ?? new RequiresMembershipAttribute();
        builder.WithMetadata(demanded);
        return builder.AddEndpointFilter(async (context, next)
            => await MembershipGate.PassAsync(context.HttpContext, demanded).ConfigureAwait(false) is { } refusal ? refusal : await next(context).ConfigureAwait(false));
    }

    /// <summary>The lease under which a guarded request is served, or null for a request that was not guarded.</summary>
    /// <param name="context">The request.</param>
    /// <returns>The lease.</returns>
    public static MembershipLease? GetMembershipLease(this HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return context.Features.Get<IMembershipLeaseFeature>()?.Lease;
    }

    /// <summary>
    /// Health endpoints for a load balancer or an orchestrator: <c>/live</c> (restart the process when it fails), <c>/ready</c> (send it work while it is
    /// healthy) and <c>/degraded</c> (tell somebody when it fails), from the checks that <c>AddHealthChecks()</c> on the membership builder registered.
    /// </summary>
    /// <param name="endpoints">The application.</param>
    /// <param name="prefix">What the three paths begin with; default <c>/health</c>.</param>
    /// <returns>The three endpoints, for conventions.</returns>
    public static IEndpointConventionBuilder MapMembershipHealth(this IEndpointRouteBuilder endpoints, string prefix = "/health")
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentNullException.ThrowIfNull(prefix);
        RouteGroupBuilder group = endpoints.MapGroup(prefix);
        foreach (string tag in (string[])["live", "ready", "degraded"])
        {
            group.MapHealthChecks("/" + tag, new HealthCheckOptions
            {
                Predicate = check => check.Tags.Contains("membership") && check.Tags.Contains(tag),
                ResponseWriter = MembershipHealthResponse.WriteAsync,
            });
        }
        return group;
    }

    private static async Task GuardAsync(HttpContext context, RequiresMembershipAttribute demand, RequestDelegate next)
    {
        if (await MembershipGate.PassAsync(context, demand).ConfigureAwait(false) is { } refusal) await refusal.ExecuteAsync(context).ConfigureAwait(false);
        else await next(context).ConfigureAwait(false);
    }
}
