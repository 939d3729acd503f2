// A host's request to let a node in, where something else comes to an end at the same time.
using Membership.Engine.Protocol;
using Membership.Engine.Tests.Seeds;
using Xunit;

namespace Membership.Engine.Tests.Protocol;

public sealed class AdmissionTests
{
    private static long Admit(SteppedCluster cluster, int node, double seconds)
        => cluster[1].Ask((core, id, now) => core.Admit(id, new NodeId(node), TimeSpan.FromSeconds(seconds), now));

    [Fact]
    public void Before_the_first_view_is_installed_nobody_is_said_to_be_in_it()
    {
        var cluster = new SteppedCluster(3);
        cluster[1].HoldCallback = CallbackKind.ResumeAllIO;
        cluster[1].Start();
        cluster[2].Start();
        cluster.Until(() => cluster[1].Core.Phase == NodePhase.Member);
        Assert.Null(cluster[1].Core.Installed);
        Assert.Equal(MembershipStatus.Transient, cluster[1].StatusOf(Admit(cluster, 3, 1)));
        cluster[1].ReleaseCallbacks();
        cluster.UntilInstalled(1, 2);
    }

    [Fact]
    public void An_admission_whose_time_is_up_when_its_view_is_promised_ends_in_a_regroup_and_so_do_the_others()
    {
        var cluster = new SteppedCluster(4, static options => options with { AdmitOnRequest = true });
        foreach (int number in (int[])[1, 2, 3]) cluster[number].Start();
        cluster.UntilInstalled(1, 2, 3);
        cluster.Kill(3);
        cluster.UntilInstalled(1, 2);
        long third = Admit(cluster, 3, 60), fourth = Admit(cluster, 4, 1);
        cluster[2].Disk = static (_, _) => { };
        cluster[4].Start();
        cluster.Until(() => !cluster[1].Core.TakeSnapshot(cluster.Now).Pending.IsEmpty);
        Assert.Null(cluster[1].StatusOf(fourth));
        cluster.Until(() => cluster[1].StatusOf(fourth) is not null, seconds: 2);
        Assert.Equal((MembershipStatus.Timeout, MembershipStatus.Transient), (cluster[1].StatusOf(fourth)!.Value, cluster[1].StatusOf(third)!.Value));
        Assert.NotEqual(RegroupStage.None, cluster[1].Core.Stage);
    }
}
