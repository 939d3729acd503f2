// regroupctl validate: a deployment's settings against the real disk, network and witness, before the first start.
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Membership.Engine;
using Membership.Engine.Arbitration;
using Membership.Provider;
using Membership.Provider.Control;

namespace Membership.Cli;

internal sealed class DeploymentCheck(Deployment deployment, Action<CheckResult> tell)
{
    private static readonly TimeSpan ReachLimit = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan WitnessLimit = TimeSpan.FromSeconds(20);

    private readonly RegroupMembershipOptions _options = deployment.Options;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        IReadOnlyList<string> failures = deployment.Validate();
        foreach (string failure in failures) tell(new CheckResult("settings", false, failure));
        if (failures.Count > 0) return;
        ClusterTiming timing = _options.EffectiveTiming;
        tell(new CheckResult("settings", true, string.Create(CultureInfo.InvariantCulture, $"node {_options.Self} of {_options.Nodes.Count} in cluster '{_options.ClusterId}'; a silent node is out after {timing.LossPeriod.TotalSeconds:0.###} s")));
        await CheckDiskAsync(timing, cancellationToken);
        foreach (string endpoint in _options.LocalEndpoints.Count > 0 ? _options.LocalEndpoints : Own) await CheckOwnAsync(endpoint, cancellationToken);
        foreach (RegroupNodeOptions node in _options.Nodes.Where(node => node.Number != _options.Self))
            foreach (string endpoint in node.Endpoints) await CheckPeerAsync(node.Number, endpoint, cancellationToken);
        await CheckWitnessAsync(cancellationToken);
    }

    private IList<string> Own => _options.Nodes.First(node => node.Number == _options.Self).Endpoints;

    private async Task CheckDiskAsync(ClusterTiming timing, CancellationToken cancellationToken)
    {
        string directory = Path.GetFullPath(_options.StoreDirectory);
        try
        {
            bool isNew = !Directory.Exists(directory);
            Directory.CreateDirectory(directory);
            string file = Path.Combine(directory, $"regroupctl-{Environment.ProcessId}.tmp");
            TimeSpan slowest = TimeSpan.Zero;
            await using (var stream = new FileStream(file, FileMode.CreateNew, FileAccess.Write, FileShare.None, 4096, FileOptions.DeleteOnClose))
            {
                for (int i = 0; i < 5; i++)
                {
                    var time = Stopwatch.StartNew();
                    await stream.WriteAsync(new byte[4096], cancellationToken);
                    stream.Flush(flushToDisk: true);
                    if (time.Elapsed > slowest) slowest = time.Elapsed;
                }
            }
            if (isNew) Directory.Delete(directory);
            string took = string.Create(CultureInfo.InvariantCulture, $"{directory}: the slowest of five durable writes took {slowest.TotalMilliseconds:0.0} ms");
            tell(new CheckResult("disk", slowest < timing.LossPeriod, slowest < timing.ClockPeriod ? took : $"{took}, more than a clock period ({timing.ClockPeriod.TotalMilliseconds:0} ms): every view change waits for it", slowest >= timing.ClockPeriod && slowest < timing.LossPeriod));
        }
        catch (Exception bad) when (bad is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            tell(new CheckResult("disk", false, $"{directory}: {bad.Message} The user the node runs as must be able to write there."));
        }
        if (File.Exists(ControlAddress.For(_options)) && await IsServedAsync(cancellationToken)) tell(new CheckResult("disk", false, $"A node is running on {directory} already.", IsWarning: true));
    }

    private async Task<bool> IsServedAsync(CancellationToken cancellationToken)
    {
        try
        {
            await using MembershipControlClient client = await MembershipControlClient.ConnectAsync(ControlAddress.For(_options), cancellationToken);
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }

    private async Task CheckOwnAsync(string endpoint, CancellationToken cancellationToken)
    {
        string what = $"own endpoint {endpoint}";
        try
        {
            (IPAddress address, int port) = await ResolveAsync(endpoint, cancellationToken);
            using var datagrams = new Socket(address.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
            datagrams.Bind(new IPEndPoint(address, port));
            using var connections = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            connections.Bind(new IPEndPoint(address, port));
            tell(new CheckResult(what, true, "UDP and TCP can be bound"));
        }
        catch (SocketException bad)
        {
            tell(new CheckResult(what, false, bad.SocketErrorCode switch
            {
                SocketError.AddressAlreadyInUse => "The port is in use: by a running node, or by something else. Stop it, or choose another port in Nodes.",
                SocketError.AddressNotAvailable => "This machine has no such address: correct Nodes or Self, or set LocalEndpoints when it is behind port mapping.",
                SocketError.HostNotFound or SocketError.NoData or SocketError.TryAgain => "The name does not resolve: correct it, or use an address.",
                _ => bad.Message,
            }));
        }
    }

    /// <summary>A connection that is refused is an answer, too: the machine is there and nothing runs on it yet.</summary>
    private async Task CheckPeerAsync(int number, string endpoint, CancellationToken cancellationToken)
    {
        string what = $"node {number} at {endpoint}";
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(ReachLimit);
        var time = new Stopwatch();
        try
        {
            (IPAddress address, int port) = await ResolveAsync(endpoint, limit.Token);
            using var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            time.Start();
            try
            {
                await socket.ConnectAsync(new IPEndPoint(address, port), limit.Token);
                Reached(what, time.Elapsed, "a node answers there");
            }
            catch (SocketException refused) when (refused.SocketErrorCode == SocketError.ConnectionRefused)
            {
                Reached(what, time.Elapsed, "the machine answers, no node runs there yet");
            }
        }
        catch (SocketException bad)
        {
            tell(new CheckResult(what, false, $"{bad.Message}. Check the address, the route and the firewall (UDP and TCP on that port)."));
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            tell(new CheckResult(what, false, $"No answer within {ReachLimit.TotalSeconds:0} s: the machine is down, or a firewall drops what is sent (UDP and TCP on that port are needed).", IsWarning: true));
        }
    }

    private void Reached(string what, TimeSpan time, string how)
    {
        bool slow = time > _options.RoundTrip * 4;
        string took = string.Create(CultureInfo.InvariantCulture, $"{how}; round trip {time.TotalMilliseconds:0.0} ms");
        tell(new CheckResult(what, true, slow ? $"{took}, well above RoundTrip ({_options.RoundTrip.TotalMilliseconds} ms)" : took, slow));
    }

    private async Task CheckWitnessAsync(CancellationToken cancellationToken)
    {
        if (deployment.Witness() is not { } witness)
        {
            bool even = _options.Nodes.Count % 2 == 0;
            tell(new CheckResult("witness", true, even ? "none, with an even number of nodes: an exact half does not survive" : "none", IsWarning: even && _options.TieBreaker == TieBreaker.None));
            return;
        }
        await using IQuorumArbiter arbiter = witness.Make();
        // A life that no node has, so that nothing of a running node is disturbed.
        var visitor = new ArbiterIdentity(_options.ClusterId, new NodeId(_options.Self), Incarnation.None);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(WitnessLimit);
        string? trouble;
        try
        {
            trouble = await arbiter.CheckAsync(visitor, limit.Token).AsTask().WaitAsync(WitnessLimit, cancellationToken);
        }
        catch (Exception late) when (late is TimeoutException or OperationCanceledException && !cancellationToken.IsCancellationRequested)
        {
            trouble = $"no answer within {WitnessLimit.TotalSeconds:0} s";
        }
        tell(new CheckResult("witness", trouble is null, trouble ?? $"{arbiter.Description} can be used; 'regroupctl witness check' holds a contest on it"));
    }

    private static async Task<(IPAddress Address, int Port)> ResolveAsync(string endpoint, CancellationToken cancellationToken)
    {
        int colon = endpoint.LastIndexOf(':');
        string host = endpoint[..colon].Trim('[', ']');
        int port = int.Parse(endpoint[(colon + 1)..], CultureInfo.InvariantCulture);
        return IPAddress.TryParse(host, out IPAddress? address) ? (address, port) : ((await Dns.GetHostAddressesAsync(host, cancellationToken))[0], port);
    }
}
