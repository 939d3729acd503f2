// The control socket on real hosts: what it answers, who may open it, and that no input over it hurts the node.
using System.Buffers.Binary;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Membership.Engine;
using Membership.Provider.Control;
using Membership.Provider.Inspection;
using Xunit;

namespace Membership.Provider.Tests;

public sealed class ControlSocketTests
{
    private static ControlRequest Ask(string verb, string? text = null) => new() { Verb = verb, Text = text };

    [Fact]
    public async Task Every_verb_is_answered_and_what_is_shown_is_what_the_cluster_is()
    {
        await using var hosts = new TestHosts(2);
        await hosts.StartAsync(static options => options.AllowTwoNodesWithoutTieBreaker = true);
        await using MembershipControlClient client = await MembershipControlClient.ConnectToStoreAsync(hosts.Store(1), TestHosts.Deadline);

        ControlResponse status = await client.AskAsync(Ask(ControlVerb.Status), TestHosts.Deadline);
        MembershipSnapshot shown = status.Snapshot!;
        Assert.Equal(MembershipStatus.Ok, status.Status);
        Assert.Equal(hosts.Membership(1).CurrentView!.Epoch, shown.View!.Epoch);
        Assert.Equal([new NodeId(1), new NodeId(2)], shown.View.Members);
        Assert.Equal("Member", shown.Phase);
        Assert.Contains(shown.Past, static regroup => regroup.Stages.Count > 0 && regroup.Ended);
        Assert.Empty(shown.Journal);
        SnapshotCell cell = Assert.Single(Assert.Single(shown.Matrix, static row => row.Node == new NodeId(1)).Cells);
        Assert.NotNull(cell.Heard);

        Assert.NotEmpty((await client.AskAsync(Ask(ControlVerb.Journal), TestHosts.Deadline)).Snapshot!.Journal);
        Assert.Contains("Member", (await client.AskAsync(Ask(ControlVerb.Diagnose, "state"), TestHosts.Deadline)).Text, StringComparison.Ordinal);
        Assert.Equal(MembershipStatus.Fault, (await client.AskAsync(Ask(ControlVerb.Keys), TestHosts.Deadline)).Status);
        Assert.Equal(MembershipStatus.Fault, (await client.AskAsync(Ask("no-such-verb"), TestHosts.Deadline)).Status);
        Assert.Contains("1, 2", (await client.AskAsync(new ControlRequest { Verb = ControlVerb.Eject, Node = new NodeId(7) }, TestHosts.Deadline)).Message, StringComparison.Ordinal);

        Epoch before = hosts.Membership(1).CurrentView!.Epoch;
        Assert.Equal(MembershipStatus.Ok, (await client.AskAsync(Ask(ControlVerb.ForceRegroup), TestHosts.Deadline)).Status);
        Assert.True(hosts.Membership(1).CurrentView!.Epoch > before);

        Assert.Equal(MembershipStatus.Ok, (await client.AskAsync(Ask(ControlVerb.SwitchOver), TestHosts.Deadline)).Status);
        Assert.Equal(new NodeId(2), (await client.AskAsync(Ask(ControlVerb.Status), TestHosts.Deadline)).Snapshot!.View!.Master);
        Assert.Equal(MembershipStatus.NotMaster, (await client.AskAsync(Ask(ControlVerb.SwitchOver), TestHosts.Deadline)).Status);
        Assert.Equal(MembershipStatus.Ok, (await client.AskAsync(Ask(ControlVerb.Leave), TestHosts.Deadline)).Status);
        Assert.Null((await client.AskAsync(Ask(ControlVerb.Status), TestHosts.Deadline)).Snapshot!.View);
    }

