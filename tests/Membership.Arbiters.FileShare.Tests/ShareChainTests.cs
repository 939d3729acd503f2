// What shares do to a chain: files made and not filled, locks that outlive their holder or lose their file, damage.
using Membership.Arbiters.FileShare.Shares;
using Membership.Engine;
using Membership.Engine.Arbitration;
using Xunit;

namespace Membership.Arbiters.FileShare.Tests;

public sealed class ShareChainTests : IDisposable
{
    private static readonly CancellationToken None = CancellationToken.None;
    private readonly string _directory = Directory.CreateTempSubdirectory("regroup-share-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task A_generation_made_and_never_filled_costs_its_maker_a_period_and_nobody_the_record()
    {
        await using IQuorumArbiter owner = Make(), next = Make();
        Assert.Equal(WitnessOutcome.Success, (await owner.ArbitrateAsync(Identity(1), None)).Outcome);
        Assert.Equal(WitnessOutcome.Success, (await owner.WriteSlotAsync(Identity(1), [View(8)], None)).Outcome);
        string newest = Generations().Max()!;
        string made = newest[..^3] + (int.Parse(newest[^3..], null) + 1).ToString("D3", null);
        await File.WriteAllBytesAsync(made, [], None);
        Assert.Equal(WitnessOutcome.Lost, (await owner.RenewAsync(Identity(1), None)).Outcome);
        var clock = System.Diagnostics.Stopwatch.StartNew();
        WitnessResult won = await next.ArbitrateAsync(Identity(2), None);
        Assert.Equal(WitnessOutcome.Success, won.Outcome);
        Assert.True(clock.Elapsed >= Shares.OwnershipPeriod * 0.9, $"It was taken after {clock.Elapsed}: its maker might have filled it yet.");
        Assert.Equal([8L], won.Views.Select(static view => view.Epoch.Value));
    }

    [Fact]
    public async Task A_damaged_generation_is_an_error_that_names_the_file_and_nothing_is_built_on_it()
    {
        await using IQuorumArbiter owner = Make(), late = Make();
        await owner.ArbitrateAsync(Identity(1), None);
        string newest = Generations().Max()!;
        byte[] bytes = await File.ReadAllBytesAsync(newest, None);
        bytes[30] ^= 4;
        await File.WriteAllBytesAsync(newest, bytes, None);
        Assert.Contains(Path.GetFileName(newest), await late.CheckAsync(Identity(2), None), StringComparison.Ordinal);
        Assert.Equal(WitnessOutcome.Unknown, (await late.ArbitrateAsync(Identity(2), None)).Outcome);
    }

    [Fact]
    public void A_lock_whose_file_was_deleted_or_replaced_does_not_stand()
    {
        using var share = new MountedShare(_directory, allowLocal: true);
        string path = Path.Combine(_directory, "a.lock");
        using IShareLock taken = share.TryLock("a.lock")!;
        Assert.True(taken.Stands());
        File.Delete(path);
        Assert.False(taken.Stands());
        File.WriteAllText(path, "another file of the same name");
        Assert.False(taken.Stands());
        File.Delete(path);
        using IShareLock renamed = share.TryLock("a.lock")!;
        File.Move(path, path + ".away");
        Assert.False(renamed.Stands());
    }

    [Fact]
    public async Task An_owner_whose_lock_file_was_deleted_takes_the_lock_anew_when_it_renews()
    {
        await using IQuorumArbiter owner = Make();
        await owner.ArbitrateAsync(Identity(1), None);
        string path = Path.Combine(_directory, "witness.lock");
        Assert.True(File.Exists(path));
        File.Delete(path);
        Assert.Equal(WitnessOutcome.Success, (await owner.RenewAsync(Identity(1), None)).Outcome);
        Assert.True(File.Exists(path));
    }

    [Fact]
    public async Task A_lock_that_outlives_its_holder_on_the_server_delays_a_challenger_and_does_not_stop_it()
    {
        await using var server = new Samba();
        await server.StartAsync();
        string[] at = server.Arguments;
        using var orphan = new SmbShare(new FileShareOptions { Path = at[1], UserName = at[2], Password = at[3] });
        using IShareLock held = orphan.TryLock("witness.lock")!;
        Assert.True(held.Stands());
        await using IQuorumArbiter challenger = server.Create(at), second = server.Create(at);
        var clock = System.Diagnostics.Stopwatch.StartNew();
        Assert.Equal(WitnessOutcome.Success, (await challenger.ArbitrateAsync(Identity(1), None)).Outcome);
        Assert.True(clock.Elapsed >= Shares.RenewInterval * 0.9, $"The lock was not respected at all ({clock.Elapsed}).");
        Assert.Equal(WitnessOutcome.Success, (await challenger.RenewAsync(Identity(1), None)).Outcome);
    }

    [Fact]
    public async Task A_lock_excludes_another_client_of_the_server_until_it_is_let_go()
    {
        await using var server = new Samba();
        await server.StartAsync();
        var options = new FileShareOptions { Path = server.Arguments[1], UserName = server.Arguments[2], Password = server.Arguments[3] };
        using var first = new SmbShare(options);
        using var second = new SmbShare(options);
        IShareLock held = first.TryLock("a.lock")!;
        Assert.Null(second.TryLock("a.lock"));
        held.Dispose();
        using IShareLock? taken = second.TryLock("a.lock");
        Assert.NotNull(taken);
        await server.StopAsync();
        Assert.False(taken.Stands());
    }

    private static ArbiterIdentity Identity(int node) => new("c", new NodeId(node), new Incarnation(1));

    private static ClusterView View(long epoch)
        => new(new Epoch(epoch), [new ClusterMember(new NodeId(1), new Incarnation(1), 1, 5)], default, ClusterTiming.Local);

    private string[] Generations() => [.. Directory.GetFiles(_directory, "witness.0*")];

    private IQuorumArbiter Make() => Shares.Make(["mounted", _directory]);
}
