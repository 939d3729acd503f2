// The tripwire with real connections and real processes: a death is seen at once, a close on purpose is no loss on this side, and
// strangers cannot hold or fake anything.
using System.Collections.Immutable;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Membership.Engine.Tests.Wire;
using Membership.Engine.Transport;
using Membership.Engine.Wire;
using Xunit;

namespace Membership.Engine.Tests.Transport;

public sealed class TcpTripwireTests
{
    private static readonly NodeId One = new(1), Two = new(2);
    private readonly KeyRing _keys = KeyRing.Generate();

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("127.0.0.1", false)]
    [InlineData("127.0.0.1", true)]
    [InlineData("::1", false)]
    public async Task Kill_minus_nine_of_a_process_is_seen_at_once(string host, bool childDials)
    {
        NodeEndpoint first = Loopback.Free(host), second = Loopback.Free(host);
        (NodeId self, NodeId other) = childDials ? (Two, One) : (One, Two);
        await using var here = new Node(self, _keys, first, second);
        await here.Tripwire.StartAsync(new Incarnation(3), Cancelled);
        using ChildProcess child = ChildProcess.Start(
            typeof(TcpTripwireTests), other.ToString(), host, $"{first.Port}", $"{second.Port}", _keys.Current.ExportBase64());
        Assert.Equal("ready", await child.ReadLineAsync());
        here.Tripwire.SetWanted(NodeSet.Of(1, 2));
        await Loopback.Until("the tripwire is up", () => here.Tripwire.Connected.Contains(other));

        long killed = Stopwatch.GetTimestamp();
        child.Kill();
        (NodeId Node, Incarnation Incarnation, long At) lost = await here.Lost.Task.WaitAsync(TimeSpan.FromSeconds(10), Cancelled);
        TimeSpan after = Stopwatch.GetElapsedTime(killed, lost.At);
        TestContext.Current.TestOutputHelper?.WriteLine($"seen after {after.TotalMilliseconds:F1} ms");
        Assert.Equal((other, new Incarnation(42)), (lost.Node, lost.Incarnation));
        Assert.True(after < TimeSpan.FromSeconds(1), $"seen after {after.TotalMilliseconds:F0} ms");

        await child.WaitForExitAsync();
        Assert.Equal(PortProbe.Refused, await here.Tripwire.ProbeAsync(other, Cancelled));
    }

    [Fact]
    public async Task A_frozen_process_is_no_evidence()
    {
        NodeEndpoint first = Loopback.Free(), second = Loopback.Free();
        await using var here = new Node(One, _keys, first, second);
        await here.Tripwire.StartAsync(new Incarnation(3), Cancelled);
        using ChildProcess child = ChildProcess.Start(typeof(TcpTripwireTests), "2", "127.0.0.1", $"{first.Port}", $"{second.Port}", _keys.Current.ExportBase64());
        Assert.Equal("ready", await child.ReadLineAsync());
        here.Tripwire.SetWanted(NodeSet.Of(1, 2));
        await Loopback.Until("the tripwire is up", () => here.Tripwire.Connected.Contains(Two));
        child.Freeze();
        Assert.Equal(PortProbe.Accepted, await here.Tripwire.ProbeAsync(Two, Cancelled));
        Assert.Empty(here.Losses);
        child.Thaw();
    }

    [Fact]
    public async Task Closing_on_purpose_is_a_loss_for_the_other_side_only()
    {
        NodeEndpoint first = Loopback.Free(), second = Loopback.Free();
        await using var one = new Node(One, _keys, first, second);
        await using var two = new Node(Two, _keys, first, second);
        await Connect(one, two);
        await two.Tripwire.DisposeAsync();
        (NodeId node, Incarnation incarnation, _) = await one.Lost.Task.WaitAsync(TimeSpan.FromSeconds(10), Cancelled);
        Assert.Equal((Two, new Incarnation(12)), (node, incarnation));
        Assert.Empty(two.Losses);
    }

    [Fact]
    public async Task A_node_no_longer_wanted_is_closed_without_a_loss_and_not_dialled_again()
    {
        NodeEndpoint first = Loopback.Free(), second = Loopback.Free();
        await using var one = new Node(One, _keys, first, second);
        await using var two = new Node(Two, _keys, first, second);
        await Connect(one, two);
        one.Tripwire.SetWanted(NodeSet.Of(1));
        Assert.True(one.Tripwire.Connected.IsEmpty);
        await two.Lost.Task.WaitAsync(TimeSpan.FromSeconds(10), Cancelled);
        Assert.Empty(one.Losses);
        one.Tripwire.SetWanted(NodeSet.Of(1, 2));
        await Loopback.Until("it is up again", () => one.Tripwire.Connected.Contains(Two) && two.Tripwire.Connected.Contains(One));
        Assert.Empty(one.Losses);
    }

    [Fact]
    public async Task A_peer_that_comes_later_or_comes_back_is_connected_again()
    {
        NodeEndpoint first = Loopback.Free(), second = Loopback.Free();
        await using var one = new Node(One, _keys, first, second);
        await one.Tripwire.StartAsync(new Incarnation(11), Cancelled);
        one.Tripwire.SetWanted(NodeSet.Of(1, 2));
        for (int life = 1; life <= 3; life++)
        {
            await using var two = new Node(Two, _keys, first, second);
            await two.Tripwire.StartAsync(new Incarnation(life), Cancelled);
            await Loopback.Until("it is up", () => one.Tripwire.Connected.Contains(Two));
            await two.Tripwire.DisposeAsync();
            await Loopback.Until("its loss was seen", () => one.Losses.Contains((Two, new Incarnation(life))));
        }
    }

    [Fact]
    public async Task A_new_life_of_this_node_makes_its_connections_anew()
    {
        NodeEndpoint first = Loopback.Free(), second = Loopback.Free();
        await using var one = new Node(One, _keys, first, second);
        await using var two = new Node(Two, _keys, first, second);
        await Connect(one, two);
        two.Tripwire.SetIncarnation(new Incarnation(13));
        await one.Lost.Task.WaitAsync(TimeSpan.FromSeconds(10), Cancelled);
        await Loopback.Until("it is up again", () => one.Tripwire.Connected.Contains(Two) && two.Tripwire.Connected.Contains(One));
        Assert.Equal([(Two, new Incarnation(12))], one.Losses);
        await two.Tripwire.DisposeAsync();
        await Loopback.Until("the new life's loss was seen", () => one.Losses.Contains((Two, new Incarnation(13))));
    }

    [Fact]
    public async Task Another_key_another_cluster_and_plain_text_get_no_connection()
    {
        NodeEndpoint first = Loopback.Free(), second = Loopback.Free();
        await using var two = new Node(Two, _keys, first, second);
        await two.Tripwire.StartAsync(new Incarnation(1), Cancelled);
        two.Tripwire.SetWanted(NodeSet.Of(1, 2));
        foreach ((KeyRing? keys, string cluster) in new[] { (KeyRing.Generate(), Sealing.Cluster), (_keys, "plant-8"), ((KeyRing?)null, Sealing.Cluster) })
        {
            await using var stranger = new Node(One, keys, Loopback.Free(), second, cluster);
            await stranger.Tripwire.StartAsync(new Incarnation(1), Cancelled);
            int refused = stranger.Refusals;
            stranger.Tripwire.SetWanted(NodeSet.Of(1, 2));
            await Loopback.Until("it was refused twice", () => stranger.Refusals >= refused + 2);
            Assert.True(stranger.Tripwire.Connected.IsEmpty);
        }
        Assert.True(two.Tripwire.Connected.IsEmpty);
        Assert.Empty(two.Losses);
    }

    [Fact]
    public async Task Keys_that_one_side_does_not_accept_yet_are_a_refusal_and_never_a_loss()
    {
        // Rotation in the wrong order: node 1 already sends with a key that node 2 does not have.
        NodeEndpoint first = Loopback.Free(), second = Loopback.Free();
        KeyRing ofOne = new(ClusterKey.Generate(), _keys.Current), ofTwo = new(_keys.Current);
        await using var one = new Node(One, ofOne, first, second);
        await using var two = new Node(Two, ofTwo, first, second);
        await one.Tripwire.StartAsync(new Incarnation(1), Cancelled);
        await two.Tripwire.StartAsync(new Incarnation(1), Cancelled);
        one.Tripwire.SetWanted(NodeSet.Of(1, 2));
        await Loopback.Until("it was refused twice", () => one.Refusals >= 2);
        Assert.Empty(one.Losses);
        Assert.Empty(two.Losses);
        ofTwo.Accept(ofOne.Current);
        await Loopback.Until("it is up", () => one.Tripwire.Connected.Contains(Two) && two.Tripwire.Connected.Contains(One));
    }

    [Fact]
    public async Task Silent_strangers_are_bounded_in_number_and_time_and_keep_nobody_out()
    {
        NodeEndpoint first = Loopback.Free(), second = Loopback.Free();
        await using var two = new Node(Two, _keys, first, second, maxUnauthenticated: 8, helloTimeout: 0.3);
        await two.Tripwire.StartAsync(new Incarnation(1), Cancelled);
        two.Tripwire.SetWanted(NodeSet.Of(1, 2));
        var strangers = new List<Socket>();
        for (int i = 0; i < 40; i++)
        {
            var stranger = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            await stranger.ConnectAsync(new IPEndPoint(IPAddress.Loopback, second.Port), Cancelled);
            strangers.Add(stranger);
            Assert.InRange(two.Tripwire.Unauthenticated, 0, 8 + 1);
        }
        var answer = new byte[1];
        foreach (Socket stranger in strangers)
        {
            using (stranger) Assert.Equal(0, await ReadToEnd(stranger, answer));
        }
        await Loopback.Until("no stranger is left", () => two.Tripwire.Unauthenticated == 0);
        await using var one = new Node(One, _keys, first, second);
        await one.Tripwire.StartAsync(new Incarnation(1), Cancelled);
        one.Tripwire.SetWanted(NodeSet.Of(1, 2));
        await Loopback.Until("it is up", () => two.Tripwire.Connected.Contains(One));
        Assert.Empty(two.Losses);
    }

    [Fact]
    public async Task Silent_strangers_who_come_again_as_soon_as_they_are_closed_keep_nobody_out()
    {
        NodeEndpoint first = Loopback.Free(), second = Loopback.Free();
        await using var two = new Node(Two, _keys, first, second, maxUnauthenticated: 8);
        await two.Tripwire.StartAsync(new Incarnation(1), Cancelled);
        two.Tripwire.SetWanted(NodeSet.Of(1, 2));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancelled);
        Task[] strangers = [.. Enumerable.Range(0, 24).Select(_ => ComeAgainAsync(second, stop.Token))];
        await Loopback.Until("the strangers have every place", () => two.Tripwire.Unauthenticated == 8);
        await using var one = new Node(One, _keys, first, second);
        await one.Tripwire.StartAsync(new Incarnation(1), Cancelled);
        one.Tripwire.SetWanted(NodeSet.Of(1, 2));
        await Loopback.Until("it is up", () => two.Tripwire.Connected.Contains(One));
        await stop.CancelAsync();
        await Task.WhenAll(strangers);
        Assert.Empty(two.Losses);

        // Every 20 ms or as soon as it is closed, whichever comes last: faster than hellos time out, slower than a node says its own.
        static async Task ComeAgainAsync(NodeEndpoint endpoint, CancellationToken stop)
        {
            var nothing = new byte[1];
            while (!stop.IsCancellationRequested)
            {
                try
                {
                    using Socket stranger = await ConnectTo(endpoint);
                    await Task.Delay(20, stop);
                    while (await stranger.ReceiveAsync(nothing.AsMemory(), stop) > 0)
                    {
                    }
                }
                catch (Exception closed) when (closed is SocketException or OperationCanceledException)
                {
                    // Closed, or it is over.
                }
            }
        }
    }

    [Fact]
    public async Task A_recorded_hello_is_of_no_use()
    {
        // A man in the middle records a whole good handshake of node 1, and plays it to node 2 again.
        NodeEndpoint first = Loopback.Free(), second = Loopback.Free(), middle = Loopback.Free();
        await using var two = new Node(Two, _keys, first, second);
        await two.Tripwire.StartAsync(new Incarnation(1), Cancelled);
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, middle.Port));
        listener.Listen();
        await using var one = new Node(One, _keys, first, middle);
        await one.Tripwire.StartAsync(new Incarnation(1), Cancelled);
        one.Tripwire.SetWanted(NodeSet.Of(1, 2));
        using Socket fromOne = await listener.AcceptAsync(Cancelled);
        using Socket toTwo = await ConnectTo(second);
        byte[] preface = await Pass(fromOne, toTwo, 32);
        await Pass(toTwo, fromOne, 112);
        byte[] hello = await Pass(fromOne, toTwo, 96);
        await Pass(toTwo, fromOne, 1);
        await Loopback.Until("the relayed one is up", () => two.Tripwire.Connected.Contains(One));
        toTwo.Dispose();
        await two.Lost.Task.WaitAsync(TimeSpan.FromSeconds(10), Cancelled);
        await Loopback.Until("it is down", () => two.Tripwire.Connected.IsEmpty);

        using Socket again = await ConnectTo(second);
        await again.SendAsync(preface, Cancelled);
        await Read(again, 112);
        await again.SendAsync(hello, Cancelled);
        Assert.Equal(0, await ReadToEnd(again, new byte[1]));
        Assert.True(two.Tripwire.Connected.IsEmpty);
        Assert.Single(two.Losses);
    }

    [Fact]
    public async Task Garbage_on_the_port_is_closed_and_changes_nothing()
    {
        NodeEndpoint first = Loopback.Free(), second = Loopback.Free();
        await using var one = new Node(One, _keys, first, second);
        await using var two = new Node(Two, _keys, first, second);
        await Connect(one, two);
        var random = new Random(11);
        for (int i = 0; i < 200; i++)
        {
            using Socket stranger = await ConnectTo(second);
            var garbage = new byte[random.Next(1, 200)];
            random.NextBytes(garbage);
            if (i % 2 == 0 && garbage.Length >= 4) "RGTW"u8.CopyTo(garbage);
            await stranger.SendAsync(garbage, Cancelled);
            stranger.Shutdown(SocketShutdown.Send);
            await ReadToEnd(stranger, new byte[200]);
        }
        Assert.True(one.Tripwire.Connected.Contains(Two) && two.Tripwire.Connected.Contains(One));
        Assert.Empty(one.Losses);
        Assert.Empty(two.Losses);
    }

    [Fact]
    public async Task A_port_in_use_is_named()
    {
        NodeEndpoint own = Loopback.Free();
        using var holder = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        holder.Bind(new IPEndPoint(IPAddress.Loopback, own.Port));
        holder.Listen();
        await using var one = new Node(One, _keys, own, Loopback.Free());
        string message = (await Assert.ThrowsAsync<TransportStartException>(async () => await one.Tripwire.StartAsync(new Incarnation(1), Cancelled))).Message;
        Assert.Contains(own.ToString(), message, StringComparison.Ordinal);
        Assert.Contains("in use", message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_probe_of_a_living_port_and_of_no_machine_is_no_evidence()
    {
        NodeEndpoint first = Loopback.Free(), second = Loopback.Free();
        await using var one = new Node(One, _keys, first, second);
        await using var two = new Node(Two, _keys, first, second);
        await two.Tripwire.StartAsync(new Incarnation(1), Cancelled);
        Assert.Equal(PortProbe.Accepted, await one.Tripwire.ProbeAsync(Two, Cancelled));
        await two.Tripwire.DisposeAsync();
        Assert.Equal(PortProbe.Refused, await one.Tripwire.ProbeAsync(Two, Cancelled));
        await using var lonely = new Node(One, _keys, first, new NodeEndpoint("no-such-host.invalid", 7100));
        Assert.Contains(await lonely.Tripwire.ProbeAsync(Two, Cancelled), new[] { PortProbe.Unreachable, PortProbe.TimedOut });
    }

    /// <summary>Run by <see cref="ChildProcess"/>: a node with a tripwire that lives until it is killed or its input ends.</summary>
    internal static void ChildMain(string[] args)
    {
        var self = new NodeId(int.Parse(args[0], CultureInfo.InvariantCulture));
        int first = int.Parse(args[2], CultureInfo.InvariantCulture), second = int.Parse(args[3], CultureInfo.InvariantCulture);
        var node = new Node(self, KeyRing.FromBase64(args[4]), new NodeEndpoint(args[1], first), new NodeEndpoint(args[1], second));
        node.Tripwire.StartAsync(new Incarnation(42), CancellationToken.None).AsTask().GetAwaiter().GetResult();
        node.Tripwire.SetWanted(NodeSet.Of(1, 2));
        Console.WriteLine("ready");
        Console.In.ReadToEnd();
    }

    private static async Task Connect(Node one, Node two)
    {
        await one.Tripwire.StartAsync(new Incarnation(11), Cancelled);
        await two.Tripwire.StartAsync(new Incarnation(12), Cancelled);
        one.Tripwire.SetWanted(NodeSet.Of(1, 2));
        two.Tripwire.SetWanted(NodeSet.Of(1, 2));
        await Loopback.Until("the tripwire is up", () => one.Tripwire.Connected.Contains(Two) && two.Tripwire.Connected.Contains(One));
    }

    private static async Task<Socket> ConnectTo(NodeEndpoint endpoint)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, endpoint.Port), Cancelled);
        return socket;
    }

    private static async Task<byte[]> Pass(Socket from, Socket to, int length)
    {
        byte[] bytes = await Read(from, length);
        await to.SendAsync(bytes, Cancelled);
        return bytes;
    }

    private static async Task<byte[]> Read(Socket from, int length)
    {
        var bytes = new byte[length];
        for (int read = 0; read < length;)
        {
            int more = await from.ReceiveAsync(bytes.AsMemory(read), Cancelled);
            Assert.NotEqual(0, more);
            read += more;
        }
        return bytes;
    }

    // Until the other side closes, by end of stream or by reset.
    private static async Task<int> ReadToEnd(Socket socket, byte[] buffer)
    {
        int total = 0;
        try
        {
            while (await socket.ReceiveAsync(buffer.AsMemory(), Cancelled).AsTask().WaitAsync(TimeSpan.FromSeconds(10), Cancelled) is var read and > 0) total += read;
        }
        catch (SocketException)
        {
            // A reset is an end, too.
        }
        return total;
    }

    private sealed class Node : IAsyncDisposable
    {
        private readonly RefusalCountingLogger _logger = new();

        public Node(NodeId self, KeyRing? keys, NodeEndpoint first, NodeEndpoint second, string cluster = Sealing.Cluster, int maxUnauthenticated = 64, double helloTimeout = 2)
        {
            ImmutableDictionary<NodeId, NodeEndpoint> endpoints = ImmutableDictionary<NodeId, NodeEndpoint>.Empty.Add(One, first).Add(Two, second);
            var options = new TripwireOptions
            {
                Self = self, Endpoints = endpoints, MaxUnauthenticated = maxUnauthenticated, HelloTimeout = TimeSpan.FromSeconds(helloTimeout),
                MinRetryDelay = TimeSpan.FromMilliseconds(20), MaxRetryDelay = TimeSpan.FromMilliseconds(200),
            };
            Tripwire = new TcpTripwire(options, Sealing.Sealer(self, keys, cluster), Sealing.Opener(self, keys, cluster), OnLost, TimeProvider.System, _logger);
        }

        public TcpTripwire Tripwire { get; }

        public TaskCompletionSource<(NodeId Node, Incarnation Incarnation, long At)> Lost { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public ImmutableArray<(NodeId Node, Incarnation Incarnation)> Losses { get; private set; } = [];

        public int Refusals => _logger.Refusals;

        public ValueTask DisposeAsync() => Tripwire.DisposeAsync();

        private void OnLost(NodeId node, Incarnation incarnation)
        {
            long now = Stopwatch.GetTimestamp();
            Losses = Losses.Add((node, incarnation));
            Lost.TrySetResult((node, incarnation, now));
        }
    }
}
