// An attacker who owns the network between real nodes, and has no key: he keeps what he hears, sends it again, changes it, holds it back
// until its sender has another life. Nothing of it is acted upon, and every kind is counted.
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Membership.Engine.Runtime;
using Membership.Engine.Wire;
using Xunit;

namespace Membership.Engine.Tests.Runtime;

public sealed class AttackerTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Who_records_repeats_changes_and_withholds_datagrams_moves_no_view_and_takes_no_lease()
    {
        using var attacker = new Attacker();
        LocalCluster? made = null;
        await using var cluster = new LocalCluster(3, options => options.Self == 3 ? options with { Nodes = [.. made!.Addresses.Select(address => address.Number == 3 ? address : new MembershipNodeAddress(address.Number, [attacker.Before(address.Endpoints[0])]))] } : options);
        made = cluster;
        await cluster.FormAsync();
        ClusterView formed = await cluster.AllSeeAsync(1, 2, 3);
        attacker.Attacks = true;
        await cluster.EventuallyAsync(() => new[] { DatagramDropReason.Replayed, DatagramDropReason.AuthenticationFailed, DatagramDropReason.WrongReceiver }.All(reason => Dropped(cluster, reason) > 60) && attacker.Withheld > 5);
        Assert.All(cluster.Nodes, static node => Assert.True(node.Lease.IsValid || node.Lease.IsHeld));
        Assert.Equal(formed.Id, (await cluster.AllSeeAsync(1, 2, 3)).Id);

        // What he held back was never seen by anybody: now it is of a former life.
        attacker.Attacks = false;
        await cluster.Nodes[2].DisposeAsync();
        await cluster.AllSeeAsync(1, 2);
        await cluster.StartAsync(3);
        ClusterView again = await cluster.AllSeeAsync(1, 2, 3);
        attacker.SendWithheld();
        await cluster.EventuallyAsync(() => Dropped(cluster, DatagramDropReason.OldIncarnation) > 2);
        await Task.Delay(LocalCluster.Timing.LossPeriod, Cancel);
        Assert.Equal(again.Id, (await cluster.AllSeeAsync(1, 2, 3)).Id);
    }

    private static long Dropped(LocalCluster cluster, DatagramDropReason reason) => cluster.Nodes[..2].Sum(node => node.GetCounters().DatagramsDropped.GetValueOrDefault(reason));

    private sealed class Attacker : IDisposable
    {
        private readonly List<(Socket Socket, EndPoint Target)> _paths = [];
        private readonly List<Thread> _threads = [];
        private readonly ConcurrentQueue<(int Path, byte[] Datagram)> _withheld = new();
        private readonly List<byte[]> _heard = [];

        public volatile bool Attacks;

        public int Withheld => _withheld.Count;

        /// <summary>An address in front of a node's own.</summary>
        public string Before(string endpoint)
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            int path;
            lock (_paths)
            {
                path = _paths.Count;
                _paths.Add((socket, IPEndPoint.Parse(endpoint)));
            }
            var thread = new Thread(() => Run(path)) { IsBackground = true };
            _threads.Add(thread);
            thread.Start();
            return socket.LocalEndPoint!.ToString()!;
        }

        public int SendWithheld()
        {
            int sent = 0;
            for (; _withheld.TryDequeue(out (int Path, byte[] Datagram) one); sent++) Send(one.Path, one.Datagram);
            return sent;
        }

        public void Dispose()
        {
            foreach ((Socket socket, _) in _paths) socket.Dispose();
            foreach (Thread thread in _threads) thread.Join();
        }

        private void Run(int path)
        {
            var random = new Random(path);
            var buffer = new byte[DatagramSealer.MaxDatagramSize];
            while (true)
            {
                byte[] datagram;
                try
                {
                    datagram = buffer[.._paths[path].Socket.Receive(buffer)];
                }
                catch (SocketException refused) when (refused.SocketErrorCode == SocketError.ConnectionRefused)
                {
                    continue;
                }
                catch (Exception closed) when (closed is SocketException or ObjectDisposedException)
                {
                    return;
                }
                if (Attacks && random.Next(5) == 0)
                {
                    _withheld.Enqueue((path, datagram));
                    continue;
                }
                Send(path, datagram);
                if (!Attacks) continue;
                byte[][] old;
                lock (_heard)
                {
                    _heard.Add(datagram);
                    old = [.. Enumerable.Range(0, 6).Select(_ => _heard[random.Next(_heard.Count)])];
                }
                foreach (byte[] one in old)
                {
                    // The same again, to whomever; and the same with a changed bit behind what is read without the key.
                    Send(random.Next(2) == 0 ? path : random.Next(_paths.Count), one);
                    byte[] changed = [.. one];
                    changed[random.Next(DatagramHeader.Size, changed.Length)] ^= (byte)(1 << random.Next(8));
                    // With a counter that was never used, or it would be a repetition first.
                    changed[48 + 5] ^= 1;
                    Send(path, changed);
                }
            }
        }

        private void Send(int path, byte[] datagram)
        {
            try
            {
                _paths[path].Socket.SendTo(datagram, _paths[path].Target);
            }
            catch (Exception closed) when (closed is SocketException or ObjectDisposedException)
            {
                // Lost, as a datagram may be.
            }
        }
    }
}
