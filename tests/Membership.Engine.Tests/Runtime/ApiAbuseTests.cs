// The public calls of a node in every order and from many threads: each is answered, none of them breaks the node.
using Membership.Engine.Runtime;
using Xunit;

namespace Membership.Engine.Tests.Runtime;

[Collection(nameof(MembershipNodeTests))]
public sealed class ApiAbuseTests
{
    private static readonly NodeId[] Strangers = [NodeId.Invalid, new(1), new(2), new(7), new(NodeId.MaxValue)];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_node_that_has_left_can_be_started_again_at_once_and_again_and_again()
    {
        await using var cluster = new LocalCluster(1);
        MembershipNode node = await cluster.StartAsync(1);
        for (int round = 0; round < 200; round++)
        {
            Assert.Equal(MembershipStatus.Ok, await node.LeaveAsync(Cancel));
            await node.StartAsync(Cancel);
        }
        await node.WaitForViewAsync(Cancel).WaitAsync(TimeSpan.FromSeconds(30), Cancel);
    }

    [Fact]
    public async Task Calls_from_many_threads_with_any_node_number_are_all_answered()
    {
        await using var cluster = new LocalCluster(3);
        await cluster.FormAsync();
        MembershipNode node = cluster.Nodes[0];
        using var enough = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        Task[] callers = [.. Enumerable.Range(0, 8).Select(seed => Task.Run(async () =>
        {
            var random = new Random(seed);
            while (!enough.IsCancellationRequested)
            {
                NodeId other = Strangers[random.Next(Strangers.Length)];
                switch (random.Next(6))
                {
                    case 0: node.NodeUnreachable(other == new NodeId(2) ? NodeId.Invalid : other); break;
                    case 1: await node.SetRegroupAllowedAsync(true, Cancel); break;
                    case 2: await node.ForceRegroupAsync(Cancel); break;
                    case 3 when other != new NodeId(2): await node.EjectAsync(other, Cancel); break;
                    case 4: _ = (node.RoleOf(other), node.IsNodeUp(other), node.GetCounters(), node.Journal, node.Lease.Remaining, node.Lease.IsHeld); break;
                    default:
                        await foreach (ClusterView _ in node.ViewsAsync(Cancel)) break;
                        break;
                }
            }
        }, Cancel))];
        await Task.WhenAll(callers).WaitAsync(TimeSpan.FromSeconds(30), Cancel);
        Assert.False(node.Halted.IsCompleted, node.Halted.IsCompleted ? (await node.Halted).ToString() : "");
        await cluster.AllSeeAsync(1, 2, 3);
    }

    [Fact]
    public async Task Disposing_while_it_starts_and_twice_at_once_frees_everything()
    {
        await using var cluster = new LocalCluster(1, witness: true);
        for (int round = 0; round < 20; round++)
        {
            MembershipNode node = cluster.Create(1);
            Task starting = node.StartAsync(Cancel);
            if (round % 2 == 0) await Task.Yield();
            await Task.WhenAll(Task.Run(() => node.DisposeAsync().AsTask(), Cancel), Task.Run(() => node.DisposeAsync().AsTask(), Cancel)).WaitAsync(TimeSpan.FromSeconds(20), Cancel);
            await starting.ContinueWith(static ended => _ = ended.Exception, TaskScheduler.Default);
            Assert.True(starting.IsCompletedSuccessfully || starting.Exception!.GetBaseException() is ObjectDisposedException, starting.Exception?.ToString());
            Assert.Null(node.CurrentView);
            Assert.False(node.Lease.IsValid);
            await Assert.ThrowsAsync<ObjectDisposedException>(() => node.StartAsync(Cancel));
        }
        await cluster.FormAsync();
    }

    [Fact]
    public async Task A_start_that_is_cancelled_at_any_moment_leaves_nothing_open()
    {
        await using var cluster = new LocalCluster(1, witness: true);
        int cancelled = 0;
        for (int round = 0; round < 20; round++)
        {
            MembershipNode node = cluster.Create(1);
            using var soon = new CancellationTokenSource();
            Task starting = node.StartAsync(soon.Token);
            for (int step = 0; step < round; step++) await Task.Yield();
            await soon.CancelAsync();
            try
            {
                await starting;
            }
            catch (OperationCanceledException)
            {
                cancelled++;
                await node.StartAsync(Cancel); // port, store and lock are free again
            }
            await node.DisposeAsync();
        }
        Assert.NotEqual(0, cancelled);
    }
}
