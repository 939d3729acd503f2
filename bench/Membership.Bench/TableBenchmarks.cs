// A compare-and-set on the replicated table, end to end in one process: three whole nodes on loopback, sealed datagrams, as the provider for
// Orleans writes a row; beside one round trip of a bare datagram between two threads.
using System.Net;
using System.Net.Sockets;
using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using Membership.Engine;
using Membership.Engine.Replication;
using Membership.Engine.Runtime;
using Membership.Engine.Wire;

namespace Membership.Bench;

[GroupBenchmarksBy(BenchmarkLogicalGroupRule.ByCategory)]
public class TableBenchmarks : IDisposable
{
    private const int Nodes = 3;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly byte[] _value = new byte[300];
    private readonly byte[] _packet = new byte[300];
    private readonly MembershipNode[] _nodes = new MembershipNode[Nodes];
    private string _directory = "";
    private Socket _client = null!;
    private Socket _echo = null!;
    private Thread _echoThread = null!;
    private MembershipNode _coordinator = null!;
    private MembershipNode _other = null!;
    private long _version;
    private long _etag;

    // The toolchain in this process does not await what is asynchronous.
    [GlobalSetup]
    public void Form() => FormAsync().GetAwaiter().GetResult();

    private async Task FormAsync()
    {
        _directory = Directory.CreateTempSubdirectory("regroup-bench-").FullName;
        int[] ports = FreePorts();
        MembershipNodeAddress[] addresses = [.. Enumerable.Range(1, Nodes).Select(number => new MembershipNodeAddress(number, [$"127.0.0.1:{ports[number - 1]}"]))];
        KeyRing keys = KeyRing.Generate();
        for (int number = 1; number <= Nodes; number++)
        {
            _nodes[number - 1] = new MembershipNode(new MembershipNodeOptions
            {
                ClusterId = "bench",
                Self = number,
                Nodes = addresses,
                StoreDirectory = Path.Combine(_directory, $"node{number}"),
                Keys = keys,
                Bootstrap = true,
            });
            await _nodes[number - 1].StartAsync();
        }
        MonotonicTime end = MonotonicClock.System.Now + Patience;
        while (!_nodes.All(static node => node.CurrentView?.Members.Length == Nodes && node.Lease.IsValid))
        {
            if (MonotonicClock.System.Now > end) throw new InvalidOperationException($"no common view within {Patience}");
            await Task.Delay(10);
        }
        NodeId coordinator = _nodes[0].CurrentView!.Coordinator;
        _coordinator = _nodes[coordinator.Value - 1];
        _other = _nodes[coordinator.Value % Nodes];
        TableUpdateResult first = await _coordinator.UpdateTableAsync(new TableUpdate("t", [new RowChange(RowChangeKind.Put, "row", _value)]));
        (_version, _etag) = (first.Verdict!.Version, first.Verdict.Etags[0]);

        _echo = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        _echo.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _client = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        _client.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        await _client.ConnectAsync(_echo.LocalEndPoint!);
        await _echo.ConnectAsync(_client.LocalEndPoint!);
        _echoThread = new Thread(Echo) { IsBackground = true };
        _echoThread.Start();
    }

    [Benchmark(Baseline = true, Description = "round trip of a bare datagram")]
    [BenchmarkCategory("table of 3 nodes")]
    public int RoundTrip()
    {
        _client.Send(_packet);
        return _client.Receive(_packet);
    }

    [Benchmark(Description = "compare-and-set at the coordinator")]
    [BenchmarkCategory("table of 3 nodes")]
    public void CompareAndSetAtCoordinator() => CompareAndSetAsync(_coordinator).GetAwaiter().GetResult();

    [Benchmark(Description = "compare-and-set at another node")]
    [BenchmarkCategory("table of 3 nodes")]
    public void CompareAndSetElsewhere() => CompareAndSetAsync(_other).GetAwaiter().GetResult();

    [Benchmark(Description = "read that misses no answered write")]
    [BenchmarkCategory("table of 3 nodes")]
    public int Read() => _other.ReadTableAsync("t").GetAwaiter().GetResult().Table!.Rows.Count;

    [GlobalCleanup]
    public void End()
    {
        foreach (MembershipNode node in _nodes) node.DisposeAsync().AsTask().GetAwaiter().GetResult();
        _packet[0] = 1;
        _client.Send(_packet);
        _echoThread.Join(TimeSpan.FromSeconds(5));
        Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    public void Dispose()
    {
        _client?.Dispose();
        _echo?.Dispose();
        GC.SuppressFinalize(this);
    }

    private async Task CompareAndSetAsync(MembershipNode node)
    {
        TableUpdateResult result = await node.UpdateTableAsync(new TableUpdate("t", [new RowChange(RowChangeKind.Update, "row", _value, _etag)], _version));
        if (!result.IsApplied) throw new InvalidOperationException($"not applied: {result.Status} {result.Verdict} {result.Detail}");
        (_version, _etag) = (result.Verdict!.Version, result.Verdict.Etags[0]);
    }

    // A first byte that is set ends it.
    private void Echo()
    {
        var packet = new byte[1024];
        while (true)
        {
            int length = _echo.Receive(packet);
            if (packet[0] != 0) return;
            _echo.Send(packet.AsSpan(0, length));
        }
    }

    private static int[] FreePorts()
    {
        Socket[] sockets = [.. Enumerable.Range(0, Nodes).Select(static _ => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp))];
        try
        {
            foreach (Socket socket in sockets) socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            return [.. sockets.Select(static socket => ((IPEndPoint)socket.LocalEndPoint!).Port)];
        }
        finally
        {
            foreach (Socket socket in sockets) socket.Dispose();
        }
    }
}
