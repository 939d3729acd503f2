// A node's former lives: a new store counts below them, or somebody without a key says once more what it said in those lives. The first must
// get in all the same, the second must not keep it out.
using System.Net;
using System.Net.Sockets;
using Membership.Engine.Protocol;
using Membership.Engine.Runtime;
using Membership.Engine.Storage;
using Membership.Engine.Wire;
using Xunit;

namespace Membership.Engine.Tests.Runtime;

public sealed class FormerLivesTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>With a wall clock that was behind when the new store was made.</summary>
    [Fact]
    public async Task A_new_store_that_begins_to_count_below_a_former_life_is_told_and_let_in()
    {
        await using var cluster = new LocalCluster(3);
        await cluster.FormAsync();
        await cluster.StopAsync(3);
        Directory.Delete(cluster.StoreOf(3), recursive: true);
        Directory.CreateDirectory(cluster.StoreOf(3));
        await File.WriteAllBytesAsync(Path.Combine(cluster.StoreOf(3), "view"), ViewStoreFormat.Encode("test", new NodeId(3), 1, StoredState.Empty(77)), Cancel);
        await cluster.StartAsync(3);
        Assert.True((await cluster.AllSeeAsync(1, 2, 3)).Find(new NodeId(3)).Incarnation.Value > 1000);
    }

    [Fact]
    public async Task Who_repeats_what_a_node_said_in_its_former_lives_does_not_keep_it_out()
    {
        using var listener = new Listener();
        LocalCluster? made = null;
        await using var cluster = new LocalCluster(3, options => options.Self == 3 ? options with { Nodes = [.. made!.Addresses.Select(address => address.Number == 3 ? address : new MembershipNodeAddress(address.Number, [listener.Before(address.Endpoints[0])]))] } : options);
        made = cluster;
        await cluster.FormAsync();
        for (int life = 0; life < 3; life++)
        {
            await cluster.StopAsync(3);
            await cluster.StartAsync(3);
            await cluster.AllSeeAsync(1, 2, 3);
        }
        Incarnation former = cluster.Nodes[2].CurrentView!.Find(new NodeId(3)).Incarnation;
        await cluster.StopAsync(3);
        listener.Repeats = true;
        await cluster.StartAsync(3);
        ClusterView view = await cluster.AllSeeAsync(1, 2, 3);
        Assert.Equal(former.Next, view.Find(new NodeId(3)).Incarnation);
    }

    /// <summary>Passes on what a node sends, keeps all of it by the start that said it, and can say it all again, start by start, without end.</summary>
    private sealed class Listener : IDisposable
    {
        private const int FirstWords = 20;

        private readonly List<Socket> _sockets = [];
        private readonly List<Thread> _threads = [];

        public volatile bool Repeats;

        /// <summary>An address in front of a node's own.</summary>
        public string Before(string endpoint)
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp) { ReceiveTimeout = 20 };
            socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            var thread = new Thread(() => Run(socket, IPEndPoint.Parse(endpoint))) { IsBackground = true };
            lock (_sockets)
            {
                _sockets.Add(socket);
                _threads.Add(thread);
            }
            thread.Start();
            return socket.LocalEndPoint!.ToString()!;
        }

        public void Dispose()
        {
            foreach (Socket socket in _sockets) socket.Dispose();
            foreach (Thread thread in _threads) thread.Join();
        }

        private void Run(Socket socket, IPEndPoint target)
        {
            var lives = new List<(UInt128 Start, List<byte[]> Said)>();
            var buffer = new byte[DatagramSealer.MaxDatagramSize];
            while (true)
            {
                try
                {
                    if (Repeats)
                        foreach ((_, List<byte[]> said) in lives)
                            foreach (byte[] datagram in said) socket.SendTo(datagram, target);
                    byte[] heard = buffer[..socket.Receive(buffer)];
                    socket.SendTo(heard, target);
                    if (Repeats || DatagramHeader.TryRead(heard, out DatagramHeader header) != DatagramDropReason.None) continue;
                    if (lives is [] || lives[^1].Start != header.StartId) lives.Add((header.StartId, []));
                    // A node's first words in a life ask to be let in.
                    if (lives[^1].Said.Count < FirstWords) lives[^1].Said.Add(heard);
                }
                catch (SocketException nothing) when (nothing.SocketErrorCode is SocketError.TimedOut or SocketError.WouldBlock or SocketError.ConnectionRefused)
                {
                    // Nobody said anything, or nobody is there.
                }
                catch (Exception closed) when (closed is SocketException or ObjectDisposedException)
                {
                    return;
                }
            }
        }
    }
}
