// The embedded witness inside one process: what each call answers, and what is refused.
using System.Diagnostics;
using Membership.Engine.Arbitration;
using Membership.Engine.Storage;
using Membership.Engine.Runtime;
using Membership.Engine.Tests.Runtime;
using Xunit;

namespace Membership.Engine.Tests.Arbitration;

public sealed class WitnessFileArbiterTests : IDisposable
{
    private static readonly CancellationToken None = CancellationToken.None;
    private readonly TestDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_blank_witness_is_won_at_once_for_almost_the_period()
    {
        await using WitnessFileArbiter arbiter = Create();
        Assert.Null(await arbiter.CheckAsync(Identity(1), None));
        WitnessResult result = await arbiter.ArbitrateAsync(Identity(1), None);
        Assert.Equal(WitnessOutcome.Success, result.Outcome);
        Assert.InRange(result.OwnedFor, TimeSpan.FromMilliseconds(500), TimeSpan.FromMilliseconds(500 * 0.99 + 500));
        Assert.Empty(result.Views);
    }

    [Fact]
    public async Task A_defended_witness_is_lost_as_soon_as_the_owner_renews()
    {
        await using WitnessFileArbiter owner = Create(), challenger = Create();
        await owner.CheckAsync(Identity(1), None);
        await owner.ArbitrateAsync(Identity(1), None);
        ValueTask<WitnessResult> challenge = challenger.ArbitrateAsync(Identity(2), None);
        while (!challenge.IsCompleted)
        {
            Assert.Equal(WitnessOutcome.Success, (await owner.RenewAsync(Identity(1), None)).Outcome);
            await Task.Delay(20, None);
        }
        Assert.Equal(WitnessOutcome.Lost, (await challenge).Outcome);
    }

