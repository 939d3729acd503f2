// Real nodes on loopback in one process, each with its own ports and store; tests start, stop and watch them.
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Failover.Demo;
using Membership.Engine.Arbitration;
using Membership.Engine.Runtime;
using Membership.Engine.Wire;
using Xunit;

namespace Membership.Engine.Tests.Runtime;

internal sealed class LocalCluster : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>L = 800 ms: a busy build machine that holds a process up for half a second must not remove a healthy node.</summary>
    public static readonly ClusterTiming Timing = new(TimeSpan.FromMilliseconds(100), 4, 2);

    private readonly TestDirectory _directory = new();
    private readonly KeyRing _keys = KeyRing.Generate();
    private readonly List<MembershipNode> _everStarted = [];
    private readonly MembershipNodeAddress[] _addresses;

    public LocalCluster(int count, Func<MembershipNodeOptions, MembershipNodeOptions>? change = null, bool witness = false, bool secondPath = false)
    {
        Change = change ?? (static options => options);
        Witness = witness;
        int[] ports = FreePorts.Find(count);
        _addresses = [.. Enumerable.Range(1, count).Select(number =>
        {
            string port = ports[number - 1].ToString(CultureInfo.InvariantCulture);
            return new MembershipNodeAddress(number, secondPath ? ["127.0.0.1:" + port, "[::1]:" + port] : ["127.0.0.1:" + port]);
        })];
        Nodes = new MembershipNode[count];
    }

    public Func<MembershipNodeOptions, MembershipNodeOptions> Change { get; }

    public bool Witness { get; }

    public IReadOnlyList<MembershipNodeAddress> Addresses => _addresses;

    /// <summary>By number less one.</summary>
    public MembershipNode[] Nodes { get; }

    public string StoreOf(int number) => _directory.At($"node{number}");

    public string WitnessDirectory => _directory.At("witness");

    public MembershipNodeOptions OptionsOf(int number) => Change(new MembershipNodeOptions
    {
        ClusterId = "test",
        Self = number,
        Nodes = _addresses,
        StoreDirectory = StoreOf(number),
        Timing = Timing,
        Keys = _keys,
        Bootstrap = true,
    });

    public MembershipNode Create(int number, IMembershipCallbacks? callbacks = null, IQuorumArbiter? arbiter = null)
    {
        arbiter ??= Witness
            ? new WitnessFileArbiter(new WitnessFileOptions { Directory = WitnessDirectory, OwnershipPeriod = TimeSpan.FromSeconds(1), RenewInterval = TimeSpan.FromMilliseconds(250), CallDeadline = TimeSpan.FromSeconds(5) })
            : null;
        var node = new MembershipNode(OptionsOf(number), arbiter, callbacks);
        _everStarted.Add(node);
        return Nodes[number - 1] = node;
    }

    public async Task<MembershipNode> StartAsync(int number, IMembershipCallbacks? callbacks = null)
    {
        MembershipNode node = Create(number, callbacks);
        await node.StartAsync();
        return node;
    }

    public async Task<MembershipNode> StartAsync(int number, IQuorumArbiter arbiter)
    {
        MembershipNode node = Create(number, null, arbiter);
        await node.StartAsync();
        return node;
    }

    /// <summary>Starts all and waits until all are in one view.</summary>
    public async Task FormAsync(Func<int, IMembershipCallbacks?>? callbacks = null)
    {
        for (int number = 1; number <= Nodes.Length; number++) await StartAsync(number, callbacks?.Invoke(number));
        await AllSeeAsync([.. Enumerable.Range(1, Nodes.Length)]);
    }

    /// <summary>A node leaves and ends; then all others are in one view without it.</summary>
    public async Task StopAsync(int number)
    {
        await Nodes[number - 1].LeaveAsync(TestContext.Current.CancellationToken);
        await Nodes[number - 1].DisposeAsync();
        await AllSeeAsync([.. Addresses.Select(static address => address.Number).Where(other => other != number)]);
    }

    /// <summary>Waits until the given nodes are in one installed view of exactly themselves, with valid leases.</summary>
    public async Task<ClusterView> AllSeeAsync(params int[] numbers)
    {
        NodeSet expected = NodeSet.Of(numbers);
        MembershipNode[] nodes = [.. numbers.Select(number => Nodes[number - 1])];
        await EventuallyAsync(
            () => nodes.All(node => node.CurrentView is { } view && view.Nodes == expected && view.Id == nodes[0].CurrentView?.Id && node.Lease.IsValid && node.Lease.Epoch == view.Epoch),
            () => $"nodes {expected} are not in one view: {string.Join(", ", nodes.Select(static node => $"{node.Self}: {node.CurrentView} lease {node.Lease.Epoch} {node.Lease.IsValid}"))}");
        return nodes[0].CurrentView!;
    }

    /// <summary>Polls a real condition, with a deadline.</summary>
    public async Task EventuallyAsync(Func<bool> condition, Func<string>? otherwise = null)
    {
        MonotonicTime end = MonotonicClock.System.Now + Patience;
        while (!condition())
        {
            if (MonotonicClock.System.Now >= end)
                Assert.Fail((otherwise?.Invoke() ?? "the condition did not come true") + Environment.NewLine + Journals());
            await Task.Delay(5);
        }
    }

    public string Journals() => string.Join(
        Environment.NewLine, Nodes.Where(static node => node is not null).SelectMany(static node => node.Journal.TakeLast(40).Select(line => $"  {node.Self} {line.SinceStart.TotalMilliseconds,8:0} {line.Text}")));

    public async ValueTask DisposeAsync()
    {
        foreach (MembershipNode node in _everStarted) await node.DisposeAsync();
        _directory.Dispose();
    }
}
