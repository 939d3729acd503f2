// A witness that cannot be used when a node starts, and one whose record was lost while the nodes were down.
using Membership.Engine.Runtime;
using Membership.Engine.Storage;
using Xunit;

namespace Membership.Engine.Tests.Runtime;

public sealed class LostRecordTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_first_start_without_the_witness_is_refused_and_a_former_member_starts_and_says_so_until_the_witness_is_back()
    {
        await using var cluster = new LocalCluster(1, witness: true);
        string aside = cluster.WitnessDirectory + ".aside";
        await File.WriteAllTextAsync(cluster.WitnessDirectory, "in the place of the directory", Cancel);
        InvalidOperationException refused = await Assert.ThrowsAsync<InvalidOperationException>(() => cluster.StartAsync(1));
        Assert.Contains(cluster.WitnessDirectory, refused.Message, StringComparison.Ordinal);
        await cluster.Nodes[0].DisposeAsync();
        File.Delete(cluster.WitnessDirectory);
        await cluster.StartAsync(1);
        await cluster.AllSeeAsync(1);
        await cluster.Nodes[0].DisposeAsync();

        Directory.Move(cluster.WitnessDirectory, aside);
        await File.WriteAllTextAsync(cluster.WitnessDirectory, "in the place of the directory", Cancel);
        await cluster.StartAsync(1);
        await cluster.AllSeeAsync(1);
        Assert.Contains(cluster.WitnessDirectory, (await HealthAsync(cluster.Nodes[0])).WitnessTrouble, StringComparison.Ordinal);
        File.Delete(cluster.WitnessDirectory);
        Directory.Move(aside, cluster.WitnessDirectory);
        await UntilAsync(cluster, async () => (await HealthAsync(cluster.Nodes[0])).WitnessTrouble is null);
    }

    [Fact]
    public async Task A_witness_that_comes_up_together_with_the_nodes_is_asked_again_by_a_first_start()
    {
        await using var cluster = new LocalCluster(1, witness: true);
        await File.WriteAllTextAsync(cluster.WitnessDirectory, "in the place of the directory", Cancel);
        MembershipNode node = cluster.Create(1);
        Task starting = node.StartAsync(Cancel);
        await UntilAsync(cluster, () => Task.FromResult(starting.IsCompleted || node.Journal.Any(static line => line.Text.Contains("asks its witness again", StringComparison.Ordinal))));
        File.Delete(cluster.WitnessDirectory);
        await starting;
        await cluster.AllSeeAsync(1);
        Assert.Null((await HealthAsync(node)).WitnessTrouble);
    }

    [Fact]
    public async Task A_record_that_was_lost_while_the_nodes_were_down_lets_nobody_form_beside_what_it_knew()
    {
        await using var cluster = new LocalCluster(2, witness: true);
        await cluster.FormAsync();
        // It started before there was a record, and has seen one soon after.
        await UntilAsync(cluster, () => Task.FromResult(File.Exists(Path.Combine(cluster.StoreOf(2), "witness.seen"))));
        await cluster.Nodes[1].DisposeAsync();
        // What node 1 does from here on only its disk and the record know.
        ClusterView alone = await cluster.AllSeeAsync(1);
        await cluster.Nodes[0].DisposeAsync();
        Directory.Delete(cluster.WitnessDirectory, recursive: true);

        MembershipNode late = await cluster.StartAsync(2);
        // It is asked, and has no vote.
        await UntilAsync(cluster, async () => (await late.TakeSnapshotAsync(Cancel)).LastWitnessCall is { What: "arbitrate" });
        string? trouble = (await HealthAsync(late)).WitnessTrouble;
        Assert.Contains("went back", trouble, StringComparison.Ordinal);
        Assert.Contains("witness.seen", trouble, StringComparison.Ordinal);
        Assert.Null(late.CurrentView);
        // The other one is back, with what was forgotten.
        await cluster.StartAsync(1);
        ClusterView whole = await cluster.AllSeeAsync(1, 2);
        Assert.True(whole.Epoch > alone.Epoch);
        // The operator's word: the record is lost for good.
        foreach (MembershipNode node in cluster.Nodes) await node.DisposeAsync();
        for (int number = 1; number <= 2; number++) File.Delete(Path.Combine(cluster.StoreOf(number), "witness.seen"));
        await cluster.FormAsync();
        foreach (MembershipNode node in cluster.Nodes)
            await UntilAsync(cluster, async () => (await HealthAsync(node)).WitnessTrouble is null);
    }

    [Fact]
    public void What_was_seen_of_a_record_outlives_the_process_belongs_to_one_witness_and_is_refused_when_damaged()
    {
        using var directory = new TestDirectory();
        (string file, string folder) = (directory.At("witness.seen"), directory.Path);
        var seen = new WitnessSeen(folder);
        Assert.Equal(0, seen.Read("here"));
        seen.Write("here", 17);
        Assert.Equal(17, new WitnessSeen(folder).Read("here"));
        Assert.Equal(0, seen.Read("elsewhere"));
        byte[] bytes = File.ReadAllBytes(file);
        File.WriteAllBytes(file, RecordFile.Frame("RGWSEEN\n"u8, 2, [1, 2, 3]));
        RecordVersionException later = Assert.Throws<RecordVersionException>(() => seen.Read("here"));
        Assert.Contains(file, later.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("delete", later.Message, StringComparison.Ordinal);
        for (int at = 0; at < bytes.Length; at++)
        {
            byte[] flipped = [.. bytes];
            flipped[at] ^= 1;
            File.WriteAllBytes(file, flipped);
            Assert.Contains(file, Assert.ThrowsAny<RecordFormatException>(() => seen.Read("here")).Message, StringComparison.Ordinal);
        }
    }

    private static async Task UntilAsync(LocalCluster cluster, Func<Task<bool>> condition)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (!await condition())
        {
            if (limit.IsCancellationRequested) Assert.Fail("the condition did not come true\n" + cluster.Journals());
            await Task.Delay(20, Cancel);
        }
    }

    private static Task<NodeHealth> HealthAsync(MembershipNode node) => node.GetHealthAsync(TimeSpan.FromSeconds(10), Cancel);
}
