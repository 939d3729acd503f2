// N nodes and a witness, each in a network namespace of its own, joined by a bridge in one more: nothing of the host's
// network is touched. Faults are made on the bridge, where a sender cannot notice them, as with a pulled cable.
using System.Globalization;
using System.Text;

namespace Membership.Testbed;

/// <summary>A network of namespaces. Needs root, iproute2 and nftables. Disposing removes it; processes in it must have ended.</summary>
public sealed class BridgedNetwork : IDisposable
{
    private static readonly Lock SweepGate = new();
    private static bool _swept;

    private readonly List<string> _made = [];
    private readonly string _prefix;
    private LinkState _links = LinkState.Healthy;

    /// <summary>Makes the network.</summary>
    /// <param name="nodes">How many nodes, 1..200.</param>
    /// <exception cref="TestbedException">A tool is missing or refused, with what it said.</exception>
    public BridgedNetwork(int nodes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(nodes, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(nodes, 200);
        Nodes = nodes;
        RemoveStale();
        _prefix = NetworkNames.NextPrefix();
        try
        {
            Make();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>How many nodes.</summary>
    public int Nodes { get; }

    /// <summary>What the bridge lets through; setting it changes all rules at once.</summary>
    public LinkState Links
    {
        get => _links;
        set
        {
            ArgumentNullException.ThrowIfNull(value);
            SystemTool.Run("nsenter", [$"--net={Path(BridgeNamespace)}", "nft", "-f", "-"], value.ToRules());
            _links = value;
        }
    }

    private string BridgeNamespace => _prefix + "bridge";

    /// <summary>The address of a port: a node's number or <see cref="LinkState.Witness"/>.</summary>
    public static string AddressOf(int port) => string.Create(CultureInfo.InvariantCulture, $"10.77.0.{(port == LinkState.Witness ? 254 : port)}");

    /// <summary>The file that stands for the network namespace of a port; <c>nsenter --net=FILE</c> enters it.</summary>
    public string NamespaceOf(int port) => Path(NameOf(port));

    /// <summary>The ids of all processes in the network namespace of a port.</summary>
    public IReadOnlyList<int> ProcessesIn(int port) => ProcessesIn(NameOf(port));

    /// <summary>How many packets and bytes all nodes together have sent so far, as the bridge counts them; one look, so that it takes no time of its own.</summary>
    public (long Packets, long Bytes) SentByNodes()
    {
        (long Packets, long Bytes) sum = default;
        foreach (string line in SystemTool.Run("nsenter", [$"--net={Path(BridgeNamespace)}", "cat", "/proc/net/dev"]).Split('\n'))
        {
            string[] words = line.Split([' ', ':'], StringSplitOptions.RemoveEmptyEntries);
            if (words.Length < 3 || words[0][0] != 'p' || !int.TryParse(words[0].AsSpan(1), NumberStyles.None, CultureInfo.InvariantCulture, out int port) || port > Nodes) continue;
            sum.Bytes += long.Parse(words[1], CultureInfo.InvariantCulture);
            sum.Packets += long.Parse(words[2], CultureInfo.InvariantCulture);
        }
        return sum;
    }

    /// <summary>The rules on the bridge as the kernel has them.</summary>
    public string ReadRules() => SystemTool.Run("nsenter", [$"--net={Path(BridgeNamespace)}", "nft", "list", "ruleset"]);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (string name in _made) SystemTool.Run("ip", ["netns", "delete", name]);
        _made.Clear();
    }

    private static string Path(string name) => $"{NetworkNames.Directory}/{name}";

    private static int[] ProcessesIn(string name)
        => [.. SystemTool.Run("ip", ["netns", "pids", name]).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(static id => int.Parse(id, CultureInfo.InvariantCulture))];

    private string NameOf(int port) => port == LinkState.Witness ? _prefix + "witness" : string.Create(CultureInfo.InvariantCulture, $"{_prefix}node{port}");

    private void Make()
    {
        int[] ports = [LinkState.Witness, .. Enumerable.Range(1, Nodes)];
        foreach (string name in (string[])[BridgeNamespace, .. ports.Select(NameOf)])
        {
            SystemTool.Run("ip", ["netns", "add", name]);
            _made.Add(name);
        }
        var bridge = new StringBuilder("link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0\nlink set br0 addrgenmode none up\n");
        foreach (int port in ports)
            bridge.Append(CultureInfo.InvariantCulture, $"link add p{port} type veth peer name eth0 netns {NameOf(port)}\nlink set p{port} addrgenmode none master br0 up\n");
        SystemTool.Run("ip", ["-netns", BridgeNamespace, "-batch", "-"], bridge.ToString());
        foreach (int port in ports)
            SystemTool.Run("ip", ["-netns", NameOf(port), "-batch", "-"], $"address add {AddressOf(port)}/24 dev eth0\nlink set lo up\nlink set eth0 addrgenmode none up\n");
    }

    /// <summary>Removes what processes that are dead left behind: first the processes in it, each by its id, then the namespaces.</summary>
    private static void RemoveStale()
    {
        lock (SweepGate)
        {
            if (!Directory.Exists(NetworkNames.Directory)) return;
            string[] all = [.. Directory.EnumerateFiles(NetworkNames.Directory).Select(static file => System.IO.Path.GetFileName(file))];
            foreach (string name in NetworkNames.Stale(all, static id => Directory.Exists($"/proc/{id}"), ownToo: !_swept))
            {
                foreach (int id in ProcessesIn(name)) Signals.TrySend(id, Signal.Kill);
                SystemTool.Run("ip", ["netns", "delete", name]);
            }
            _swept = true;
        }
    }
}
