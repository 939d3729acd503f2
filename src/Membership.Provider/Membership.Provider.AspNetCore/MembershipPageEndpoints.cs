// The endpoints behind MapRegroupMembership: the page, its data, and the actions that only those may use whom the host's policy lets.
using System.Text.Json;
using Membership.Engine;
using Membership.Provider.Control;
using Membership.Provider.Inspection;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Policy;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Membership.Provider.AspNetCore;

internal sealed class MembershipPageEndpoints : IDisposable
{
    private const int LongestOrder = 4096;

    private static readonly string[] Orders = [ControlVerb.Eject, ControlVerb.SwitchOver, ControlVerb.Qualify, ControlVerb.ClearQuarantine, ControlVerb.ForceRegroup];

    private readonly MembershipPageOptions _options;
    private readonly ClusterMembership _membership;
    private readonly PeerBoard _peers;
    private readonly SnapshotStream _stream;
    private readonly SemaphoreSlim _watchers;
    private readonly ILogger _logger;
    private readonly CancellationToken _stopping;

    public MembershipPageEndpoints(MembershipPageOptions options, IServiceProvider services)
    {
        _options = options;
        _membership = services.GetRequiredKeyedService<ClusterMembership>(string.IsNullOrEmpty(options.ClusterName) ? null : options.ClusterName);
        if (options.ActionPolicy is not null && services.GetService<IAntiforgery>() is null)
            throw new InvalidOperationException("MapRegroupMembership has an ActionPolicy, which needs antiforgery tokens: call builder.Services.AddAntiforgery().");
        if ((options.ActionPolicy ?? options.ReadPolicy) is { } policy && services.GetService<IAuthorizationPolicyProvider>() is null)
            throw new InvalidOperationException($"MapRegroupMembership names the policy '{policy}': call builder.Services.AddAuthorization(...) and define it.");
        _logger = services.GetRequiredService<ILoggerFactory>().CreateLogger("Membership.Provider.Page");
        TimeProvider time = services.GetRequiredService<TimeProvider>();
        Func<HttpClient> client = options.PeerClient is { } make ? () => make(services) : static () => new HttpClient();
        _peers = new PeerBoard(options.Peers.AsReadOnly(), client, options.RefreshInterval, _logger, time);
        _stream = new SnapshotStream(_membership, _peers, options.RefreshInterval, time);
        _watchers = new SemaphoreSlim(options.MostWatchers);
        // A stopping host must not wait for those who watch.
        _stopping = services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping;
    }

    public void Dispose() => _watchers.Dispose();

    public async Task SnapshotAsync(HttpContext context)
    {
        int lines = int.TryParse(context.Request.Query["lines"], out int asked) ? Math.Clamp(asked, 0, 1024) : 0;
        MembershipSnapshot snapshot = _peers.Complete(await _membership.TakeSnapshotAsync(lines, context.RequestAborted).ConfigureAwait(false));
        await WriteAsync(context, StatusCodes.Status200OK, JsonSerializer.SerializeToUtf8Bytes(snapshot, SnapshotJsonContext.Default.MembershipSnapshot)).ConfigureAwait(false);
    }

    /// <summary>What this node says of itself to the pages of the others.</summary>
    public async Task PeerAsync(HttpContext context)
    {
        MembershipSnapshot snapshot = await _membership.TakeSnapshotAsync(0, context.RequestAborted).ConfigureAwait(false);
        var peer = new SnapshotPeer { Node = snapshot.Self, Lease = snapshot.Lease, Row = snapshot.Matrix.FirstOrDefault(row => row.Node == snapshot.Self) };
        await WriteAsync(context, StatusCodes.Status200OK, JsonSerializer.SerializeToUtf8Bytes(peer, SnapshotJsonContext.Default.SnapshotPeer)).ConfigureAwait(false);
    }

    public async Task EventsAsync(HttpContext context)
    {
        if (!await _watchers.WaitAsync(TimeSpan.Zero, context.RequestAborted).ConfigureAwait(false))
        {
            context.Response.Headers.RetryAfter = "10";
            await Results.Problem($"{_options.MostWatchers} are watching already.", statusCode: StatusCodes.Status503ServiceUnavailable).ExecuteAsync(context).ConfigureAwait(false);
            return;
        }
        try
        {
            using CancellationTokenRegistration end = _stopping.UnsafeRegister(static watching => ((HttpContext)watching!).Abort(), context);
            await _stream.WriteAsync(context).ConfigureAwait(false);
        }
        finally
        {
            _watchers.Release();
        }
    }

