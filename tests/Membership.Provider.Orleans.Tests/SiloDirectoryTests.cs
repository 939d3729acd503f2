// Clients ask any node for the gateways: real sockets, nodes that are down, that hang, and that talk nonsense.
using System.Net;
using System.Net.Sockets;
using System.Text;
using Membership.Provider.Silos;
using Membership.Provider.Tests;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Orleans;
using Orleans.Runtime;
using Xunit;
using static Membership.Provider.Orleans.Tests.TableCluster;

namespace Membership.Provider.Orleans.Tests;

public sealed class SiloDirectoryTests(TableCluster cluster) : IClassFixture<TableCluster>
{
    private readonly string _name = NewName();

    [Fact]
    public async Task The_gateways_are_those_of_the_active_silos_whose_nodes_are_in_the_view()
    {
        SiloTable local = cluster.SiloTable(1, _name, Silo(1, 5).ToParsableString());
        var table = new RegroupMembershipTable(local);
        await AddAsync(table, Entry(Silo(1, 5)));
        await AddAsync(table, Entry(Silo(2), SiloStatus.Joining));
        await AddAsync(table, Entry(Silo(3), SiloStatus.Dead));
        MembershipEntry noGateway = Entry(Silo(4));
        noGateway.ProxyPort = 0;
        await AddAsync(table, noGateway);
        await using SiloDirectoryServer server = Serve(2);

        IList<Uri> gateways = await Provider(_name, server.LocalEndpoint.ToString()!).GetGateways();

        Assert.Equal(new Uri("gwy.tcp://127.0.0.1:30000/5"), Assert.Single(gateways));
        // The silo's node dies without a word in the table: the view alone takes the gateway off the list.
        SiloRow gone = (await local.ReadAsync(TestHosts.Deadline)).Silos[0].Row with { Life = new Engine.Incarnation(0) };
        Assert.Empty(SiloGateways.Of(new SiloTableContent(1, "", [new StoredSilo(gone, "", 1)]), cluster.Hosts.Membership(1).CurrentView!));
    }

    [Fact]
    public async Task A_client_asks_the_next_node_when_one_is_down_or_hangs_or_talks_nonsense()
    {
        await AddAsync(cluster.Table(1, _name), Entry(Silo(1)));
        await using SiloDirectoryServer server = Serve(3);
        using var hangs = new TcpListener(IPAddress.Loopback, 0);
        hangs.Start();
        using var nonsense = new TcpListener(IPAddress.Loopback, 0);
        nonsense.Start();
        Task talking = TalkAsync(nonsense, "HTTP/1.1 400 Bad Request\r\n\r\n");
        int down = Failover.Demo.FreePorts.Find(1)[0];

        IList<Uri> gateways = await Provider(_name, $"127.0.0.1:{down}", hangs.LocalEndpoint.ToString()!, nonsense.LocalEndpoint.ToString()!, server.LocalEndpoint.ToString()!).GetGateways();

        Assert.Single(gateways);
        await talking;
    }

    [Fact]
    public async Task Another_silos_cluster_is_refused_and_the_client_says_what_every_node_said()
    {
        await using SiloDirectoryServer server = Serve(1);
        int down = Failover.Demo.FreePorts.Find(1)[0];

        SiloTableException refused = await Assert.ThrowsAsync<SiloTableException>(() => Provider("another", server.LocalEndpoint.ToString()!, $"127.0.0.1:{down}").GetGateways());

        Assert.Contains($"are of cluster '{_name}'", refused.Message, StringComparison.Ordinal);
        Assert.Contains($"{down}: ", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\n")]
    [InlineData("silos/2 x\n")]
    [InlineData("\n")]
    [InlineData("")]
    public async Task A_request_that_is_none_is_refused_and_the_next_is_served(string request)
    {
        await AddAsync(cluster.Table(1, _name), Entry(Silo(1)));
        await using SiloDirectoryServer server = Serve(1);

        Assert.StartsWith("no ", await SayAsync(server.LocalEndpoint, Encoding.UTF8.GetBytes(request)), StringComparison.Ordinal);
        Assert.StartsWith("no ", await SayAsync(server.LocalEndpoint, new byte[SiloDirectoryProtocol.MaxRequest]), StringComparison.Ordinal);
        Assert.Single(await Provider(_name, server.LocalEndpoint.ToString()!).GetGateways());
    }

    [Theory]
    [InlineData("ok 2\ngwy.tcp://127.0.0.1:1/1\n")]
    [InlineData("ok -1\n")]
    [InlineData("ok 1\nnot an address\n")]
    [InlineData("yes\n")]
    [InlineData("")]
    public void An_answer_that_is_none_is_told_from_an_empty_list(string answer)
        => Assert.Throws<InvalidDataException>(() => SiloDirectoryProtocol.ParseAnswer(answer));

    [Theory]
    [InlineData("nowhere")]
    [InlineData("host:0")]
    [InlineData(":7500")]
    [InlineData("host:99999")]
    public void A_node_that_is_no_endpoint_is_named(string node)
        => Assert.Contains($"'{node}'", Assert.Throws<ArgumentException>(() => Provider("c", node)).Message, StringComparison.Ordinal);

    private SiloDirectoryServer Serve(int node)
    {
        var server = new SiloDirectoryServer(cluster.Hosts.Membership(node), cluster.SiloTable(node, _name), new IPEndPoint(IPAddress.Loopback, 0), TimeProvider.System, NullLogger.Instance);
        server.Start();
        return server;
    }

    private static RegroupGatewayListProvider Provider(string name, params string[] nodes)
        => new(new SiloDirectoryClient(name, nodes, TimeSpan.FromSeconds(3), TimeProvider.System), TimeSpan.FromSeconds(5));

    private static async Task TalkAsync(TcpListener listener, string words)
    {
        using Socket client = await listener.AcceptSocketAsync(TestHosts.Deadline);
        await client.SendAsync(Encoding.UTF8.GetBytes(words), TestHosts.Deadline);
    }

    private static async Task<string> SayAsync(EndPoint server, byte[] words)
    {
        using var client = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(server, TestHosts.Deadline);
        await client.SendAsync(words, TestHosts.Deadline);
        client.Shutdown(SocketShutdown.Send);
        byte[] answer = new byte[1024];
        int read = await client.ReceiveAsync(answer, TestHosts.Deadline);
        return Encoding.UTF8.GetString(answer, 0, read);
    }
}
