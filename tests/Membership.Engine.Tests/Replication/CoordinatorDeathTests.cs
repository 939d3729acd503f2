// The coordinator of the replicated state dies before each single message of an update, and its successor before each message of the
// recovery: what was answered stays, what was asked for by the living is carried out once, and the survivors hold the same.
using Membership.Engine.Protocol;
using Membership.Engine.Replication;
using Membership.Engine.Tests.Seeds;
using Xunit;

namespace Membership.Engine.Tests.Replication;

public sealed class CoordinatorDeathTests
{
    /// <summary>More steps than there are; the sweep ends by itself when a step is not reached.</summary>
    private const int MostSteps = 400;

    [Theory]
    [InlineData(3)]
    [InlineData(4)]
    public void The_coordinator_dies_at_every_step_of_an_update(int size)
    {
        int steps = 0;
        while (Play(size, PlantedDefects.None, ++steps, secondStep: 0)) Assert.True(steps < MostSteps);
        Assert.InRange(steps, 3 * size, MostSteps);
    }

    [Fact]
    public void The_coordinator_dies_at_every_step_and_its_successor_at_every_step_of_the_recovery()
    {
        int both = 0;
        for (int first = 1; Play(5, PlantedDefects.None, first, secondStep: 0); first++)
        {
            int second = 0;
            while (Play(5, PlantedDefects.None, first, ++second)) Assert.True(second < MostSteps);
            both += second - 1;
        }
        Assert.InRange(both, 50, MostSteps * MostSteps);
    }

    [Fact]
    public void Without_the_recovery_of_stage_4_one_of_the_steps_goes_wrong()
    {
        Exception wrong = Assert.ThrowsAny<Exception>(static () =>
        {
            for (int step = 1; Play(4, PlantedDefects.NoStateRecovery, step, secondStep: 0);) step++;
        });
        Assert.StartsWith("death ", wrong.Message, StringComparison.Ordinal);
    }

    /// <summary>Every node asks for two updates; the coordinator dies before the message of a given number arrives, what it sent before that does.</summary>
    /// <returns>Whether there were so many messages, in the second place also after the first death.</returns>
    private static bool Play(int size, PlantedDefects defect, int firstStep, int secondStep)
    {
        SteppedCluster cluster = SteppedCluster.Formed(size, options => options with { Defects = defect });
        var asked = new List<(int Node, long Request, string Key, StateAnswer Answer)>();
        int sent = 0, dead = 0, target = firstStep;
        foreach (Stepped node in cluster.Nodes.Values)
        {
            node.Sent = body =>
            {
                if (body is not (UpdateRequestMessage or UpdatePrepareMessage or UpdatePreparedMessage or UpdateCommitMessage or StateAskMessage or StateOfferMessage)) return;
                if (++sent != target) return;
                int victim = ++dead;
                target = dead == 1 && secondStep > 0 ? sent + secondStep : 0;
                cluster.After(SteppedCluster.Delay, () => cluster.Kill(victim));
            };
        }

        for (int round = 0; round < 2; round++)
            foreach ((int number, Stepped node) in cluster.Nodes)
            {
                string key = $"{number}.{round}";
                var answer = new StateAnswer();
                var update = new TableUpdate("t", [new RowChange(RowChangeKind.Insert, key, new byte[] { 1 })]);
                asked.Add((number, node.Ask((core, id, now) => core.Update(id, update, answer, now)), key, answer));
            }
        cluster.Run(2);

        int[] alive = [.. cluster.Nodes.Keys.Where(number => cluster[number].Alive)];
        Assert.Equal(size - dead, alive.Length);
        cluster.UntilInstalled(alive);
        cluster.Until(() => asked.All(one => !cluster[one.Node].Alive || cluster[one.Node].StatusOf(one.Request) is not null));
        ClusterState[] states = [.. alive.Select(number => cluster[number].Core.StateNow)];
        foreach (ClusterState state in states)
        {
            TableSnapshot table = state.Read("t");
            string where = $"death {firstStep}, {secondStep}: ";
            Assert.True(states[0].Sequence == state.Sequence && states[0].LastEpoch == state.LastEpoch, $"{where}the survivors do not hold the same");
            Assert.True(states[0].Read("t").Rows.Keys.SequenceEqual(table.Rows.Keys), $"{where}the survivors do not hold the same rows");
            Assert.True(table.Version == table.Rows.Count, $"{where}version {table.Version} with {table.Rows.Count} rows: an update was carried out twice");
            foreach (var one in asked)
            {
                if (cluster[one.Node].StatusOf(one.Request) == MembershipStatus.Ok)
                {
                    Assert.True(one.Answer.Verdict!.Outcome == TableUpdateOutcome.Applied, $"{where}the insert of {one.Key} ended with {one.Answer.Verdict.Outcome}");
                    Assert.True(table.Rows.ContainsKey(one.Key), $"{where}{one.Key} was answered for and is lost");
                }
                else Assert.False(cluster[one.Node].Alive, $"{where}{one.Key} was asked for by a survivor and ended with {cluster[one.Node].StatusOf(one.Request)}");
            }
        }
        return secondStep == 0 ? dead == 1 : dead == 2;
    }
}
