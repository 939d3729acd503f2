// A blob that is gone, or is an older one, under a running witness: never two owners, and no blank record in the place of a lost one.
using Azure.Storage;
using Azure.Storage.Blobs;
using Membership.Engine;
using Membership.Engine.Arbitration;
using Xunit;

namespace Membership.Arbiters.BlobLease.Tests;

public sealed class LostBlobTests
{
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task A_container_deleted_under_a_living_owner_makes_no_second_one_and_no_blank_record()
    {
        await using var server = new Azurite();
        await server.StartAsync();
        await using IQuorumArbiter owner = server.Create(server.Arguments), challenger = server.Create(server.Arguments);
        // A loaded machine may not answer in time.
        await UntilAsync(async () => (await owner.ArbitrateAsync(Identity(1), None)).Outcome == WitnessOutcome.Success && (await owner.WriteSlotAsync(Identity(1), [View(8)], None)).Outcome == WitnessOutcome.Success);
        await UntilAsync(async () => await challenger.CheckAsync(Identity(2), None) is null);
        var container = new BlobContainerClient(new Uri($"{Azurite.Service(server.EndPoint)}/regroup-witness"), new StorageSharedKeyCredential(Azurite.Account, Azurite.Key));
        await container.DeleteAsync(cancellationToken: None);
        for (int i = 0; i < 2; i++) await UntilAsync(() => RefusesAsync(challenger, "is gone"));
        Assert.False((await container.ExistsAsync(None)).Value);
        // Somebody who knows of no record, as at the first start, makes a new one: it is another blob to those who knew the old one.
        await using IQuorumArbiter stranger = server.Create(server.Arguments);
        await UntilAsync(async () => await stranger.CheckAsync(Identity(3), None) is null);
        await UntilAsync(() => RefusesAsync(challenger, "went back"));
    }

    private static async Task UntilAsync(Func<Task<bool>> holds)
    {
        for (int i = 0; i < 20; i++)
            if (await holds()) return;
        Assert.Fail("not within 20 tries");
    }

    private static async Task<bool> RefusesAsync(IQuorumArbiter challenger, string word)
    {
        WitnessResult answer = await challenger.ArbitrateAsync(Identity(2), None);
        Assert.Equal(WitnessOutcome.Unknown, answer.Outcome);
        return answer.Detail!.Contains(word, StringComparison.Ordinal);
    }

    private static ArbiterIdentity Identity(int node) => new("c", new NodeId(node), new Incarnation(1));

    private static ClusterView View(long epoch)
        => new(new Epoch(epoch), [new ClusterMember(new NodeId(1), new Incarnation(1), 1, 5)], default, ClusterTiming.Local);
}
