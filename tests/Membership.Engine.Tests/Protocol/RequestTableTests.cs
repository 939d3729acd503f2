// What each request of a host says in each state of a node, as a table; what a halted core does with any input: nothing; and that who waits for
// something is told when it can no longer come.
using Membership.Engine.Protocol;
using Membership.Engine.Replication;
using Membership.Engine.Tests.Seeds;
using Xunit;

namespace Membership.Engine.Tests.Protocol;

public sealed class RequestTableTests
{
    private delegate void Request(MembershipCore core, RequestId id, MonotonicTime now);

    private static readonly (string Name, Request Ask)[] Requests =
    [
        ("Start", static (core, id, now) => core.Start(id, forceForm: false, now)),
        ("ForceRegroup", static (core, id, now) => core.ForceRegroup(id, now)),
        ("SetRegroupAllowed(true)", static (core, id, now) => core.SetRegroupAllowed(id, true, now)),
        ("SetRegroupAllowed(false)", static (core, id, now) => core.SetRegroupAllowed(id, false, now)),
        ("Admit(2)", static (core, id, now) => core.Admit(id, new NodeId(2), TimeSpan.FromSeconds(1), now)),
        ("Admit(4)", static (core, id, now) => core.Admit(id, new NodeId(4), TimeSpan.FromSeconds(1), now)),
        ("Admit(9)", static (core, id, now) => core.Admit(id, new NodeId(9), TimeSpan.FromSeconds(1), now)),
        ("Eject(1)", static (core, id, now) => core.Eject(id, new NodeId(1), now)),
        ("Eject(4)", static (core, id, now) => core.Eject(id, new NodeId(4), now)),
        ("Eject(9)", static (core, id, now) => core.Eject(id, new NodeId(9), now)),
        ("SetQuorumOwner(self)", static (core, id, now) => core.SetQuorumOwner(id, new NodeId(1), false, new NodeAnswer(), now)),
        ("SetQuorumOwner(2)", static (core, id, now) => core.SetQuorumOwner(id, new NodeId(2), false, new NodeAnswer(), now)),
        ("SetQuorumOwner(none), blocking", static (core, id, now) => core.SetQuorumOwner(id, NodeId.Invalid, true, new NodeAnswer(), now)),
        ("WaitWhileRegrouping", static (core, id, now) => core.WaitWhileRegrouping(id, new NodeAnswer(), now)),
        ("GetArbitrationWinner", static (core, id, now) => core.GetArbitrationWinner(id, new NodeAnswer(), now)),
        ("SetQualification(9)", static (core, id, now) => core.SetQualification(id, new NodeId(9), false, now)),
        ("SetQualification(2, true)", static (core, id, now) => core.SetQualification(id, new NodeId(2), true, now)),
        ("ReleaseMastership", static (core, id, now) => core.ReleaseMastership(id, now)),
        ("Update", static (core, id, now) => core.Update(id, OneRow, new StateAnswer(), now)),
        ("ReadState", static (core, id, now) => core.ReadState(id, new StateAnswer(), now)),
        ("ClearQuarantine(2)", static (core, id, now) => core.ClearQuarantine(id, new NodeId(2), now)),
        ("ClearQuarantine(9)", static (core, id, now) => core.ClearQuarantine(id, new NodeId(9), now)),
        ("Leave", static (core, id, now) => core.Leave(id, now)),
        ("Stop", static (core, id, now) => core.Stop(id, now)),
    ];

    private static TableUpdate OneRow => new("t", [new RowChange(RowChangeKind.Insert, "k", new byte[] { 1 })]);

