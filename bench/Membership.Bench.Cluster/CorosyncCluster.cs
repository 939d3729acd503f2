// The peer: Corosync 3 with knet and votequorum, as Debian ships it. Each node has a network, mount and uts namespace of its
// own with private directories, since its files, sockets and shared memory have fixed names. With a witness: a qdevice beside
// every node, and qnetd, which they ask, in the witness' namespace.
using System.Diagnostics;
using System.Globalization;
using System.Text;
using Membership.Testbed;

namespace Membership.Bench.Cluster;

internal sealed class CorosyncCluster : BenchCluster
{
    public const string Program = "/usr/sbin/corosync";

    private const string WitnessProgram = "/usr/bin/corosync-qnetd", DeviceProgram = "/usr/sbin/corosync-qdevice";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    private readonly string _directory = Directory.CreateTempSubdirectory("regroup-bench-corosync-").FullName;
    private readonly Dictionary<int, NamespacedProcess> _processes = [];
    private readonly Dictionary<int, CorosyncLog> _logs = [];
    private readonly bool _witness;

    /// <param name="nodes">How many.</param>
    /// <param name="token">The token timeout, with the coefficient for more nodes off; null = all defaults.</param>
    /// <param name="witness">Whether qnetd breaks ties (its algorithm ffsplit).</param>
    public CorosyncCluster(int nodes, TimeSpan? token, bool witness = false)
        : base(nodes)
    {
        if (!File.Exists(Program)) throw new TestbedException($"{Program} is missing: apt-get install corosync (eng/bench does it).");
        if (witness && (!File.Exists(WitnessProgram) || !File.Exists(DeviceProgram))) throw new TestbedException($"{WitnessProgram} or {DeviceProgram} is missing: apt-get install corosync-qnetd corosync-qdevice (eng/bench does it).");
        _witness = witness;
        Network = new BridgedNetwork(nodes);
        var text = new StringBuilder("totem {\n  version: 2\n  cluster_name: bench\n  transport: knet\n  crypto_cipher: none\n  crypto_hash: none\n");
        if (token is { } period) text.Append(CultureInfo.InvariantCulture, $"  token: {period.TotalMilliseconds:0}\n  token_coefficient: 0\n");
        text.Append("}\nnodelist {\n");
        foreach (int node in All) text.Append(CultureInfo.InvariantCulture, $"  node {{\n    name: node{node}\n    nodeid: {node}\n    ring0_addr: {BridgedNetwork.AddressOf(node)}\n  }}\n");
        string quorum = witness ? $"  device {{\n    model: net\n    votes: 1\n    net {{\n      host: {BridgedNetwork.AddressOf(LinkState.Witness)}\n      algorithm: ffsplit\n      tls: off\n    }}\n  }}\n" : nodes == 2 ? "  two_node: 1\n  wait_for_all: 0\n" : "";
        text.Append(CultureInfo.InvariantCulture, $"}}\nquorum {{\n  provider: corosync_votequorum\n{quorum}}}\nlogging {{\n  to_stderr: yes\n  to_logfile: no\n  to_syslog: no\n}}\n");
        foreach (int node in (IEnumerable<int>)[LinkState.Witness, .. All])
        {
            foreach (string part in (string[])["etc", "lib", "log"]) Directory.CreateDirectory(Path.Combine(DirectoryOf(node), part));
            File.WriteAllText(Path.Combine(DirectoryOf(node), "etc", "corosync.conf"), text.ToString());
        }
    }

    public override string Name => "corosync";

    public override BridgedNetwork Network { get; }

    public override async Task FormAsync(CancellationToken cancellationToken)
    {
        // Its own user and database of certificates are not there, and not needed without TLS.
        if (_witness) _processes[LinkState.Witness] = Start(LinkState.Witness, $"mkdir -p /run/corosync-qnetd && exec {WitnessProgram} -f -s off", null);
        foreach (int node in All) Start(node);
        await AgreedAsync(All, 0, cancellationToken);
        if (_witness) await VotedAsync(cancellationToken);
    }

    /// <summary>Waits until every node counts all nodes' votes and the witness'.</summary>
    public async Task VotedAsync(CancellationToken cancellationToken)
    {
        long deadline = TestbedCluster.Now + (long)Patience.TotalNanoseconds;
        foreach (int node in All)
        {
            while (VotesOf(node) is var votes && votes != Nodes + 1)
            {
                if (TestbedCluster.Now > deadline) throw new TestbedException($"corosync node {node} counts {votes} votes, not {Nodes + 1}, after {Patience.TotalSeconds:0} s: see {DirectoryOf(node)}.");
                await Task.Delay(200, cancellationToken);
            }
        }
    }

    /// <summary>What each node claimed so far.</summary>
    public IReadOnlyDictionary<int, IReadOnlyList<QuorumClaim>> Claims()
    {
        lock (_logs) return All.ToDictionary(static node => node, node => (IReadOnlyList<QuorumClaim>)[.. _logs[node].Claims]);
    }

    /// <summary>The steps a node went through so far.</summary>
    public IReadOnlyList<(CorosyncStep Step, long At)> StepsOf(int node)
    {
        lock (_logs) return [.. _logs[node].Steps];
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
        lock (_logs) return _logs.TryGetValue(node, out CorosyncLog? log) ? log.Said : null;
    }

    private string DirectoryOf(int node) => Path.Combine(_directory, $"node{node}");

    private void Start(int node)
    {
        var log = new CorosyncLog();
        lock (_logs) _logs[node] = log;
        // The device asks the corosync beside it, which has to be up, and dies with it.
        string device = _witness ? $"setpriv --pdeathsig KILL sh -c 'while true; do setpriv --pdeathsig KILL {DeviceProgram} -f; sleep 0.1; done' & " : "";
        _processes[node] = Start(node, $"{device}exec {Program} -f", line =>
        {
            lock (_logs) log.Read(line, TestbedCluster.Now);
        });
    }

    private NamespacedProcess Start(int node, string command, Action<string>? line)
    {
        string own = DirectoryOf(node);
        string script = $"exec 2>&1; mount --bind {own}/etc /etc/corosync && mount --bind {own}/lib /var/lib/corosync && mount --bind {own}/log /var/log && mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /dev/shm && hostname node{node} && {{ {command}; }}";
        var start = new ProcessStartInfo("unshare", ["--mount", "--uts", "--propagation", "private", "sh", "-c", script]) { WorkingDirectory = own };
        return new NamespacedProcess(Network.NamespaceOf(node), start, Path.Combine(own, "output.log"), line);
    }

    private int VotesOf(int node)
    {
        var start = new ProcessStartInfo("nsenter", ["--target", $"{ProcessOf(node)}", "--mount", "--net", "corosync-quorumtool", "-s"]) { RedirectStandardOutput = true, RedirectStandardError = true };
        using Process tool = Process.Start(start)!;
        // Its exit code says whether there is quorum; an early call finds nobody to ask.
        string said = tool.StandardOutput.ReadToEnd();
        tool.WaitForExit();
        return said.Split('\n').FirstOrDefault(static line => line.StartsWith("Total votes:", StringComparison.Ordinal)) is { } total ? int.Parse(total.Split(':')[1], CultureInfo.InvariantCulture) : 0;
    }
}
