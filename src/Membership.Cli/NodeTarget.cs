// Which node is asked, and how: through its control socket on this machine, or through its HTTP endpoint.
using System.Net;
using System.Text;
using System.Text.Json;
using Membership.Engine;
using Membership.Provider;
using Membership.Provider.Control;
using Membership.Provider.Inspection;
using Microsoft.Extensions.Configuration;

namespace Membership.Cli;

/// <summary>A way to a node.</summary>
/// <param name="Socket">The path of a control socket.</param>
/// <param name="Url">Or the address of a live page.</param>
/// <param name="Headers">Headers for that, e.g. who asks.</param>
internal sealed record NodeTarget(string? Socket, Uri? Url, IReadOnlyList<KeyValuePair<string, string>> Headers)
{
    private const string SocketVariable = "REGROUP_SOCKET", UrlVariable = "REGROUP_URL";

    public override string ToString() => Url?.ToString() ?? Socket ?? "";

    /// <exception cref="CommandException">Nothing says which node.</exception>
    public static NodeTarget From(string? socket, string? store, string? url, string? settings, string section, string[] headers)
    {
        var pairs = new List<KeyValuePair<string, string>>();
        foreach (string header in headers)
        {
            int colon = header.IndexOf(':', StringComparison.Ordinal);
            if (colon <= 0) throw new CommandException(ExitCode.Usage, $"--header is '{header}': use 'Name: value'.");
            pairs.Add(new(header[..colon].Trim(), header[(colon + 1)..].Trim()));
        }
        if (new[] { socket, store, url }.Count(static way => way is not null) > 1) throw new CommandException(ExitCode.Usage, "Use one of --socket, --store and --url.");
        if (socket is "" || store is "") throw new CommandException(ExitCode.Usage, "--socket and --store name a path: it is empty.");
        if (url is not null) return new NodeTarget(null, ToUrl(url), pairs);
        if (socket is not null) return new NodeTarget(socket, null, pairs);
        if (store is not null) return new NodeTarget(ControlAddress.Default(store), null, pairs);
        if (settings is not null)
        {
            RegroupMembershipOptions options = Deployment.Read(settings, section, []).Options;
            return options is { StoreDirectory: "", ControlSocket.Path: null }
                ? throw new CommandException(ExitCode.Usage, $"{settings} has no StoreDirectory in its section '{section}': name the section with --section, or the node with --socket or --store.")
                : new NodeTarget(ControlAddress.For(options), null, pairs);
        }
        if (Environment.GetEnvironmentVariable(UrlVariable) is { Length: > 0 } fromUrl) return new NodeTarget(null, ToUrl(fromUrl), pairs);
        if (Environment.GetEnvironmentVariable(SocketVariable) is { Length: > 0 } fromSocket) return new NodeTarget(fromSocket, null, pairs);
        throw new CommandException(ExitCode.Usage, $"Which node? Use --socket PATH, --store DIRECTORY, --settings appsettings.json or --url http://host:port/membership, or set {SocketVariable} or {UrlVariable}.");
    }

    /// <exception cref="CommandException">The node cannot be asked.</exception>
    public async Task<ControlResponse> AskAsync(ControlRequest request, CancellationToken cancellationToken)
    {
        try
        {
            if (Url is not null) return await AskHttpAsync(Url, request, cancellationToken);
            await using MembershipControlClient client = await MembershipControlClient.ConnectAsync(Socket!, cancellationToken);
            return await client.AskAsync(request, cancellationToken);
        }
        catch (Exception gone) when (gone is IOException or HttpRequestException or JsonException)
        {
            throw new CommandException(ExitCode.NoContact, gone.Message);
        }
    }

    private static Uri ToUrl(string text)
        => Uri.TryCreate(text.TrimEnd('/'), UriKind.Absolute, out Uri? url) && url.Scheme is "http" or "https" ? url : throw new CommandException(ExitCode.Usage, $"--url is '{text}': use an address such as http://host:8080/membership.");

    private async Task<ControlResponse> AskHttpAsync(Uri url, ControlRequest request, CancellationToken cancellationToken)
    {
        using var client = new HttpClient { Timeout = (request.Timeout ?? TimeSpan.FromSeconds(30)) + TimeSpan.FromSeconds(5) };
        foreach ((string name, string value) in Headers) client.DefaultRequestHeaders.TryAddWithoutValidation(name, value);
        try
        {
            switch (request.Verb)
            {
                case ControlVerb.Status or ControlVerb.Nodes or ControlVerb.View or ControlVerb.Matrix or ControlVerb.Journal:
                    int lines = request.Lines ?? (request.Verb == ControlVerb.Journal ? 100 : 0);
                    byte[] content = await client.GetByteArrayAsync(new Uri($"{url}/snapshot?lines={lines}"), cancellationToken);
                    return new ControlResponse { Snapshot = JsonSerializer.Deserialize(content, SnapshotJsonContext.Default.MembershipSnapshot) };
                case ControlVerb.Eject or ControlVerb.SwitchOver or ControlVerb.Qualify or ControlVerb.ClearQuarantine or ControlVerb.ForceRegroup:
                    return await ActAsync(client, url, request, cancellationToken);
                default:
                    throw new CommandException(ExitCode.Usage, $"'{request.Verb}' is asked for through the control socket only: use --socket or --store on the node's own machine.");
            }
        }
        catch (TaskCanceledException late) when (!cancellationToken.IsCancellationRequested)
        {
            throw new IOException($"{url} did not answer in time.", late);
        }
    }

    /// <summary>The antiforgery token first, with its cookie; then the order.</summary>
    private static async Task<ControlResponse> ActAsync(HttpClient client, Uri url, ControlRequest request, CancellationToken cancellationToken)
    {
        byte[] content = await client.GetByteArrayAsync(new Uri($"{url}/actions"), cancellationToken);
        SnapshotRights rights = JsonSerializer.Deserialize(content, SnapshotJsonContext.Default.SnapshotRights) ?? new SnapshotRights();
        if (!rights.Allowed) throw new CommandException(ExitCode.Bad, $"{url} does not let this user act: its host names an ActionPolicy for that (docs/live-page.md); say who asks with --header.");
        using var order = new HttpRequestMessage(HttpMethod.Post, $"{url}/actions/{request.Verb}");
        order.Content = new StringContent(JsonSerializer.Serialize(request, SnapshotJsonContext.Default.ControlRequest), Encoding.UTF8, "application/json");
        order.Headers.Add(rights.Header!, rights.Token);
        using HttpResponseMessage answer = await client.SendAsync(order, cancellationToken);
        byte[] told = await answer.Content.ReadAsByteArrayAsync(cancellationToken);
        if (answer.Content.Headers.ContentType?.MediaType == "application/json") return JsonSerializer.Deserialize(told, SnapshotJsonContext.Default.ControlResponse)!;
        throw new CommandException(answer.StatusCode == HttpStatusCode.NotFound ? ExitCode.NoContact : ExitCode.Bad, $"{url} answered {(int)answer.StatusCode}: {Encoding.UTF8.GetString(told)}");
    }
}
