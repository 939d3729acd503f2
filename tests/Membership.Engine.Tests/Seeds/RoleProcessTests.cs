// The table of change notifications (design 7) on three real processes: every row happens, and everyone who was there
// says the same, in the same order. Nodes 1 and 2 are A and B of the table; node 3 is disqualified and never has a role.
using System.Globalization;
using Membership.Engine.Runtime;
using Membership.Engine.Tests.Runtime;
using Membership.Engine.Wire;
using Xunit;

namespace Membership.Engine.Tests.Seeds;

[Trait("Category", "Seeds")]
public sealed class RoleProcessTests : IDisposable
{
    private readonly TestDirectory _directory = new();
    private readonly string _key = KeyRing.Generate().Current.ExportBase64();
    private readonly string _ports = string.Join(',', Failover.Demo.FreePorts.Find(3));
    private readonly List<RoleProcess> _lives = [];
    private readonly RoleProcess?[] _nodes = new RoleProcess?[3];
    private string _clockPeriod = "100";
    private string _staleAfter = "1000";

    public void Dispose()
    {
        foreach (RoleProcess life in _lives) life.Child.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task Every_row_of_the_table_gives_its_notifications_on_three_processes_in_the_same_order()
    {
        // (out, out) -> (master, out): who forms the cluster is master; node 3 only joins in.
        Start(1);
        Start(3, "in");
        await HearAsync("MasterElected(1) MemberJoined(3)", 1, 3);

        // (master, out) -> (master, vice): elected on joining is one notification, also for the joiner itself.
        Start(2);
        await HearAsync("ViceMasterElected(2)", 1, 2, 3);
        await AskAsync("Ok 1 2 3 1=Master 2=ViceMaster 3=In!", 1, 2, 3);

        // (master, vice) -> (master, in): a vice-master is demoted only when it is disqualified.
        await DoAsync(3, "disqualify 2", MembershipStatus.Ok);
        await HearAsync("ViceMasterDemoted(2)", 1, 2, 3);
        await AskAsync("Ok 1 0 3 1=Master 2=In! 3=In!", 1, 2, 3);

        // (master, in) -> (master, vice).
        await DoAsync(1, "qualify 2", MembershipStatus.Ok);
        await HearAsync("ViceMasterElected(2)", 1, 2, 3);
        await DoAsync(1, "qualify 2", MembershipStatus.Already);

        // (master, vice) -> (master, out), by a crash.
        Kill(2);
        await HearAsync("MemberLeft(2)", 1, 3);

        // (master, out) -> (master, in): a disqualified node joins.
        Start(2, "in");
        await HearAsync("MemberJoined(2)", 1, 2, 3);

        // (master, in) -> (master, out), by leaving.
        await DoAsync(2, "leave", MembershipStatus.Ok);
        await HearAsync("MemberLeft(2)", 1, 3);
        Kill(2);

        // Switchover: (master, vice) -> (vice, master).
        Start(2);
        await HearAsync("ViceMasterElected(2)", 1, 2, 3);
        await DoAsync(2, "release", MembershipStatus.NotMaster);
        await DoAsync(1, "release", MembershipStatus.Ok);
        await HearAsync("MasterElected(2) ViceMasterElected(1)", 1, 2, 3);
        await AskAsync("Ok 2 1 3 1=ViceMaster 2=Master 3=In!", 1, 2, 3);

        // The master is disqualified: (vice, master) -> (master, in).
        await DoAsync(1, "disqualify 2", MembershipStatus.Ok);
        await HearAsync("MasterElected(1) MasterDemoted(2)", 1, 2, 3);
        await DoAsync(1, "release", MembershipStatus.Cancelled);

        // The master is disqualified and nobody can take over: (master, in) -> (in, in).
        await DoAsync(1, "disqualify 1", MembershipStatus.Ok);
        await HearAsync("MasterDemoted(1)", 1, 2, 3);
        await AskAsync("Ok 0 0 3 1=In! 2=In! 3=In!", 1, 2, 3);
        await DoAsync(2, "qualify 1", MembershipStatus.Ok);
        await HearAsync("MasterElected(1)", 1, 2, 3);
        await DoAsync(1, "qualify 2", MembershipStatus.Ok);
        await HearAsync("ViceMasterElected(2)", 1, 2, 3);

        // Failover: (master, vice) -> (out, master).
        Kill(1);
        await HearAsync("MasterElected(2) MemberLeft(1)", 2, 3);
        await AskAsync("Ok 2 0 2 1=Out 2=Master 3=In!", 2, 3);
    }

    [Fact]
    public async Task Without_a_frame_of_the_master_a_process_is_stale_and_its_answers_are_Again_until_ValidState()
    {
        // Slow enough that a master which is stopped for longer than StaleAfter is not removed for it: L = 8 s.
        _clockPeriod = "1000";
        Start(1);
        Start(2);
        Start(3, "in");
        RoleProcess[] all = [.. _nodes.Select(static node => node!)];
        await EventuallyAsync(() => all.All(static node => node.Changes.Count >= 2 && node.Changes.Any(static change => change.StartsWith("ViceMasterElected", StringComparison.Ordinal))));
        // Who became the master depends on who met first.
        int master = all[2].Changes.Contains("MasterElected(1)") ? 1 : 2;
        await EventuallyAsync(() => all.All(node => node.Changes.Contains("MemberJoined(3)") || node == all[2]));
        foreach (RoleProcess node in all) node.Forget();
        int[] others = [.. new[] { 1, 2, 3 }.Where(number => number != master)];
        _nodes[master - 1]!.Child.Freeze();
        await HearAsync("StaleCluster(0)", others);
        foreach (int other in others) Assert.StartsWith($"asked Again {master} ", await LineAsync(other, "ask", "asked"), StringComparison.Ordinal);
        _nodes[master - 1]!.Child.Thaw();
        await HearAsync("ValidState(0)", others);
        foreach (int other in others) Assert.StartsWith($"asked Ok {master} ", await LineAsync(other, "ask", "asked"), StringComparison.Ordinal);
        Assert.Empty(_nodes[master - 1]!.Changes);
    }

    [Fact]
    public async Task Two_masters_of_the_same_cluster_are_InvalidCluster_once_on_each_of_three_processes_and_the_lower_epoch_halts()
    {
        // Nobody is to be stale here, however busy the machine is.
        _staleAfter = "4000";
        Start(1);
        Start(3, "in");
        await HearAsync("MasterElected(1) MemberJoined(3)", 1, 3);
        Start(2);
        await HearAsync("ViceMasterElected(2)", 1, 2, 3);

        // Node 3 is cut off and halts; the operator has it form a cluster of its own while 1 and 2 live on.
        foreach (int number in new[] { 1, 2 }) Assert.EndsWith(" cut off from {3}", await LineAsync(number, "fault cut 3", "done fault cut 3"), StringComparison.Ordinal);
        await HearAsync("MemberLeft(3)", 1, 2);
        await EventuallyAsync(() => _nodes[2]!.All.Contains("halt NoQuorum"));
        Kill(3);
        Start(3, command: "force");
        await HearAsync("MasterElected(3)", 3);
        await AskAsync("Ok 1 2 2 1=Master 2=ViceMaster 3=Out", 1, 2);
        await AskAsync("Ok 3 0 1 1=Out 2=Out 3=Master", 3);

        // They meet.
        foreach (int number in new[] { 1, 2 }) Assert.EndsWith(" cut off from {}", await LineAsync(number, "fault mend", "done fault mend"), StringComparison.Ordinal);
        await HearAsync("InvalidCluster(0)", 1, 2, 3);
        await EventuallyAsync(() => _nodes[..2].All(static node => node!.All.Exists(static line => line is "halt Poisoned" or "halt NoQuorum")));
        Assert.Contains(_nodes[..2], static node => node!.All.Contains("halt Poisoned"));
        await HearAsync("ValidState(0)", 3);
        await AskAsync("Ok 3 0 1 1=Out 2=Out 3=Master", 3);
        Assert.All(_nodes[..2], static node => Assert.Empty(node!.Changes));
    }

    private void Start(int number, string qualified = "qualified", string command = "start")
    {
        string text = number.ToString(CultureInfo.InvariantCulture);
        var life = new RoleProcess(ChildProcess.Start(typeof(RoleChild), text, _ports, _directory.At("node" + text), _key, _clockPeriod, qualified, _staleAfter));
        _lives.Add(life);
        _nodes[number - 1] = life;
        life.Child.WriteLine(command);
    }

    private void Kill(int number)
    {
        _nodes[number - 1]!.Child.Kill();
        _nodes[number - 1] = null;
    }

    /// <summary>These nodes hear exactly this next.</summary>
    private async Task HearAsync(string changes, params int[] numbers)
    {
        int count = changes.Count(static letter => letter == ' ') + 1;
        foreach (int number in numbers)
        {
            RoleProcess node = _nodes[number - 1]!;
            await EventuallyAsync(() => node.Changes.Count >= count);
            Assert.Equal($"{number}: {changes}", $"{number}: {string.Join(' ', node.Changes)}");
            node.Forget();
        }
    }

    private async Task DoAsync(int number, string what, MembershipStatus status)
        => Assert.Equal($"done {what} {status}", await LineAsync(number, what, $"done {what}"));

    private async Task AskAsync(string answer, params int[] numbers)
    {
        foreach (int number in numbers) Assert.Equal($"{number}: asked {answer}", $"{number}: {await LineAsync(number, "ask", "asked")}");
    }

    private async Task<string> LineAsync(int number, string command, string begins)
    {
        RoleProcess node = _nodes[number - 1]!;
        node.ForgetAnswers();
        node.Child.WriteLine(command);
        await EventuallyAsync(() => node.Answer(begins) is not null);
        return node.Answer(begins)!;
    }

    private async Task EventuallyAsync(Func<bool> condition)
    {
        MonotonicTime end = MonotonicClock.System.Now + TimeSpan.FromSeconds(60);
        while (!condition())
        {
            if (MonotonicClock.System.Now >= end)
                Assert.Fail(string.Join(Environment.NewLine, _lives.Select(static (life, index) => $"life {index}: {string.Join(" | ", life.All.TakeLast(20))}")));
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }
    }

    private sealed class RoleProcess
    {
        private readonly List<string> _all = [];
        private readonly List<string> _changes = [];
        private readonly List<string> _answers = [];

        public RoleProcess(ChildProcess child)
        {
            Child = child;
            _ = TakeLinesAsync();
        }

        public ChildProcess Child { get; }

        public List<string> All
        {
            get
            {
                lock (_all) return [.. _all];
            }
        }

        public List<string> Changes
        {
            get
            {
                lock (_all) return [.. _changes];
            }
        }

        public string? Answer(string begins)
        {
            lock (_all) return _answers.LastOrDefault(line => line.StartsWith(begins, StringComparison.Ordinal));
        }

        public void Forget()
        {
            lock (_all) _changes.Clear();
        }

        public void ForgetAnswers()
        {
            lock (_all) _answers.Clear();
        }

        private async Task TakeLinesAsync()
        {
            try
            {
                while (true)
                {
                    string line = await Child.ReadLineAsync(600);
                    lock (_all)
                    {
                        _all.Add(line);
                        if (line.StartsWith("change ", StringComparison.Ordinal)) _changes.Add(line[7..]);
                        else _answers.Add(line);
                    }
                }
            }
            catch (InvalidOperationException)
            {
                // The child has ended.
            }
        }
    }
}
