// Stages 4 and 5 end when all have reported, and reports go to the coordinator first: whoever cannot hear the coordinator is told by anybody who is past
// the stage, whomever it was waiting for.
using Membership.Engine.Protocol;
using Xunit;

namespace Membership.Engine.Tests.Seeds;

public sealed class CleanUpReportTests
{
    [Fact]
    public void Whoever_lost_the_coordinator_goes_on_with_the_first_word_of_somebody_who_is_past_the_stage()
    {
        var cluster = SteppedCluster.Formed(4);
        ClusterView formed = cluster[1].Core.Installed!;
        Assert.Equal(1, formed.Coordinator.Value);
        cluster[1].HoldCallback = CallbackKind.ResumeAllIO;
        cluster[2].Ask(static (core, id, now) => core.ForceRegroup(id, now));
        cluster.Until(() => cluster.Nodes.Values.All(node => node.Core.Stage == RegroupStage.CleanUp1));
        cluster.Run(0.005);
        cluster.Cut(1, 3);
        cluster[1].ReleaseCallbacks();
        cluster.Until(() => cluster[2].Core.Stage != RegroupStage.CleanUp1);
        Assert.Equal(RegroupStage.CleanUp1, cluster[3].Core.Stage);
        MonotonicTime past = cluster.Now;
        cluster.Until(() => cluster[3].Core.Stage == RegroupStage.None);
        Assert.Equal(cluster[2].Core.Installed!.Id, cluster[3].Core.Installed!.Id);
        // It says what it has done to all after half a tick, and whoever is past it answers; nobody has begun another incident meanwhile.
        Assert.InRange((cluster.Now - past).TotalMilliseconds, 0, ClusterTiming.Local.ClockPeriod.TotalMilliseconds * 2);
        Assert.Equal(1, cluster[3].Core.Activation.Attempt);
    }
}
