// The peer: Corosync 3 with knet and votequorum, as Debian ships it. Each node has a network, mount and uts namespace of its
// own with private directories, since its files, sockets and shared memory have fixed names.
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Membership.Testbed;

namespace Membership.Bench.Cluster;

internal sealed partial class CorosyncCluster : BenchCluster
{
    public const string Program = "/usr/sbin/corosync";

    private readonly string _directory = Directory.CreateTempSubdirectory("regroup-bench-corosync-").FullName;
    private readonly Dictionary<int, NamespacedProcess> _processes = [];
    private readonly Dictionary<int, (int[] Members, long At)> _said = [];
    private readonly System.Collections.Concurrent.ConcurrentDictionary<int, int[]> _begun = [];

    /// <param name="nodes">How many.</param>
    /// <param name="token">The token timeout, with the coefficient for more nodes off; null = all defaults.</param>
    public CorosyncCluster(int nodes, TimeSpan? token)
        : base(nodes)
    {
        if (!File.Exists(Program)) throw new TestbedException($"{Program} is missing: apt-get install corosync (eng/bench does it).");
        Network = new BridgedNetwork(nodes);
        var text = new StringBuilder("totem {\n  version: 2\n  cluster_name: bench\n  transport: knet\n  crypto_cipher: none\n  crypto_hash: none\n");
        if (token is { } period) text.Append(CultureInfo.InvariantCulture, $"  token: {period.TotalMilliseconds:0}\n  token_coefficient: 0\n");
        text.Append("}\nnodelist {\n");
        foreach (int node in All) text.Append(CultureInfo.InvariantCulture, $"  node {{\n    name: node{node}\n    nodeid: {node}\n    ring0_addr: {BridgedNetwork.AddressOf(node)}\n  }}\n");
        text.Append(CultureInfo.InvariantCulture, $"}}\nquorum {{\n  provider: corosync_votequorum\n{(nodes == 2 ? "  two_node: 1\n  wait_for_all: 0\n" : "")}}}\nlogging {{\n  to_stderr: yes\n  to_logfile: no\n  to_syslog: no\n}}\n");
        foreach (int node in All)
        {
            foreach (string part in (string[])["etc", "lib", "log"]) Directory.CreateDirectory(Path.Combine(_directory, $"node{node}", part));
            File.WriteAllText(Path.Combine(_directory, $"node{node}", "etc", "corosync.conf"), text.ToString());
        }
    }

    public override string Name => "corosync";

    public override BridgedNetwork Network { get; }

    public override async Task FormAsync(CancellationToken cancellationToken)
    {
        foreach (int node in All) Start(node);
        await AgreedAsync(All, 0, cancellationToken);
    }

    public override int ProcessOf(int node) => _processes[node].Id;

    public override async ValueTask DisposeAsync()
    {
        foreach (NamespacedProcess process in _processes.Values) await process.DisposeAsync();
        Network.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    protected override void Send(int node, Signal signal) => _processes[node].Send(signal);

    // It joins the others by itself, unless it is dead.
    protected override async Task ReviveAsync(int node, BenchFault fault, CancellationToken cancellationToken)
    {
        if (fault != BenchFault.Kill) return;
        await _processes[node].DisposeAsync();
        Start(node);
    }

    protected override (int[] Members, long At)? LastSaid(int node)
    {
        lock (_said) return _said.TryGetValue(node, out (int[] Members, long At) said) ? said : null;
    }

    private void Start(int node)
    {
        lock (_said) _said.Remove(node);
        _begun[node] = [];
        string own = Path.Combine(_directory, $"node{node}");
        string script = $"mount --bind {own}/etc /etc/corosync && mount --bind {own}/lib /var/lib/corosync && mount --bind {own}/log /var/log && mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /dev/shm && hostname node{node} && exec {Program} -f 2>&1";
        var start = new ProcessStartInfo("unshare", ["--mount", "--uts", "--propagation", "private", "sh", "-c", script]) { WorkingDirectory = own };
        _processes[node] = new NamespacedProcess(Network.NamespaceOf(node), start, Path.Combine(own, "output.log"), line => Read(node, line));
    }

    private void Read(int node, string line)
    {
        if (MembersLine().Match(line) is not { Success: true } match) return;
        long now = TestbedCluster.Now;
        int[] named = [.. match.Groups[2].Value.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(static number => int.Parse(number, CultureInfo.InvariantCulture))];
        int[] members = [.. _begun.GetValueOrDefault(node, []), .. named];
        _begun[node] = members;
        if (members.Length < int.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture)) return;
        _begun[node] = [];
        lock (_said) _said[node] = ([.. members.Order()], now);
    }

    // What votequorum tells of every membership that was formed; a long list takes several lines.
    [GeneratedRegex(@"\[QUORUM\] Members\[(\d+)\]:((?: \d+)+)")]
    private static partial Regex MembersLine();
}