    /// <summary>Whether the asker may act, and if so the antiforgery token for it. Never a challenge: a page that may only be read stays one.</summary>
    public async Task MayActAsync(HttpContext context)
    {
        bool allowed = await MayActNowAsync(context).ConfigureAwait(false);
        var answer = new SnapshotRights { Allowed = allowed };
        if (allowed)
        {
            AntiforgeryTokenSet tokens = context.RequestServices.GetRequiredService<IAntiforgery>().GetAndStoreTokens(context);
            answer = answer with { Header = tokens.HeaderName, Token = tokens.RequestToken };
        }
        await WriteAsync(context, StatusCodes.Status200OK, JsonSerializer.SerializeToUtf8Bytes(answer, SnapshotJsonContext.Default.SnapshotRights)).ConfigureAwait(false);
    }

    /// <summary>Carries out an order. The policy is asked here, too, whatever middleware the host has or has not.</summary>
    public async Task ActAsync(HttpContext context, string verb)
    {
        if (_options.ActionPolicy is null)
        {
            await RefuseAsync(context, StatusCodes.Status403Forbidden, "Actions are off.", "This page is read-only: the host names no ActionPolicy.").ConfigureAwait(false);
            return;
        }
        if (!await MayActNowAsync(context).ConfigureAwait(false))
        {
            await RefuseAsync(context, StatusCodes.Status403Forbidden, "Not allowed.", "Acting on the cluster needs a right that this user does not have.").ConfigureAwait(false);
            return;
        }
        if (!await context.RequestServices.GetRequiredService<IAntiforgery>().IsRequestValidAsync(context).ConfigureAwait(false))
        {
            await RefuseAsync(context, StatusCodes.Status400BadRequest, "No valid antiforgery token.", "Ask GET .../actions for one, and send it in the header it names together with its cookie.").ConfigureAwait(false);
            return;
        }
        if (!Orders.Contains(verb))
        {
            await RefuseAsync(context, StatusCodes.Status404NotFound, "No such action.", $"Use one of {string.Join(", ", Orders)}.").ConfigureAwait(false);
            return;
        }
        if (await OrderAsync(context).ConfigureAwait(false) is not { } order)
        {
            await RefuseAsync(context, StatusCodes.Status400BadRequest, "No such order.", "The body is a JSON object such as {\"node\":2}, or {}.").ConfigureAwait(false);
            return;
        }
        order = order with { Verb = verb };
        ControlResponse response = await ControlVerbs.DoAsync(_membership, order, context.RequestAborted).ConfigureAwait(false);
        _logger.Ordered(verb, order.Node, context.User.Identity?.Name ?? "somebody", context.Connection.RemoteIpAddress?.ToString() ?? "", response.Status);
        int code = response.Status switch
        {
            MembershipStatus.Ok or MembershipStatus.Already => StatusCodes.Status200OK,
            MembershipStatus.Timeout => StatusCodes.Status504GatewayTimeout,
            MembershipStatus.Fault => StatusCodes.Status422UnprocessableEntity,
            _ => StatusCodes.Status409Conflict,
        };
        await WriteAsync(context, code, JsonSerializer.SerializeToUtf8Bytes(response, SnapshotJsonContext.Default.ControlResponse)).ConfigureAwait(false);
    }

    private async Task<bool> MayActNowAsync(HttpContext context)
    {
        if (_options.ActionPolicy is not { } name) return false;
        AuthorizationPolicy policy = await context.RequestServices.GetRequiredService<IAuthorizationPolicyProvider>().GetPolicyAsync(name).ConfigureAwait(false)
            ?? throw new InvalidOperationException($"There is no authorization policy '{name}': define it in AddAuthorization, or name another ActionPolicy.");
        IPolicyEvaluator evaluator = context.RequestServices.GetRequiredService<IPolicyEvaluator>();
        var authentication = await evaluator.AuthenticateAsync(policy, context).ConfigureAwait(false);
        return (await evaluator.AuthorizeAsync(policy, authentication, context, resource: context).ConfigureAwait(false)).Succeeded;
    }

    private static async Task<ControlRequest?> OrderAsync(HttpContext context)
    {
        if (context.Request.ContentLength is > LongestOrder) return null;
        var content = new byte[LongestOrder + 1];
        int read = await context.Request.Body.ReadAtLeastAsync(content, content.Length, throwOnEndOfStream: false, context.RequestAborted).ConfigureAwait(false);
        if (read > LongestOrder) return null;
        try
        {
            return JsonSerializer.Deserialize(content.AsSpan(0, read), SnapshotJsonContext.Default.ControlRequest);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static Task RefuseAsync(HttpContext context, int code, string title, string detail) => Results.Problem(detail, statusCode: code, title: title).ExecuteAsync(context);

    private static Task WriteAsync(HttpContext context, int code, byte[] json)
    {
        context.Response.StatusCode = code;
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = json.Length;
        context.Response.Headers.CacheControl = "no-store";
        return context.Response.Body.WriteAsync(json, context.RequestAborted).AsTask();
    }
}
