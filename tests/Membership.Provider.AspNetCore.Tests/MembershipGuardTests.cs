// Web applications whose endpoints are served by members only: filter, attribute and middleware, on real servers.
using System.Globalization;
using System.Net;
using Membership.Engine;
using Membership.Engine.Runtime;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Membership.Provider.AspNetCore.Tests;

public sealed class MembershipGuardTests
{
    [Fact]
    public async Task Filter_attribute_and_middleware_serve_while_the_lease_is_valid_and_answer_503_with_retry_after_when_it_is_lost()
    {
        await using var nodes = new WebNodes(3);
        await nodes.StartAsync(Map);
        string[] guarded = ["/filter", "/attribute", "/group/one", "/controller"];
        long epoch = nodes.Membership(3).CurrentView!.Epoch.Value;
        foreach (string path in guarded)
        {
            (HttpResponseMessage response, string body) = await nodes.GetAsync(3, path);
            Assert.Equal((HttpStatusCode.OK, epoch.ToString(CultureInfo.InvariantCulture)), (response.StatusCode, body));
        }
        Assert.Equal(MembershipStatus.Ok, await nodes.Membership(1).EjectAsync(new NodeId(3), WebNodes.Deadline));
        await WebNodes.UntilAsync("node 3 is out", () => nodes.Membership(3).Halted.IsCompleted);
        foreach (string path in guarded)
        {
            (HttpResponseMessage response, string body) = await nodes.GetAsync(3, path);
            Assert.Equal((path, HttpStatusCode.ServiceUnavailable), (path, response.StatusCode));
            // L = 1 s with these options.
            Assert.Equal(TimeSpan.FromSeconds(1), response.Headers.RetryAfter!.Delta);
            Assert.Contains("not a member", body, StringComparison.Ordinal);
            Assert.Equal("application/problem+json", response.Content.Headers.ContentType!.MediaType);
        }
        Assert.Equal(HttpStatusCode.OK, (await nodes.GetAsync(3, "/open")).Response.StatusCode);
        await WebNodes.UntilAsync("the others go on", () => nodes.Membership(1).CurrentView?.Members.Length == 2 && nodes.Membership(1).Lease.IsValid);
        Assert.Equal(HttpStatusCode.OK, (await nodes.GetAsync(1, "/filter")).Response.StatusCode);
    }

