// A whole node in a process of its own, which serves whenever its lease allows and remembers when, on the clock that
// all processes of the machine share.
using System.Globalization;
using Membership.Engine.Arbitration;
using Membership.Engine.Runtime;
using Membership.Engine.Wire;

namespace Membership.Engine.Tests.Runtime;

internal static class NodeChild
{
    /// <summary>Arguments: number, ports by number, directory, key, witness directory or "-".</summary>
    public static void ChildMain(string[] args) => RunAsync(args).GetAwaiter().GetResult();

    private static async Task RunAsync(string[] args)
    {
        int self = int.Parse(args[0], CultureInfo.InvariantCulture);
        int number = 0;
        var options = new MembershipNodeOptions
        {
            ClusterId = "children",
            Self = self,
            Nodes = [.. args[1].Split(',').Select(port => new MembershipNodeAddress(++number, [$"127.0.0.1:{port}"]))],
            StoreDirectory = args[2],
            Timing = LocalCluster.Timing,
            Keys = KeyRing.FromBase64(args[3]),
            Bootstrap = true,
        };
        IQuorumArbiter? arbiter = args[4] == "-" ? null : new WitnessFileArbiter(new WitnessFileOptions
        {
            Directory = args[4],
            OwnershipPeriod = TimeSpan.FromSeconds(1),
            RenewInterval = TimeSpan.FromMilliseconds(250),
            CallDeadline = TimeSpan.FromSeconds(5),
        });
        await using var node = new MembershipNode(options, arbiter);
        _ = node.Halted.ContinueWith(static halted => Say($"halt {halted.Result.Code}"), TaskScheduler.Default);
        await node.StartAsync();
        _ = Task.Run(async () =>
        {
            await foreach (ClusterView view in node.ViewsAsync()) Say($"view {view.Epoch} {view.Nodes}");
        });
        var serving = new Thread(() => Serve(node)) { IsBackground = true };
        serving.Start();
        Say("started");
        while (await Console.In.ReadLineAsync() is { } line)
            if (line == "quit") return;
    }

    // Uses the thing whenever the lease, checked after the time was taken, says yes; says so at its first and last use of an epoch.
    private static void Serve(MembershipNode node)
    {
        long first = 0, last = 0;
        Epoch epoch = default;
        var spoken = MonotonicTime.MinValue;
        while (true)
        {
            MonotonicTime now = MonotonicClock.System.Now;
            MembershipLease lease = node.Lease;
            bool valid = lease.IsValid;
            if (first != 0 && (!valid || lease.Epoch != epoch))
            {
                Say($"served {epoch} {first} {last}");
                first = 0;
            }
            if (valid)
            {
                if (first == 0)
                {
                    (first, epoch) = (now.Ticks, lease.Epoch);
                    Say($"serving {epoch} {first}");
                }
                last = now.Ticks;
                if (now - spoken > TimeSpan.FromMilliseconds(20))
                {
                    spoken = now;
                    Say($"served {epoch} {first} {last}");
                }
            }
            Thread.Sleep(1);
        }
    }

    private static void Say(string line)
    {
        lock (Console.Out)
        {
            Console.Out.WriteLine(line);
            Console.Out.Flush();
        }
    }
}
