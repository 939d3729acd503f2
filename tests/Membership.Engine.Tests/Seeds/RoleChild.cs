// A whole node in a process of its own that says every change notification it gets, answers queries, and does what the
// lines on its standard input say.
using System.Globalization;
using Membership.Engine.Runtime;
using Membership.Engine.Wire;

namespace Membership.Engine.Tests.Seeds;

internal static class RoleChild
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    /// <summary>Arguments: number, ports by number, directory, key, clock period in ms, "in" (disqualified) or "qualified", stale after this many ms.</summary>
    public static void ChildMain(string[] args) => RunAsync(args).GetAwaiter().GetResult();

    private static async Task RunAsync(string[] args)
    {
        int number = 0;
        var options = new MembershipNodeOptions
        {
            ClusterId = "roles",
            Self = int.Parse(args[0], CultureInfo.InvariantCulture),
            Nodes = [.. args[1].Split(',').Select(port => new MembershipNodeAddress(++number, [$"127.0.0.1:{port}"]))],
            StoreDirectory = args[2],
            Timing = new ClusterTiming(TimeSpan.FromMilliseconds(int.Parse(args[4], CultureInfo.InvariantCulture)), 4, 2),
            Keys = KeyRing.FromBase64(args[3]),
            Bootstrap = true,
            Qualified = args[5] == "qualified",
            MembershipFrameInterval = TimeSpan.FromMilliseconds(300),
            StaleAfter = TimeSpan.FromMilliseconds(int.Parse(args[6], CultureInfo.InvariantCulture)),
            AllowDiagnosticFaults = true,
        };
        await using var node = new MembershipNode(options);
        _ = node.Halted.ContinueWith(static halted => Say($"halt {halted.Result.Code}"), TaskScheduler.Default);
        await using ClusterChangeRegistration registration = node.Register(static (change, _) =>
        {
            Say($"change {change}");
            return default;
        });
        while (await Console.In.ReadLineAsync() is { } line)
        {
            string[] words = line.Split(' ');
            switch (words[0])
            {
                case "start":
                    await node.StartAsync();
                    break;
                case "force":
                    await node.StartByForceAsync("the test's order");
                    break;
                case "fault":
                    Say($"done {line} {await node.DiagnoseAsync(line)}");
                    break;
                case "qualify" or "disqualify":
                    _ = SayWhenDone(line, node.SetQualificationAsync(new NodeId(int.Parse(words[1], CultureInfo.InvariantCulture)), words[0] == "qualify"));
                    break;
                case "release":
                    _ = SayWhenDone(line, node.ReleaseMastershipAsync());
                    break;
                case "leave":
                    _ = SayWhenDone(line, node.LeaveAsync());
                    break;
                case "ask":
                    Say($"asked {await AskAsync(node)}");
                    break;
                case "quit":
                    return;
            }
        }
    }

    private static async Task SayWhenDone(string what, Task<MembershipStatus> request) => Say($"done {what} {await request}");

    private static async Task<string> AskAsync(MembershipNode node)
    {
        MembershipAnswer<ClusterMemberInfo> master = await node.GetMasterAsync(Limit), vice = await node.GetViceMasterAsync(Limit);
        MembershipAnswer<IReadOnlyList<ClusterMemberInfo>> potential = await node.GetPotentialMembersAsync(Limit);
        string roles = string.Join(' ', potential.Value?.Select(static member => $"{member.Node}={member.Role}{(member.IsQualified ? "" : "!")}") ?? []);
        return $"{master.Status} {master.Value?.Node.Value ?? 0} {vice.Value?.Node.Value ?? 0} {(await node.GetMemberCountAsync(Limit)).Value} {roles}";
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
