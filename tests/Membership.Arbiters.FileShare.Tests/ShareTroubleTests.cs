// A share that loses its content, is unmounted, or fills up under a running witness: never two owners, nothing recorded lost.
using System.Diagnostics;
using Membership.Engine;
using Membership.Engine.Arbitration;
using Xunit;

namespace Membership.Arbiters.FileShare.Tests;

public sealed class ShareTroubleTests : IDisposable
{
    private static readonly CancellationToken None = CancellationToken.None;
    private readonly string _directory = Directory.CreateTempSubdirectory("regroup-share-").FullName;
    private bool _mounted;

    public void Dispose()
    {
        if (_mounted) Run("umount", "-l", _directory);
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public async Task A_share_whose_content_is_gone_under_a_living_owner_makes_no_second_one()
    {
        await using FileShareArbiter owner = Make(Shares.OwnershipPeriod), challenger = Make(Shares.OwnershipPeriod);
        await OwnAndWatchAsync(owner, challenger);
        foreach (string file in Directory.EnumerateFiles(_directory, "witness.*")) File.Delete(file);
        await RefusedAsync(challenger);
    }

    [Fact]
    public async Task A_share_that_is_unmounted_behind_a_challenger_is_not_mistaken_for_a_blank_one()
    {
        Mount("64k");
        await using FileShareArbiter owner = Make(Shares.OwnershipPeriod), challenger = Make(Shares.OwnershipPeriod);
        await OwnAndWatchAsync(owner, challenger);
        // What the challenger's machine sees from here on is the empty directory below.
        Run("umount", "-l", _directory);
        _mounted = false;
        await RefusedAsync(challenger);
        Assert.Empty(Directory.EnumerateFiles(_directory, "witness.0*"));
    }

    [Fact]
    public async Task A_full_share_is_no_vote_and_when_there_is_room_again_all_that_was_recorded_is_there()
    {
        Mount("256k");
        TimeSpan period = TimeSpan.FromSeconds(1.5);
        await using FileShareArbiter owner = Make(period), challenger = Make(period);
        do Assert.Equal(WitnessOutcome.Success, (await owner.ArbitrateAsync(Identity(1), None)).Outcome);
        while ((await owner.WriteSlotAsync(Identity(1), [View(8)], None)).Outcome != WitnessOutcome.Success);
        string fill = Path.Combine(_directory, "somebody-elses");
        await using (var rest = new FileStream(fill, FileMode.Create, FileAccess.Write, System.IO.FileShare.None, bufferSize: 0))
        {
            try
            {
                while (true) rest.Write(new byte[1024]);
            }
            catch (IOException)
            {
                // Full.
            }
        }
        for (int i = 0; i < 6; i++)
        {
            using var soon = new CancellationTokenSource(period * 1.5);
            Assert.NotEqual(WitnessOutcome.Success, (await (i % 2 == 0 ? owner : challenger).ArbitrateAsync(Identity(1 + i % 2), soon.Token)).Outcome);
        }
        // Each that is made and not filled would cost a period, and the seventeenth the whole record.
        Assert.InRange(Directory.EnumerateFiles(_directory, "witness.0*").Count(static file => new FileInfo(file).Length == 0), 0, 2);
        File.Delete(fill);
        WitnessResult won = await challenger.ArbitrateAsync(Identity(2), None);
        Assert.True(won.Outcome == WitnessOutcome.Success, won.Detail);
        Assert.Equal([8L], won.Views.Select(static view => view.Epoch.Value));
    }

    private static async Task OwnAndWatchAsync(FileShareArbiter owner, FileShareArbiter challenger)
    {
        Assert.Equal(WitnessOutcome.Success, (await owner.ArbitrateAsync(Identity(1), None)).Outcome);
        Assert.Equal(WitnessOutcome.Success, (await owner.WriteSlotAsync(Identity(1), [View(8)], None)).Outcome);
        Assert.Null(await challenger.CheckAsync(Identity(2), None));
    }

    /// <summary>In words, for as long as it is so.</summary>
    private static async Task RefusedAsync(FileShareArbiter challenger)
    {
        for (int i = 0; i < 2; i++)
        {
            WitnessResult answer = await challenger.ArbitrateAsync(Identity(2), None);
            Assert.Equal(WitnessOutcome.Unknown, answer.Outcome);
            Assert.Contains("went back", answer.Detail, StringComparison.Ordinal);
        }
    }

    private static ArbiterIdentity Identity(int node) => new("c", new NodeId(node), new Incarnation(1));

    private static ClusterView View(long epoch)
        => new(new Epoch(epoch), [new ClusterMember(new NodeId(1), new Incarnation(1), 1, 5)], default, ClusterTiming.Local);

    private static void Run(string program, params string[] arguments)
    {
        using Process run = Process.Start(program, arguments);
        run.WaitForExit();
        Assert.True(run.ExitCode == 0, $"{program} {string.Join(' ', arguments)} (as root) ended with {run.ExitCode}");
    }

    private void Mount(string size)
    {
        Run("mount", "-t", "tmpfs", "-o", $"size={size}", "regroup-share", _directory);
        _mounted = true;
    }

    private FileShareArbiter Make(TimeSpan period) => new FileShareArbiter(new FileShareOptions
    {
        Path = _directory, AllowLocalDirectory = true, OwnershipPeriod = period, RenewInterval = period / 4, CallDeadline = TimeSpan.FromSeconds(2),
    });
}