    [Fact]
    public async Task The_socket_is_closed_to_everyone_but_the_nodes_own_user_and_is_gone_with_the_host()
    {
        var hosts = new TestHosts(1);
        await using (hosts)
        {
            await hosts.StartAsync();
            string path = ControlAddress.Default(hosts.Store(1));
            if (!OperatingSystem.IsWindows()) Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
            await hosts[1].StopAsync(TestHosts.Deadline);
            Assert.False(File.Exists(path));
            IOException none = await Assert.ThrowsAsync<IOException>(() => MembershipControlClient.ConnectToStoreAsync(hosts.Store(1), TestHosts.Deadline));
            Assert.Contains("is not running", none.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_socket_left_behind_by_a_killed_process_is_taken_over_and_one_that_is_served_is_not()
    {
        await using var hosts = new TestHosts(1);
        Directory.CreateDirectory(hosts.Store(1));
        string path = ControlAddress.Default(hosts.Store(1));
        using (var dead = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            // Closing removes the file that was bound; a kill does not, nor does it touch one with another name.
            dead.Bind(new UnixDomainSocketEndPoint(path + ".b"));
            File.Move(path + ".b", path);
        }
        Assert.True(File.Exists(path));
        await hosts.StartAsync();
        await using MembershipControlClient client = await MembershipControlClient.ConnectToStoreAsync(hosts.Store(1), TestHosts.Deadline);
        Assert.Equal(MembershipStatus.Ok, (await client.AskAsync(Ask(ControlVerb.Status), TestHosts.Deadline)).Status);

        await using var others = new TestHosts(1);
        await others.StartAsync(options => options.ControlSocket.Path = path);
        Assert.NotNull(others.Membership(1).CurrentView);
        Assert.Equal(hosts.Membership(1).CurrentView!.Id.ToString(), (await client.AskAsync(Ask(ControlVerb.Status), TestHosts.Deadline)).Snapshot!.View!.Id);
    }

    [Fact]
    public async Task Whatever_comes_over_the_socket_is_answered_or_closed_and_the_node_goes_on()
    {
        await using var hosts = new TestHosts(1);
        await hosts.StartAsync();
        string path = ControlAddress.Default(hosts.Store(1));
        byte[][] inputs =
        [
            [],
            [0],
            [0, 0, 0, 0],
            [0xff, 0xff, 0xff, 0xff],
            [0x7f, 0xff, 0xff, 0xff],
            Framed("null"),
            Framed("[]"),
            Framed("{"),
            Framed("{\"verb\":null}"),
            Framed("{\"verb\":\"status\",\"lines\":-1}"),
            Framed("{\"verb\":\"status\",\"timeoutMs\":1e300}"),
            Framed("{\"verb\":\"status\",\"timeoutMs\":-5}"),
            Framed("{\"verb\":\"eject\",\"node\":-1}"),
            Framed("{\"verb\":\"eject\",\"node\":\"x\"}"),
            Framed("{\"verb\":\"diag\",\"text\":\"" + new string('x', 5000) + "\"}"),
            Framed(new string('[', 5000)),
            Framed("{\"verb\":\"" + new string('v', 60_000) + "\"}"),
            [.. Framed("{\"verb\":\"status\"}").Take(9)],
        ];
        foreach (byte[] input in inputs) await SendAsync(path, input);
        var random = new Random(4711);
        for (int i = 0; i < 40; i++)
        {
            var garbage = new byte[random.Next(1, 200)];
            random.NextBytes(garbage);
            if (i % 2 == 0) BinaryPrimitives.WriteInt32BigEndian(garbage.Length < 4 ? garbage = new byte[8] : garbage, garbage.Length - 4);
            await SendAsync(path, garbage);
        }

        await using MembershipControlClient client = await MembershipControlClient.ConnectAsync(path, TestHosts.Deadline);
        Assert.Equal(MembershipStatus.Ok, (await client.AskAsync(Ask(ControlVerb.Status), TestHosts.Deadline)).Status);
        Assert.False(hosts.Membership(1).Halted.IsCompleted);
        Assert.True(hosts.Membership(1).Lease.IsValid);
    }

    [Fact]
    public async Task Connections_that_say_nothing_leave_room_for_others_again_when_they_go()
    {
        await using var hosts = new TestHosts(1);
        await hosts.StartAsync();
        string path = ControlAddress.Default(hosts.Store(1));
        var silent = new List<Socket>();
        for (int i = 0; i < 24; i++)
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), TestHosts.Deadline);
            silent.Add(socket);
        }
        Assert.True(hosts.Membership(1).Lease.IsValid);
        foreach (Socket socket in silent) socket.Dispose();
        await using MembershipControlClient client = await MembershipControlClient.ConnectAsync(path, TestHosts.Deadline);
        Assert.Equal(MembershipStatus.Ok, (await client.AskAsync(Ask(ControlVerb.Status), TestHosts.Deadline)).Status);
    }

