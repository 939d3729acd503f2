// MapRegroupMembership: the one line that gives a host its live page.
using Membership.Provider.AspNetCore;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Microsoft.AspNetCore.Builder;

/// <summary>Maps the live page of a cluster.</summary>
public static class MembershipPageRouteBuilderExtensions
{
    /// <summary>
    /// Maps, under a path: the live page; <c>/snapshot</c> (JSON; <c>?lines=100</c> with so much of the journal); <c>/events</c> (server-sent events); <c>/peer</c> (what
    /// the pages of other nodes ask); <c>/actions</c> and <c>/actions/{verb}</c>, which do nothing unless <see cref="MembershipPageOptions.ActionPolicy"/> is set.
    /// </summary>
    /// <param name="endpoints">The application.</param>
    /// <param name="prefix">The path; default <c>/membership</c>.</param>
    /// <param name="configure">Sets the options.</param>
    /// <returns>All of the endpoints, for conventions such as <c>RequireHost</c>.</returns>
    /// <exception cref="ArgumentException">An option is of no use.</exception>
    /// <exception cref="InvalidOperationException">A policy is named and the host has no authorization or antiforgery services.</exception>
    public static IEndpointConventionBuilder MapRegroupMembership(this IEndpointRouteBuilder endpoints, string prefix = "/membership", Action<MembershipPageOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentNullException.ThrowIfNull(prefix);
        var options = new MembershipPageOptions();
        configure?.Invoke(options);
        options.Check();
        var page = new MembershipPageEndpoints(options, endpoints.ServiceProvider);
        endpoints.ServiceProvider.GetRequiredService<IHostApplicationLifetime>().ApplicationStopped.Register(page.Dispose);
        RouteGroupBuilder group = endpoints.MapGroup(prefix);
        group.MapGet("", LivePage.WriteAsync);
        group.MapGet("/snapshot", page.SnapshotAsync);
        group.MapGet("/events", page.EventsAsync);
        group.MapGet("/peer", page.PeerAsync);
        group.MapGet("/actions", page.MayActAsync);
        group.MapPost("/actions/{verb}", (HttpContext context, string verb) => page.ActAsync(context, verb));
        if (options.ReadPolicy is { } policy) group.RequireAuthorization(policy);
        return group;
    }
}