    public static TheoryData<string> Names() => [.. Requests.Select(static request => request.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Each_request_says_in_each_state_what_the_table_says(string name)
    {
        string row = string.Join(", ", ((string[])["down", "starting", "member", "second member", "in a regroup", "left"]).Select(state => $"{state}: {Say(name, state)}"));
        Assert.Equal(Table[name], row);
    }

    /// <summary>Node 1 is the coordinator and master of nodes 1 to 3; node 4 is configured and out. A request that waits says "waits".</summary>
    private static readonly Dictionary<string, string> Table = new()
    {
        ["Start"] = "down: waits, starting: Already, member: Already, second member: Already, in a regroup: Already, left: waits, longer",
        ["ForceRegroup"] = "down: NotMember, starting: NotMember, member: waits, Ok, second member: waits, Ok, in a regroup: waits, longer, left: NotMember",
        ["SetRegroupAllowed(true)"] = "down: Already, starting: Already, member: Already, second member: Already, in a regroup: Already, left: Already",
        ["SetRegroupAllowed(false)"] = "down: Ok, starting: Transient, member: Ok, second member: Ok, in a regroup: Transient, left: Ok",
        ["Admit(2)"] = "down: NotMember, starting: NotMember, member: Already, second member: Already, in a regroup: Already, left: NotMember",
        ["Admit(4)"] = "down: NotMember, starting: NotMember, member: waits, Timeout, second member: Fault, in a regroup: Transient, left: NotMember",
        ["Admit(9)"] = "down: NotMember, starting: NotMember, member: Fault, second member: Fault, in a regroup: Fault, left: NotMember",
        ["Eject(1)"] = "down: NotMember, starting: NotMember, member: Fault, second member: waits, Ok, in a regroup: Transient, left: NotMember",
        ["Eject(4)"] = "down: NotMember, starting: NotMember, member: NotMember, second member: NotMember, in a regroup: Transient, left: NotMember",
        ["Eject(9)"] = "down: NotMember, starting: NotMember, member: NotMember, second member: NotMember, in a regroup: Transient, left: NotMember",
        ["SetQuorumOwner(self)"] = "down: Ok, starting: Ok, member: Ok, second member: Fault, in a regroup: Ok, left: Ok",
        ["SetQuorumOwner(2)"] = "down: Fault, starting: Fault, member: Fault, second member: Ok, in a regroup: Fault, left: Fault",
        ["SetQuorumOwner(none), blocking"] = "down: Ok, starting: Ok, member: Ok, second member: Ok, in a regroup: waits, longer, left: Ok",
        ["WaitWhileRegrouping"] = "down: Ok, starting: Ok, member: Ok, second member: Ok, in a regroup: waits, longer, left: Ok",
        ["GetArbitrationWinner"] = "down: Ok, starting: Ok, member: Ok, second member: Ok, in a regroup: Transient, left: Ok",
        ["SetQualification(9)"] = "down: Fault, starting: Fault, member: Fault, second member: Fault, in a regroup: Fault, left: Fault",
        ["SetQualification(2, true)"] = "down: NotMember, starting: NotMember, member: Already, second member: Already, in a regroup: waits, longer, left: NotMember",
        ["ReleaseMastership"] = "down: NotMember, starting: NotMember, member: waits, Ok, second member: NotMaster, in a regroup: waits, longer, left: NotMember",
        ["Update"] = "down: NotMember, starting: NotMember, member: waits, Ok, second member: waits, Ok, in a regroup: waits, longer, left: NotMember",
        ["ReadState"] = "down: NotMember, starting: NotMember, member: Ok, second member: Ok, in a regroup: waits, longer, left: NotMember",
        ["ClearQuarantine(2)"] = "down: NotMember, starting: NotMember, member: Ok, second member: Fault, in a regroup: Ok, left: NotMember",
        ["ClearQuarantine(9)"] = "down: NotMember, starting: NotMember, member: Fault, second member: Fault, in a regroup: Fault, left: NotMember",
        ["Leave"] = "down: NotMember, starting: Ok, member: waits, Ok, second member: waits, Ok, in a regroup: waits, longer, left: NotMember",
        ["Stop"] = "down: Ok, starting: Ok, member: Ok, second member: Ok, in a regroup: Ok, halts, left: Ok",
    };

    [Fact]
    public void A_halted_core_does_nothing_whatever_comes()
    {
        (SteppedCluster cluster, Stepped node) = InState("in a regroup");
        node.Ask(static (core, id, now) => core.Stop(id, now));
        Assert.Equal(HaltCode.StopRequested, node.Halted);
        MembershipCore core = node.Core;
        int completed = node.Completed.Count, log = node.Log.Count, stages = node.Stages.Count, callbacks = node.Callbacks.Count, told = node.Told.Count, arbitrations = node.Arbitrations;
        node.Said = static (_, _) => Assert.Fail("a halted core sent something");
        MonotonicTime now = cluster.Now + TimeSpan.FromSeconds(1);
        Assert.Equal(MonotonicTime.MaxValue, core.NextWakeup);
        long number = 1000;
        foreach ((_, Request ask) in Requests) ask(core, new RequestId(++number), now);
        core.Tick(now);
        MessageHeader header = new() { From = new NodeId(2), To = new NodeId(1), FromIncarnation = cluster[2].Core.Incarnation, ToIncarnation = core.Incarnation, Sequence = 1_000_000, Flags = HeaderFlags.AckRequested };
        core.Receive(in header, 0, null, now);
        core.WitnessOwnershipChanged(now + TimeSpan.FromSeconds(1), now);
        core.TripwireLost(new NodeId(2), cluster[2].Core.Incarnation, now);
        core.CrashEvidence(new NodeId(2), cluster[2].Core.Incarnation, now);
        core.NodeUnreachable(new NodeId(2), now);
        core.CallbackCompleted(1, now);
        core.PersistCompleted(1, false, now);
        core.ArbitrationCompleted(1, ArbitrationOutcome.Won, now + TimeSpan.FromSeconds(1), [], now);
        core.RecordWritten(1, true, now, now);
        Assert.Equal((completed, log, stages, callbacks, told, arbitrations), (node.Completed.Count, node.Log.Count, node.Stages.Count, node.Callbacks.Count, node.Told.Count, node.Arbitrations));
        Assert.Equal((NodePhase.Halted, RegroupStage.None, MonotonicTime.MaxValue), (core.Phase, core.Stage, core.NextWakeup));
        Assert.Equal(0, core.TakeSnapshot(now).Unreachable.Count);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Who_waits_is_told_once_when_the_node_halts_or_leaves(bool halts)
    {
        (_, Stepped node) = InState("in a regroup");
        long[] waiting =
        [
            node.Ask(static (core, id, now) => core.ForceRegroup(id, now)),
            node.Ask(static (core, id, now) => core.SetQuorumOwner(id, NodeId.Invalid, true, new NodeAnswer(), now)),
            node.Ask(static (core, id, now) => core.WaitWhileRegrouping(id, new NodeAnswer(), now)),
            node.Ask(static (core, id, now) => core.ReleaseMastership(id, now)),
            node.Ask(static (core, id, now) => core.Update(id, OneRow, new StateAnswer(), now)),
            node.Ask(static (core, id, now) => core.ReadState(id, new StateAnswer(), now)),
        ];
        Assert.All(waiting, request => Assert.Null(node.StatusOf(request)));
        if (!halts)
        {
            (SteppedCluster cluster, node) = InState("alone, with an admission");
            waiting = [1, 2];
            long leave = node.Ask(static (core, id, now) => core.Leave(id, now));
            cluster.Run(0.1);
            Assert.Equal((MembershipStatus.Ok, MembershipStatus.Transient), (node.StatusOf(leave)!.Value, node.StatusOf(waiting[1])!.Value));
            Assert.Equal(NodeId.Invalid, node.Core.DeclaredQuorumOwner);
            return;
        }
        long stop = node.Ask(static (core, id, now) => core.Stop(id, now));
        Assert.Equal(MembershipStatus.Ok, node.StatusOf(stop));
        Assert.All(waiting, request => Assert.NotNull(node.StatusOf(request)));
        Assert.All(waiting, request => Assert.NotEqual(MembershipStatus.Ok, node.StatusOf(request)!.Value));
    }

    [Fact]
    public void An_admission_that_does_not_come_true_in_its_time_says_so()
    {
        (SteppedCluster cluster, Stepped node) = InState("member");
        long first = node.Ask(static (core, id, now) => core.Admit(id, new NodeId(4), TimeSpan.FromSeconds(1), now));
        long second = node.Ask(static (core, id, now) => core.Admit(id, new NodeId(4), TimeSpan.FromSeconds(2), now));
        MonotonicTime asked = cluster.Now;
        cluster.Until(() => node.StatusOf(first) is not null);
        Assert.Equal(MembershipStatus.Timeout, node.StatusOf(first));
        Assert.InRange((cluster.Now - asked).TotalMilliseconds, 1000, 1050);
        Assert.Null(node.StatusOf(second));
        cluster.Until(() => node.StatusOf(second) is not null);
        Assert.InRange((cluster.Now - asked).TotalMilliseconds, 2000, 2050);
    }

    private static string Say(string name, string state)
    {
        (SteppedCluster cluster, Stepped node) = InState(state);
        Request ask = Requests.Single(request => request.Name == name).Ask;
        long request = node.Ask((core, id, now) => ask(core, id, now));
        string says = node.StatusOf(request)?.ToString() ?? "waits";
        if (says == "waits" && node.Alive && state != "down")
        {
            cluster.Run(1.5);
            says = $"waits, {node.StatusOf(request)?.ToString() ?? "longer"}";
        }
        return node.Halted != HaltCode.None ? $"{says}, halts" : says;
    }

    private static (SteppedCluster Cluster, Stepped Node) InState(string state)
    {
        var cluster = new SteppedCluster(4, static options => options with { AdmitOnRequest = true });
        Stepped node = cluster[state == "second member" ? 2 : 1];
        if (state == "down") return (cluster, node);
        if (state is "starting" or "alone, with an admission")
        {
            node.Ask(static (core, id, now) => core.Start(id, forceForm: true, now));
            if (state == "starting") return (cluster, node);
            cluster.UntilInstalled(1);
            node.Ask(static (core, id, now) => core.Admit(id, new NodeId(2), TimeSpan.FromSeconds(9), now));
            node.Ask(static (core, id, now) => core.SetQuorumOwner(id, new NodeId(1), false, new NodeAnswer(), now));
            return (cluster, node);
        }
        foreach (int number in (int[])[1, 2, 3]) cluster[number].Start();
        cluster.UntilInstalled(1, 2, 3);
        cluster.Run(0.5);
        if (state == "in a regroup")
        {
            cluster[3].HoldCallback = CallbackKind.HoldAllIO;
            node.Ask(static (core, id, now) => core.ForceRegroup(id, now));
            cluster.Run(0.05);
            Assert.True(node.Core.Stage is RegroupStage.Activate or RegroupStage.Close);
        }
        else if (state == "left")
        {
            node.Ask(static (core, id, now) => core.Leave(id, now));
            cluster.Until(() => node.Core.Phase == NodePhase.Down);
        }
        return (cluster, node);
    }
}