    [Fact]
    public async Task Keys_are_rotated_over_the_sockets_without_a_restart_and_never_shown()
    {
        string first = Convert.ToBase64String(RandomNumberGenerator.GetBytes(32)), second = Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));
        await using var hosts = new TestHosts(2);
        await hosts.StartAsync(options =>
        {
            options.AllowTwoNodesWithoutTieBreaker = true;
            options.AllowPlainText = false;
            options.Keys = [first];
        });
        Epoch epoch = hosts.Membership(1).CurrentView!.Epoch;
        await using MembershipControlClient one = await MembershipControlClient.ConnectToStoreAsync(hosts.Store(1), TestHosts.Deadline);
        await using MembershipControlClient two = await MembershipControlClient.ConnectToStoreAsync(hosts.Store(2), TestHosts.Deadline);
        string old = Assert.Single((await one.AskAsync(Ask(ControlVerb.Keys), TestHosts.Deadline)).Keys!);
        foreach (string order in (string[])["accept " + second, "use " + second, "drop " + old])
            foreach (MembershipControlClient client in (MembershipControlClient[])[one, two])
            {
                ControlResponse response = await client.AskAsync(Ask(ControlVerb.Keys, order), TestHosts.Deadline);
                Assert.Equal(MembershipStatus.Ok, response.Status);
                Assert.DoesNotContain(second, response.Message, StringComparison.Ordinal);
            }
        Assert.NotEqual(old, Assert.Single((await one.AskAsync(Ask(ControlVerb.Keys), TestHosts.Deadline)).Keys!));
        long heard = (await one.AskAsync(Ask(ControlVerb.Status), TestHosts.Deadline)).Snapshot!.Counters.MessagesDelivered;
        await TestHosts.UntilAsync("messages under the new key", () => one.AskAsync(Ask(ControlVerb.Status), TestHosts.Deadline).Result.Snapshot!.Counters.MessagesDelivered > heard + 5);
        Assert.True(hosts.Membership(1).CurrentView!.Epoch >= epoch);
        Assert.Equal(MembershipStatus.Fault, (await one.AskAsync(Ask(ControlVerb.Keys, "accept short"), TestHosts.Deadline)).Status);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(64 * 1024 + 1)]
    [InlineData(int.MaxValue)]
    public async Task A_length_that_no_request_has_is_refused_before_any_of_it_is_waited_for(int length)
    {
        await using var hosts = new TestHosts(1);
        await hosts.StartAsync();
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(ControlAddress.Default(hosts.Store(1))), TestHosts.Deadline);
        var announced = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(announced, length);
        await socket.SendAsync(announced, TestHosts.Deadline);
        var answer = new byte[4096];
        int read = await socket.ReceiveAsync(answer, TestHosts.Deadline);
        Assert.Contains("1 to 65536 are taken", Encoding.UTF8.GetString(answer, 0, read), StringComparison.Ordinal);
        Assert.Equal(0, await socket.ReceiveAsync(answer, TestHosts.Deadline));
    }

    private static byte[] Framed(string text)
    {
        byte[] content = Encoding.UTF8.GetBytes(text), frame = new byte[4 + content.Length];
        BinaryPrimitives.WriteInt32BigEndian(frame, content.Length);
        content.CopyTo(frame, 4);
        return frame;
    }

    /// <summary>Sends and half-closes; the other end must come to an end, too.</summary>
    private static async Task SendAsync(string path, byte[] input)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), TestHosts.Deadline);
        await socket.SendAsync(input, TestHosts.Deadline);
        socket.Shutdown(SocketShutdown.Send);
        var answer = new byte[64 * 1024];
        try
        {
            while (await socket.ReceiveAsync(answer, TestHosts.Deadline) > 0)
            {
            }
        }
        catch (SocketException reset) when (reset.SocketErrorCode == SocketError.ConnectionReset)
        {
            // Closed with input unread: as good as closed.
        }
    }
}