    [Fact]
    public async Task An_owner_that_stops_renewing_is_replaced_and_then_hears_that_it_lost()
    {
        await using WitnessFileArbiter owner = Create(), challenger = Create();
        await owner.CheckAsync(Identity(1), None);
        await owner.ArbitrateAsync(Identity(1), None);
        Assert.Equal(WitnessOutcome.Success, (await challenger.ArbitrateAsync(Identity(2), None)).Outcome);
        Assert.Equal(WitnessOutcome.Lost, (await owner.RenewAsync(Identity(1), None)).Outcome);
        Assert.Equal(WitnessOutcome.Lost, (await owner.WriteSlotAsync(Identity(1), [View(1)], None)).Outcome);
        Assert.Equal(WitnessOutcome.Success, (await challenger.RenewAsync(Identity(2), None)).Outcome);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_directory_that_hangs_ends_each_call_by_its_token_or_by_the_arbiters_own_limit(bool withToken)
    {
        string directory = _directory.At("witness"), hanging = Path.Combine(directory, "witness.0000000000000000005");
        Directory.CreateDirectory(directory);
        // Opening it to read blocks in the kernel until somebody opens it to write.
        using (Process make = Process.Start("mkfifo", hanging)) await make.WaitForExitAsync(None);
        TimeSpan brief = TimeSpan.FromSeconds(0.3), patient = TimeSpan.FromSeconds(60), limit = TimeSpan.FromSeconds(10);
        await using var arbiter = new WitnessFileArbiter(new WitnessFileOptions
        {
            Directory = directory, OwnershipPeriod = withToken ? patient : brief, RenewInterval = brief / 3, CallDeadline = withToken ? patient : brief,
        });
        async Task InTimeAsync(Func<CancellationToken, Task> call)
        {
            using var token = new CancellationTokenSource(withToken ? brief : Timeout.InfiniteTimeSpan);
            await call(token.Token).WaitAsync(limit, None);
        }

        await InTimeAsync(async token => Assert.NotNull(await arbiter.CheckAsync(Identity(1), token)));
        await InTimeAsync(async token => Assert.Equal(WitnessOutcome.Unknown, (await arbiter.ArbitrateAsync(Identity(1), token)).Outcome));
        await InTimeAsync(async token => Assert.Equal(WitnessOutcome.Unknown, (await arbiter.RenewAsync(Identity(1), token)).Outcome));
        await InTimeAsync(async token => Assert.Equal(WitnessOutcome.Unknown, (await arbiter.WriteSlotAsync(Identity(1), [View(1)], token)).Outcome));
        await InTimeAsync(async token => await arbiter.ReleaseAsync(Identity(1), token));
        await using (new FileStream(hanging, FileMode.Open, FileAccess.Write)) File.Delete(hanging);
    }

    [Fact]
    public async Task A_released_witness_is_taken_at_once_and_what_was_recorded_is_read()
    {
        await using WitnessFileArbiter first = Create(TimeSpan.FromSeconds(60)), second = Create(TimeSpan.FromSeconds(60));
        await first.CheckAsync(Identity(1), None);
        await first.ArbitrateAsync(Identity(1), None);
        Assert.Equal(WitnessOutcome.Success, (await first.WriteSlotAsync(Identity(1), [View(4), View(6)], None)).Outcome);
        await first.ReleaseAsync(Identity(1), None);
        Assert.Equal(WitnessOutcome.Lost, (await first.RenewAsync(Identity(1), None)).Outcome);
        WitnessResult result = await second.ArbitrateAsync(Identity(2), None);
        Assert.Equal(WitnessOutcome.Success, result.Outcome);
        Assert.Equal([4L, 6L], result.Views.Select(static view => view.Epoch.Value));
    }

    [Fact]
    public async Task A_slot_never_goes_back_in_epoch()
    {
        await using WitnessFileArbiter arbiter = Create();
        await arbiter.CheckAsync(Identity(1), None);
        await arbiter.ArbitrateAsync(Identity(1), None);
        await arbiter.WriteSlotAsync(Identity(1), [View(4), View(9)], None);
        await arbiter.WriteSlotAsync(Identity(1), [View(5)], None);
        WitnessResult result = await arbiter.ArbitrateAsync(Identity(1), None);
        Assert.Equal([5L, 9L], result.Views.Select(static view => view.Epoch.Value));
    }

    [Fact]
    public async Task A_new_life_of_the_owner_waits_like_anybody_else()
    {
        await using WitnessFileArbiter old = Create(), young = Create();
        await old.CheckAsync(Identity(1), None);
        await old.ArbitrateAsync(Identity(1), None);
        using var soon = new CancellationTokenSource(TimeSpan.FromMilliseconds(200));
        Assert.Equal(WitnessOutcome.Unknown, (await young.ArbitrateAsync(Identity(1, incarnation: 2), soon.Token)).Outcome);
        Assert.Equal(WitnessOutcome.Success, (await young.ArbitrateAsync(Identity(1, incarnation: 2), None)).Outcome);
    }

    [Fact]
    public async Task Watching_before_the_challenge_counts_towards_the_wait()
    {
        var time = new ManualTime();
        await using WitnessFileArbiter owner = Create();
        await using var challenger = new WitnessFileArbiter(OptionsWith(TimeSpan.FromSeconds(60)), new MonotonicClock(time));
        await owner.CheckAsync(Identity(1), None);
        await owner.ArbitrateAsync(Identity(1), None);
        await challenger.CheckAsync(Identity(2), None);
        time.Advance(TimeSpan.FromMilliseconds(600 * 1.01));
        Assert.Equal(WitnessOutcome.Success, (await challenger.ArbitrateAsync(Identity(2), None)).Outcome);
    }

    [Fact]
    public async Task A_witness_of_another_cluster_is_refused_with_both_names()
    {
        await using WitnessFileArbiter ours = Create(), theirs = Create();
        await ours.CheckAsync(Identity(1), None);
        await ours.ArbitrateAsync(Identity(1), None);
        var foreign = new ArbiterIdentity("other", new NodeId(1), new Incarnation(1));
        string? trouble = await theirs.CheckAsync(foreign, None);
        Assert.Contains("'c'", trouble, StringComparison.Ordinal);
        Assert.Contains("'other'", trouble, StringComparison.Ordinal);
        Assert.Equal(WitnessOutcome.Unknown, (await theirs.ArbitrateAsync(foreign, None)).Outcome);
    }

    [Fact]
    public async Task A_damaged_witness_is_an_error_that_names_the_file()
    {
        await using WitnessFileArbiter arbiter = Create();
        await arbiter.CheckAsync(Identity(1), None);
        await arbiter.ArbitrateAsync(Identity(1), None);
        string newest = Directory.GetFiles(Witness, "witness.*").Max()!;
        byte[] bytes = File.ReadAllBytes(newest);
        bytes[40] ^= 4;
        File.WriteAllBytes(newest, bytes);
        await using WitnessFileArbiter late = Create();
        Assert.Contains(newest, await late.CheckAsync(Identity(2), None), StringComparison.Ordinal);
        Assert.Equal(WitnessOutcome.Unknown, (await late.ArbitrateAsync(Identity(2), None)).Outcome);
    }

    [Fact]
    public async Task A_witness_of_a_later_version_is_refused_with_what_to_do_and_left_alone()
    {
        await using WitnessFileArbiter arbiter = Create();
        await arbiter.CheckAsync(Identity(1), None);
        await arbiter.ArbitrateAsync(Identity(1), None);
        string newest = Directory.GetFiles(Witness, "witness.*").Max()!;
        byte[] later = RecordFile.Frame("RGWITNS\n"u8, 2, [1, 2, 3]);
        File.WriteAllBytes(newest, later);
        await using WitnessFileArbiter today = Create();
        string? trouble = await today.CheckAsync(Identity(2), None);
        Assert.Contains(newest, trouble, StringComparison.Ordinal);
        Assert.Contains("format version 2 and this program reads version 1. Start this node with the program version that wrote it", trouble, StringComparison.Ordinal);
        Assert.DoesNotContain("damaged", trouble, StringComparison.Ordinal);
        Assert.Equal(WitnessOutcome.Unknown, (await today.ArbitrateAsync(Identity(2), None)).Outcome);
        Assert.Equal(later, File.ReadAllBytes(newest));
    }

    [Fact]
    public async Task Only_the_newest_generations_are_kept()
    {
        await using WitnessFileArbiter arbiter = Create();
        await arbiter.CheckAsync(Identity(1), None);
        await arbiter.ArbitrateAsync(Identity(1), None);
        for (int i = 0; i < 50; i++) await arbiter.RenewAsync(Identity(1), None);
        Assert.InRange(Directory.GetFiles(Witness).Length, 2, 17);
    }

    [Fact]
    public void A_generation_linked_long_after_it_was_deleted_counts_for_nothing()
    {
        Directory.CreateDirectory(Witness);
        var chain = new WitnessChain(Witness, "c");
        WitnessRecord record = WitnessRecord.Blank("c");
        for (int i = 1; i <= 40; i++) Assert.True(chain.TryAppend(record with { Generation = i }, None));
        Assert.False(chain.TryAppend(record with { Generation = 10 }, None));
        Assert.False(chain.TryAppend(record with { Generation = 39 }, None));
        Assert.Equal(40, chain.HighestGeneration());
        Assert.False(File.Exists(Path.Combine(Witness, "witness.0000000000000000010")));
        Assert.True(chain.TryAppend(record with { Generation = 41 }, None));
    }

    [Fact]
    public void Options_out_of_range_are_all_named()
    {
        var options = new WitnessFileOptions { Directory = " ", OwnershipPeriod = TimeSpan.FromMilliseconds(50), RenewInterval = TimeSpan.FromMilliseconds(30), CallDeadline = TimeSpan.Zero };
        Assert.Equal(4, options.Validate().Count);
        ArgumentException refused = Assert.Throws<ArgumentException>(() => new WitnessFileArbiter(options));
        Assert.Contains("OwnershipPeriod", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_directory_that_cannot_be_written_is_named()
    {
        File.WriteAllText(_directory.At("witness"), "a file");
        await using WitnessFileArbiter arbiter = Create();
        Assert.Contains(Witness, await arbiter.CheckAsync(Identity(1), None), StringComparison.Ordinal);
    }

    private string Witness => _directory.At("witness");

    private WitnessFileArbiter Create(TimeSpan? period = null) => new(OptionsWith(period ?? TimeSpan.FromMilliseconds(600)));

    private WitnessFileOptions OptionsWith(TimeSpan period) => new()
    {
        Directory = Witness,
        OwnershipPeriod = period,
        RenewInterval = TimeSpan.FromMilliseconds(100),
        CallDeadline = TimeSpan.FromSeconds(10),
    };

    private static ArbiterIdentity Identity(int node, long incarnation = 1) => new("c", new NodeId(node), new Incarnation(incarnation));

    private static ClusterView View(long epoch)
        => new(new Epoch(epoch), [new ClusterMember(new NodeId(1), new Incarnation(1), 1, 5)], default, ClusterTiming.Local);
}
