// Datagrams through real sockets on loopback: both families, several paths, errors at the start that help, errors later that are survived.
using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using Membership.Engine.Transport;
using Membership.Engine.Wire;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Membership.Engine.Tests.Transport;

public sealed class UdpTransportTests
{
    private static readonly NodeId One = new(1), Two = new(2);

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("::1")]
    public async Task A_datagram_arrives_whole_on_the_path_it_was_sent_on(string host)
    {
        var endpoints = Endpoints([Loopback.Free(host), Loopback.Free(host)], [Loopback.Free(host), Loopback.Free(host)]);
        var arrived = new TaskCompletionSource<(byte[] Bytes, int Path)>();
        await using UdpTransport one = Create(One, endpoints, out _), two = Create(Two, endpoints, out DatagramCounters counters);
        await one.StartAsync(static (_, _) => { }, Cancelled);
        await two.StartAsync((datagram, path) => arrived.TrySetResult((datagram.ToArray(), path)), Cancelled);
        byte[] sent = new byte[DatagramSealer.MaxDatagramSize];
        Random.Shared.NextBytes(sent);
        Assert.True(one.Send(Two, 1, sent));
        (byte[] bytes, int path) = await arrived.Task.WaitAsync(TimeSpan.FromSeconds(10), Cancelled);
        Assert.Equal(sent, bytes);
        Assert.Equal(1, path);
        Assert.Equal((1, sent.Length), (counters.Received, counters.BytesReceived));
        Assert.False(one.Send(new NodeId(9), 0, sent));
        Assert.False(one.Send(Two, 2, sent));
    }

    [Fact]
    public async Task Host_names_resolve_to_the_family_of_the_path()
    {
        NodeEndpoint free = Loopback.Free();
        var endpoints = Endpoints([new NodeEndpoint("localhost", free.Port)], [new NodeEndpoint("localhost", Loopback.Free().Port)]);
        await using UdpTransport one = Create(One, endpoints, out _);
        await one.StartAsync(static (_, _) => { }, Cancelled);
        Assert.True(one.Send(Two, 0, [1, 2, 3]));
    }

    [Fact]
    public async Task A_host_name_that_does_not_resolve_is_named_with_its_node_and_path()
    {
        var endpoints = Endpoints([Loopback.Free(), Loopback.Free()], [Loopback.Free(), new NodeEndpoint("no-such-host.invalid", 7100)]);
        await using UdpTransport one = Create(One, endpoints, out _);
        string message = (await Assert.ThrowsAsync<TransportStartException>(async () => await one.StartAsync(static (_, _) => { }, Cancelled))).Message;
        Assert.Contains("no-such-host.invalid", message, StringComparison.Ordinal);
        Assert.Contains("node 2", message, StringComparison.Ordinal);
        Assert.Contains("path 1", message, StringComparison.Ordinal);
        Assert.Contains("IP address", message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_port_in_use_is_named_and_frees_what_was_bound_before()
    {
        NodeEndpoint first = Loopback.Free(), taken = Loopback.Free();
        using (var holder = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp))
        {
            holder.Bind(new IPEndPoint(IPAddress.Loopback, taken.Port));
            await using UdpTransport one = Create(One, Endpoints([first, taken], [Loopback.Free(), Loopback.Free()]), out _);
            string message = (await Assert.ThrowsAsync<TransportStartException>(async () => await one.StartAsync(static (_, _) => { }, Cancelled))).Message;
            Assert.Contains(taken.ToString(), message, StringComparison.Ordinal);
            Assert.Contains("in use", message, StringComparison.Ordinal);
        }
        await using UdpTransport again = Create(One, Endpoints([first, taken], [Loopback.Free(), Loopback.Free()]), out _);
        await again.StartAsync(static (_, _) => { }, Cancelled);
    }

    [Fact]
    public async Task An_address_of_another_machine_is_refused_with_a_way_out()
    {
        await using UdpTransport one = Create(One, Endpoints([new NodeEndpoint("192.0.2.1", 7100)], [Loopback.Free()]), out _);
        string message = (await Assert.ThrowsAsync<TransportStartException>(async () => await one.StartAsync(static (_, _) => { }, Cancelled))).Message;
        Assert.Contains("192.0.2.1:7100", message, StringComparison.Ordinal);
        Assert.Contains("0.0.0.0:7100", message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Families_that_cannot_meet_are_refused()
    {
        await using UdpTransport one = Create(One, Endpoints([Loopback.Free()], [new NodeEndpoint("::1", 7100)]), out _);
        Assert.Contains("IPv4", (await Assert.ThrowsAsync<TransportStartException>(async () => await one.StartAsync(static (_, _) => { }, Cancelled))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Nodes_with_different_numbers_of_paths_are_refused()
        => Assert.Contains("Node 2 has 2", Assert.Throws<ArgumentException>(
            static () => Create(One, Endpoints([Loopback.Free()], [Loopback.Free(), Loopback.Free()]), out _)).Message, StringComparison.Ordinal);

    [Fact]
    public async Task A_peer_that_is_not_there_disturbs_nothing()
    {
        // Its kernel answers every datagram with an ICMP error; the datagrams of a third node keep coming.
        NodeEndpoint own = Loopback.Free();
        int arrived = 0;
        await using UdpTransport one = Create(One, Endpoints([own], [Loopback.Free()]), out _);
        await one.StartAsync((_, _) => Interlocked.Increment(ref arrived), Cancelled);
        using var third = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        for (int i = 0; i < 50; i++)
        {
            one.Send(Two, 0, [1]);
            third.SendTo([2], new IPEndPoint(IPAddress.Loopback, own.Port));
        }
        await Loopback.Until("50 datagrams arrived", () => Volatile.Read(ref arrived) == 50);
    }

    [Fact]
    public async Task Nothing_is_delivered_after_the_stop_and_the_port_is_free_again()
    {
        NodeEndpoint own = Loopback.Free();
        var endpoints = Endpoints([own], [Loopback.Free()]);
        for (int round = 0; round < 5; round++)
        {
            await using UdpTransport one = Create(One, endpoints, out _);
            await one.StartAsync(static (_, _) => { }, Cancelled);
            await one.StopAsync();
            Assert.False(one.Send(Two, 0, [1]));
        }
    }

    [Fact]
    public async Task Sending_and_receiving_allocate_nothing_per_datagram()
    {
        var endpoints = Endpoints([Loopback.Free()], [Loopback.Free()]);
        long arrived = 0, allocatedAtStart = 0, allocatedAtEnd = 0;
        await using UdpTransport one = Create(One, endpoints, out _), two = Create(Two, endpoints, out _);
        await one.StartAsync(static (_, _) => { }, Cancelled);
        await two.StartAsync(
            (_, _) =>
            {
                long count = Interlocked.Increment(ref arrived);
                if (count == 200) allocatedAtStart = GC.GetAllocatedBytesForCurrentThread();
                if (count == 1200) Volatile.Write(ref allocatedAtEnd, GC.GetAllocatedBytesForCurrentThread());
            },
            Cancelled);
        long sent = SendOneByOne(one, 200);
        sent = SendOneByOne(one, 1000);
        await Loopback.Until("all arrived", () => Interlocked.Read(ref arrived) == 1200);
        // Nothing per datagram: an object for each would be 24,000 bytes and more; a collection alone may count 8 KB (see Allocation).
        Assert.InRange(sent, 0, 8999);
        Assert.InRange(Volatile.Read(ref allocatedAtEnd) - allocatedAtStart, 0, 8999);

        long SendOneByOne(UdpTransport from, int count)
        {
            Span<byte> datagram = stackalloc byte[152];
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < count; i++)
            {
                long next = Interlocked.Read(ref arrived) + 1;
                from.Send(Two, 0, datagram);
                for (int spin = 0; spin < 1_000_000 && Interlocked.Read(ref arrived) < next; spin++) Thread.Yield();
            }
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }
    }

    internal static ImmutableDictionary<NodeId, ImmutableArray<NodeEndpoint>> Endpoints(params ImmutableArray<NodeEndpoint>[] ofNodes)
        => ofNodes.Select(static (endpoints, index) => KeyValuePair.Create(new NodeId(index + 1), endpoints)).ToImmutableDictionary();

    internal static UdpTransport Create(NodeId self, ImmutableDictionary<NodeId, ImmutableArray<NodeEndpoint>> endpoints, out DatagramCounters counters)
        => new(new UdpTransportOptions { Self = self, Endpoints = endpoints }, counters = new DatagramCounters(), TimeProvider.System, NullLogger.Instance);
}
