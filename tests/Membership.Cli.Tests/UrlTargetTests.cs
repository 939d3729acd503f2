// regroupctl --url against real web hosts that ask who is there: reading and acting need what their policies say, and nothing less does.
using System.Security.Claims;
using System.Text.Encodings.Web;
using System.Text.Json;
using Membership.Engine;
using Membership.Provider.AspNetCore.Tests;
using Membership.Provider.Inspection;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Xunit;

namespace Membership.Cli.Tests;

public sealed class UrlTargetTests
{
    private const string Operator = "Authorization: Bearer operator-token", Reader = "Authorization: Bearer reader-token";

    [Fact]
    public async Task Over_its_url_a_node_is_read_by_whom_it_lets_read_and_obeys_whom_it_lets_act()
    {
        await using var nodes = new WebNodes(3);
        await nodes.StartAsync(
            static app =>
            {
                app.UseAuthentication();
                app.UseAuthorization();
                app.MapRegroupMembership("/membership", static page => (page.ReadPolicy, page.ActionPolicy) = ("readers", "operators"));
            },
            null,
            static builder =>
            {
                builder.Services.AddAntiforgery();
                builder.Services.AddAuthentication("tokens").AddScheme<AuthenticationSchemeOptions, Tokens>("tokens", null);
                builder.Services.AddAuthorizationBuilder()
                    .AddPolicy("readers", static policy => policy.RequireAuthenticatedUser())
                    .AddPolicy("operators", static policy => policy.RequireRole("operator"));
            });
        string url = nodes.Url(1) + "/membership";
        string[] asNobody = ["--url", url], asReader = ["--url", url, "--header", Reader], asOperator = ["--url", url, "--header", Operator];

        (int code, _, string error) = await Regroupctl.RunAsync(["status", .. asNobody]);
        Assert.Equal(3, code);
        Assert.Contains("401", error, StringComparison.Ordinal);
        Assert.Equal(3, (await Regroupctl.RunAsync(["status", "--url", url, "--header", "Authorization: Bearer wrong"])).Code);
        (code, string text, _) = await Regroupctl.RunAsync(["status", "--json", .. asReader]);
        Epoch epoch = nodes.Membership(1).CurrentView!.Epoch;
        Assert.Equal((0, epoch), (code, JsonSerializer.Deserialize(text, SnapshotJsonContext.Default.MembershipSnapshot)!.View!.Epoch));

        foreach (string[] order in (string[][])[["force-regroup"], ["eject", "3"], ["switchover"], ["qualify", "2", "--not"], ["quarantine", "clear", "2"]])
        {
            Assert.NotEqual(0, (await Regroupctl.RunAsync([.. order, .. asNobody])).Code);
            (code, _, error) = await Regroupctl.RunAsync([.. order, .. asReader]);
            Assert.Equal(1, code);
            Assert.Contains("does not let this user act", error, StringComparison.Ordinal);
        }
        Assert.Equal((epoch, 3), (nodes.Membership(1).CurrentView!.Epoch, nodes.Membership(1).CurrentView!.Members.Length));

        Assert.Equal(0, (await Regroupctl.RunAsync(["quarantine", "clear", "2", .. asOperator])).Code);
        Assert.Equal(0, (await Regroupctl.RunAsync(["force-regroup", .. asOperator])).Code);
        await WebNodes.UntilAsync("a new epoch after the forced regroup", () => nodes.Membership(1).CurrentView!.Epoch > epoch);
        Assert.Equal(0, (await Regroupctl.RunAsync(["eject", "3", .. asOperator])).Code);
        await WebNodes.UntilAsync("the other node is out", () => nodes.Membership(1).CurrentView!.Members.Length == 2);
        // What only the node's own machine may ask for is not had over the network, whoever asks.
        Assert.Equal(2, (await Regroupctl.RunAsync(["leave", .. asOperator])).Code);
        Assert.Equal(2, (await Regroupctl.RunAsync(["diag", "state", .. asOperator])).Code);
    }

    /// <summary>Bearer tokens of two users.</summary>
    private sealed class Tokens(IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder)
        : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
    {
        protected override Task<AuthenticateResult> HandleAuthenticateAsync()
        {
            string? role = Request.Headers.Authorization.ToString() switch
            {
                "Bearer operator-token" => "operator",
                "Bearer reader-token" => "reader",
                _ => null,
            };
            if (role is null) return Task.FromResult(AuthenticateResult.NoResult());
            var user = new ClaimsPrincipal(new ClaimsIdentity([new Claim(ClaimTypes.Name, role), new Claim(ClaimTypes.Role, role)], Scheme.Name));
            return Task.FromResult(AuthenticateResult.Success(new AuthenticationTicket(user, Scheme.Name)));
        }
    }
}