    [Fact]
    public async Task What_only_the_master_serves_the_others_refuse_and_name_the_master()
    {
        await using var nodes = new WebNodes(3);
        await nodes.StartAsync(Map);
        NodeId master = nodes.Membership(1).CurrentView!.Master;
        for (int node = 1; node <= 3; node++)
        {
            (HttpResponseMessage response, string body) = await nodes.GetAsync(node, "/master");
            if (node == master.Value) Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            else Assert.Equal((HttpStatusCode.ServiceUnavailable, true), (response.StatusCode, body.Contains($"The master is node {master}.", StringComparison.Ordinal)));
        }
        Assert.Equal(MembershipStatus.Ok, await nodes.Membership(master.Value).ReleaseMastershipAsync(WebNodes.Deadline));
        await WebNodes.UntilAsync("another is master", () => nodes.Membership(master.Value).Role == MemberRole.ViceMaster);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await nodes.GetAsync(master.Value, "/master")).Response.StatusCode);
    }

    [Fact]
    public async Task A_request_waits_through_a_regroup_and_is_served_in_the_next_epoch_but_no_longer_than_it_may()
    {
        var release = new TaskCompletionSource();
        await using var nodes = new WebNodes(3);
        await nodes.StartAsync(Map, more: builder => builder.Services.AddSingleton<IMembershipCallbacks>(new SlowHold(release.Task)));
        Epoch before = nodes.Membership(1).CurrentView!.Epoch;
        SlowHold.Armed = true;
        Task<MembershipStatus> regroup = nodes.Membership(1).ForceRegroupAsync(WebNodes.Deadline);
        await WebNodes.UntilAsync("the lease is held", () => nodes.Membership(1).Lease.IsHeld);
        (HttpResponseMessage refused, string why) = await nodes.GetAsync(1, "/impatient");
        Assert.Equal((HttpStatusCode.ServiceUnavailable, true), (refused.StatusCode, why.Contains("regrouping", StringComparison.Ordinal)));
        Task<(HttpResponseMessage Response, string Body)> patient = nodes.GetAsync(1, "/patient");
        Assert.False(patient.IsCompleted);
        release.SetResult();
        (HttpResponseMessage served, string epoch) = await patient;
        Assert.Equal(HttpStatusCode.OK, served.StatusCode);
        Assert.True(long.Parse(epoch, CultureInfo.InvariantCulture) > before.Value);
        Assert.Equal(MembershipStatus.Ok, await regroup);
    }

    [Fact]
    public async Task Health_endpoints_answer_for_live_ready_and_degraded()
    {
        await using var nodes = new WebNodes(3);
        await nodes.StartAsync(Map);
        foreach (string question in (string[])["live", "ready", "degraded"])
        {
            (HttpResponseMessage response, string body) = await nodes.GetAsync(2, "/health/" + question);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            Assert.Contains($"\"membership-{question}\":{{\"status\":\"Healthy\"", body, StringComparison.Ordinal);
            Assert.Contains("\"cluster\":\"web-tests\"", body, StringComparison.Ordinal);
        }
        Assert.Equal(MembershipStatus.Ok, await nodes.Membership(1).EjectAsync(new NodeId(3), WebNodes.Deadline));
        await WebNodes.UntilAsync("node 3 has halted", () => nodes.Membership(3).Halted.IsCompleted);
        (HttpResponseMessage dead, string halted) = await nodes.GetAsync(3, "/health/live");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, dead.StatusCode);
        Assert.Contains("halted with Poisoned", halted, StringComparison.Ordinal);
        await WebNodes.UntilAsync("the others go on", () => nodes.Membership(2).CurrentView?.Members.Length == 2 && nodes.Membership(2).Lease.IsValid);
        Assert.Equal(MembershipStatus.Ok, await nodes.Membership(2).LeaveAsync(WebNodes.Deadline));
        Assert.Equal(HttpStatusCode.OK, (await nodes.GetAsync(2, "/health/live")).Response.StatusCode);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await nodes.GetAsync(2, "/health/ready")).Response.StatusCode);
        (HttpResponseMessage degraded, string wrong) = await nodes.GetAsync(2, "/health/degraded");
        Assert.Equal(HttpStatusCode.OK, degraded.StatusCode);
        Assert.Contains("Degraded", wrong, StringComparison.Ordinal);
        Assert.Contains("no valid lease", wrong, StringComparison.Ordinal);
    }

    private static void Map(WebApplication app)
    {
        app.UseMembershipGuard();
        app.MapGet("/open", static () => "open");
        app.MapGet("/filter", EpochOf).RequireMembership();
        app.MapGet("/attribute", [RequiresMembership] (HttpContext context) => EpochOf(context));
        app.MapGroup("/group").RequireMembership().MapGet("/one", EpochOf);
        app.MapGet("/master", EpochOf).RequireMembership(new RequiresMembershipAttribute { Master = true });
        app.MapGet("/impatient", EpochOf).RequireMembership(new RequiresMembershipAttribute { HoldLimitMilliseconds = 0 });
        app.MapGet("/patient", EpochOf).RequireMembership(new RequiresMembershipAttribute { HoldLimitMilliseconds = 30_000 });
        app.MapControllers();
        app.MapMembershipHealth();
    }

    private static string EpochOf(HttpContext context) => context.GetMembershipLease()!.Epoch.Value.ToString(CultureInfo.InvariantCulture);

    /// <summary>A host that takes its time to hold its I/O, once armed.</summary>
    private sealed class SlowHold(Task release) : IMembershipCallbacks
    {
        public static volatile bool Armed;

        public ValueTask HoldAllIOAsync() => Armed ? new ValueTask(release) : default;
    }
}

/// <summary>An MVC controller, guarded by the attribute alone.</summary>
[ApiController]
[RequiresMembership]
public sealed class GuardedController : ControllerBase
{
    [HttpGet("/controller")]
    public string Get() => HttpContext.GetMembershipLease()!.Epoch.Value.ToString(CultureInfo.InvariantCulture);
}
