// A node that begins again without what it wrote: its disk was lost, or an old copy was put in its place. The others let it in as a new life,
// and somebody without a key who recorded its former life and now plays the others' part to it gets nowhere.
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Membership.Engine.Runtime;
using Membership.Engine.Storage;
using Membership.Engine.Wire;
using Xunit;

namespace Membership.Engine.Tests.Runtime;

public sealed class LostDiskTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_node_whose_disk_was_lost_is_let_in_as_a_new_life()
    {
        await using var cluster = new LocalCluster(3);
        await cluster.FormAsync();
        await cluster.StopAsync(3);
        await cluster.StartAsync(3);
        Incarnation former = (await cluster.AllSeeAsync(1, 2, 3)).Find(new NodeId(3)).Incarnation;
        await cluster.StopAsync(3);
        Directory.Delete(cluster.StoreOf(3), recursive: true);
        // Lives are begun by the second: nobody loses a disk in the one in which it was made.
        DateTime made = DateTime.UtcNow;
        await cluster.EventuallyAsync(() => DateTime.UtcNow - made > TimeSpan.FromSeconds(2));
        await cluster.StartAsync(3);
        Assert.True((await cluster.AllSeeAsync(1, 2, 3)).Find(new NodeId(3)).Incarnation > former);
    }

    /// <summary>Lost: a new store begins above all former lives, so that nothing fits. Put back: the lives are the same again, and what is left is that nobody's old acknowledgement makes a lease.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_the_others_said_to_a_former_life_and_was_recorded_gives_no_lease_to_one_that_begins_again(bool putBack)
    {
        using var recorder = new Recorder();
        LocalCluster? made = null;
        await using var cluster = new LocalCluster(3, options => options with { Nodes = [.. made!.Addresses.Select(address => (options.Self == 3) == (address.Number == 3) ? address : new MembershipNodeAddress(address.Number, [recorder.Between(options.Self, address.Number, address.Endpoints[0])]))] });
        made = cluster;
        using (ViewStore.Open(cluster.StoreOf(3), "test", new NodeId(3)))
        {
        }
        byte[] first = await File.ReadAllBytesAsync(Path.Combine(cluster.StoreOf(3), "view"), Cancel);
        await cluster.StartAsync(1);
        await cluster.StartAsync(2);
        await cluster.AllSeeAsync(1, 2);
        await cluster.StartAsync(3);
        await cluster.AllSeeAsync(1, 2, 3);
        await cluster.EventuallyAsync(() => recorder.Recorded > 12);

        // From here on it hears nobody but the recorder; the others go on without it.
        recorder.Plays = true;
        await cluster.Nodes[2].DisposeAsync();
        ClusterView without = await cluster.AllSeeAsync(1, 2);
        Directory.Delete(cluster.StoreOf(3), recursive: true);
        if (putBack)
        {
            Directory.CreateDirectory(cluster.StoreOf(3));
            await File.WriteAllBytesAsync(Path.Combine(cluster.StoreOf(3), "view"), first, Cancel);
        }
        MembershipNode again = await cluster.StartAsync(3);
        bool served = false;
        await cluster.EventuallyAsync(() => (served |= again.Lease.IsValid) || recorder.Played == recorder.Recorded || (recorder.Played > 4 && recorder.IsSilent(LocalCluster.Timing.LossPeriod)));
        Assert.False(served);
        Assert.Equal(without.Id, (await cluster.AllSeeAsync(1, 2)).Id);
        if (!putBack) Assert.Null(again.CurrentView);
    }

    /// <summary>Stands between node 3 and the others; first passes everything on and keeps it, then answers each message of node 3 with what it heard after as many of them.</summary>
    private sealed class Recorder : IDisposable
    {
        private readonly List<Socket> _sockets = [];
        private readonly List<Thread> _threads = [];
        private readonly ConcurrentDictionary<int, Conversation> _with = new();
        private int _recorded;
        private int _played;
        private long _lastPlayed;

        public volatile bool Plays;

        public int Recorded => Volatile.Read(ref _recorded);

        public int Played => Volatile.Read(ref _played);

        public bool IsSilent(TimeSpan time) => MonotonicClock.System.Now.Ticks - Volatile.Read(ref _lastPlayed) > time.Ticks;

        /// <summary>The address under which one node reaches another.</summary>
        public string Between(int from, int to, string endpoint)
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            Conversation conversation = _with.GetOrAdd(from == 3 ? to : from, static _ => new Conversation());
            if (to == 3) conversation.NodeThree = IPEndPoint.Parse(endpoint);
            var thread = new Thread(() => Run(socket, conversation, from == 3, IPEndPoint.Parse(endpoint))) { IsBackground = true };
            lock (_threads)
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

        private void Run(Socket socket, Conversation conversation, bool fromThree, EndPoint target)
        {
            var buffer = new byte[DatagramSealer.MaxDatagramSize];
            while (true)
            {
                try
                {
                    byte[] datagram = buffer[..socket.Receive(buffer)];
                    if (DatagramHeader.TryRead(datagram, out DatagramHeader header) != DatagramDropReason.None) continue;
                    lock (conversation)
                    {
                        if (Plays)
                        {
                            if (fromThree) Play(socket, conversation, header.Counter);
                            continue;
                        }
                        // The clear header counts.
                        if (fromThree) conversation.Asked = header.Counter;
                        else if (conversation.Asked > 0)
                        {
                            conversation.Said.Add((conversation.Asked, datagram));
                            Interlocked.Increment(ref _recorded);
                        }
                    }
                    socket.SendTo(datagram, target);
                }
                catch (SocketException refused) when (refused.SocketErrorCode == SocketError.ConnectionRefused)
                {
                    // Nobody is there just now.
                }
                catch (Exception closed) when (closed is SocketException or ObjectDisposedException)
                {
                    return;
                }
            }
        }

        private void Play(Socket socket, Conversation conversation, ulong asked)
        {
            for (; conversation.Next < conversation.Said.Count && conversation.Said[conversation.Next].After <= asked; conversation.Next++)
            {
                socket.SendTo(conversation.Said[conversation.Next].Datagram, conversation.NodeThree!);
                Interlocked.Increment(ref _played);
                Volatile.Write(ref _lastPlayed, MonotonicClock.System.Now.Ticks);
            }
        }

        private sealed class Conversation
        {
            public List<(ulong After, byte[] Datagram)> Said { get; } = [];

            public EndPoint? NodeThree { get; set; }

            public ulong Asked { get; set; }

            public int Next { get; set; }
        }
    }
}
