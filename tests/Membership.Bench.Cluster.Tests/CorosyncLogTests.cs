// What is read from the peer's log, and what follows from it about who claimed quorum when.
using Xunit;

namespace Membership.Bench.Cluster.Tests;

public sealed class CorosyncLogTests
{
    [Fact]
    public void A_change_of_membership_is_read_step_by_step_with_its_members()
    {
        CorosyncLog log = Read(
            (10, "Nov 22 14:41:00 [7] node1 corosync warning [TOTEM ] Token has not been received in 2737 ms"),
            (20, "Nov 22 14:41:01 [7] node1 corosync notice  [TOTEM ] A processor failed, forming new configuration: token timed out (3650ms), waiting 4380ms for consensus."),
            (30, "Nov 22 14:41:05 [7] node1 corosync notice  [QUORUM] Sync members[2]: 1 2"),
            (31, "Nov 22 14:41:05 [7] node1 corosync notice  [TOTEM ] A new membership (1.e) was formed. Members left: 3"),
            (40, "Nov 22 14:41:05 [7] node1 corosync notice  [QUORUM] Members[2]: 1 2"),
            (41, "Nov 22 14:41:05 [7] node1 corosync notice  [MAIN  ] Completed service synchronization, ready to provide service."));
        Assert.Equal([(CorosyncStep.TokenMissed, 10L), (CorosyncStep.TokenLost, 20L), (CorosyncStep.Formed, 31L), (CorosyncStep.Members, 40L), (CorosyncStep.Ready, 41L)], log.Steps);
        Assert.Equal(40, log.Said!.Value.At);
        Assert.Equal([1, 2], log.Said!.Value.Members);
        Assert.Equal(
            [("token on its way, or lost", 10d), ("token late (warning)", 20d), ("consensus of those left", 31d), ("synchronisation", 40d), ("last services", 41d)],
            TimelineBench.PeerStages([.. log.Steps.Select(static step => (step.Step, step.At * 1_000_000))], 0).Select(static stage => (stage.Name, stage.To)));
    }

    [Fact]
    public void Members_that_take_several_lines_count_once_they_are_complete()
    {
        CorosyncLog log = Read((1, "[QUORUM] Members[4]: 1 2 3"));
        Assert.Null(log.Said);
        log.Read("[QUORUM] Members[4]: 4", 2);
        Assert.Equal(2, log.Said!.Value.At);
        Assert.Equal([1, 2, 3, 4], log.Said!.Value.Members);
    }

    [Fact]
    public void Two_halves_overlap_from_the_one_being_alone_with_quorum_until_the_other_one_gives_it_up()
    {
        CorosyncLog one = Read((0, "[QUORUM] This node is within the primary component and will provide service."), (0, "[QUORUM] Members[2]: 1 2"), (300, "[QUORUM] Members[1]: 1"));
        CorosyncLog two = Read((0, "[QUORUM] This node is within the primary component and will provide service."), (0, "[QUORUM] Members[2]: 1 2"), (700, "[QUORUM] This node is within the non-primary component and will NOT provide any services."), (700, "[QUORUM] Members[1]: 2"));
        Assert.Equal(400, Overlap(one, two, 100, 1000));
        Assert.Equal(200, Overlap(one, two, 100, 500));
    }

    [Fact]
    public void Halves_of_which_the_loser_gives_up_first_do_not_overlap()
    {
        CorosyncLog one = Read((0, "[QUORUM] This node is within the primary component and will provide service."), (0, "[QUORUM] Members[2]: 1 2"), (800, "[QUORUM] Members[1]: 1"));
        CorosyncLog two = Read((0, "[QUORUM] This node is within the primary component and will provide service."), (0, "[QUORUM] Members[2]: 1 2"), (700, "[QUORUM] This node is within the non-primary component and will NOT provide any services."), (701, "[QUORUM] Members[1]: 2"));
        Assert.Equal(0, Overlap(one, two, 100, 1000));
    }

    private static long Overlap(CorosyncLog one, CorosyncLog two, long from, long until) => ClaimOverlap.Of(new Dictionary<int, IReadOnlyList<QuorumClaim>> { [1] = one.Claims, [2] = two.Claims }, from, until);

    private static CorosyncLog Read(params (long At, string Line)[] lines)
    {
        var log = new CorosyncLog();
        foreach ((long at, string line) in lines) log.Read(line, at);
        return log;
    }
}
