// The suite is able to fail: for every planted defect there is a case that catches it, and the same case passes without it.
using Xunit;
using Xunit.Sdk;

namespace Membership.Arbiters.Conformance.Tests;

public sealed class SuiteCanFailTests
{
    [Fact]
    public Task An_arbiter_without_a_challenge_wait_is_caught()
        => CaughtAsync<NoWait>(static suite => suite.Takeover.A_killed_owner_is_left_alone_for_its_period_and_replaced_within_the_bound(), "believed to own");

    [Fact]
    public Task An_arbiter_that_counts_its_ownership_from_after_the_call_is_caught()
        => CaughtAsync<FromAfter>(static suite => suite.Takeover.A_killed_owner_is_left_alone_for_its_period_and_replaced_within_the_bound(), "believed to own");

    [Fact]
    public Task An_arbiter_that_believes_too_long_is_caught()
        => CaughtAsync<Believer>(static suite => suite.Takeover.A_stopped_owner_is_replaced_and_knows_when_it_goes_on_that_it_has_lost(), "\"no\"");

    [Fact]
    public Task An_arbiter_that_ignores_its_deadline_is_caught()
        => CaughtAsync<Deaf>(static suite => suite.Answers.A_challenge_ends_when_its_token_does_and_harms_nobody(), "was its limit");

    [Fact]
    public Task An_arbiter_that_forgets_what_it_wrote_is_caught()
        => CaughtAsync<Forgetful>(static suite => suite.Answers.The_record_never_goes_back_in_epoch(), "Success 9 ");

    [Fact]
    public Task An_arbiter_that_never_releases_is_caught()
        => CaughtAsync<Clinging>(static suite => suite.Answers.What_was_given_up_is_taken_at_once_and_what_was_recorded_is_read(), "Success");

    [Fact]
    public Task An_arbiter_that_accepts_any_set_up_is_caught()
        => CaughtAsync<Uncritical>(static suite => suite.Answers.A_set_up_that_cannot_work_is_refused_at_the_start_with_the_value_and_what_to_do(), "it was accepted");

    [Fact]
    public Task An_arbiter_that_gives_the_witness_up_when_it_is_disposed_of_while_its_node_still_believes_is_caught()
        => CaughtAsync<LettingGo>(static suite => suite.Disposal.An_owner_that_is_disposed_of_is_left_alone_for_its_period_and_replaced_within_the_bound(), "before the time of the one");

    [Fact]
    public async Task An_arbiter_that_throws_or_hangs_when_it_is_disposed_of_is_caught()
    {
        await Assert.ThrowsAsync<ObjectDisposedException>(() => PlayAsync<Throwing>(static suite => suite.Disposal.A_challenge_under_way_ends_as_an_answer_when_its_arbiter_is_disposed_of_and_holds_nothing()));
        await Assert.ThrowsAsync<TimeoutException>(() => PlayAsync<Hanging>(static suite => suite.Disposal.A_challenge_under_way_ends_as_an_answer_when_its_arbiter_is_disposed_of_and_holds_nothing()));
    }

    private static async Task PlayAsync<TBackend>(Func<Suite<TBackend>, Task> testCase)
        where TBackend : ArbiterBackend, new()
    {
        await using var suite = new Suite<TBackend>();
        await suite.InitializeAsync();
        await testCase(suite);
    }

    private static async Task CaughtAsync<TBackend>(Func<Suite<TBackend>, Task> testCase, string word)
        where TBackend : ArbiterBackend, new()
    {
        XunitException caught = await Assert.ThrowsAnyAsync<XunitException>(() => PlayAsync(testCase));
        Assert.Contains(word, caught.Message, StringComparison.Ordinal);
    }

    private sealed class Answers<TBackend> : ArbiterConformance<TBackend>
        where TBackend : ArbiterBackend, new();

    private sealed class Takeover<TBackend> : TakeoverConformance<TBackend>
        where TBackend : ArbiterBackend, new();

    private sealed class Disposal<TBackend> : DisposalConformance<TBackend>
        where TBackend : ArbiterBackend, new();

    private sealed class Suite<TBackend> : IAsyncDisposable
        where TBackend : ArbiterBackend, new()
    {
        public Answers<TBackend> Answers { get; } = new();

        public Takeover<TBackend> Takeover { get; } = new();

        public Disposal<TBackend> Disposal { get; } = new();

        public async Task InitializeAsync()
        {
            await Answers.InitializeAsync();
            await Takeover.InitializeAsync();
            await Disposal.InitializeAsync();
        }

        public async ValueTask DisposeAsync()
        {
            await Answers.DisposeAsync();
            await Takeover.DisposeAsync();
            await Disposal.DisposeAsync();
        }
    }

    private sealed class LettingGo : LongWitnessFiles
    {
        protected override string Defect => "lets-go-when-disposed";
    }

    private sealed class Throwing : LongWitnessFiles
    {
        protected override string Defect => "throws-when-disposed";
    }

    private sealed class Hanging : LongWitnessFiles
    {
        protected override string Defect => "hangs-when-disposed";
    }

    private sealed class NoWait : WitnessFiles
    {
        protected override string Defect => "no-challenge-wait";
    }

    private sealed class FromAfter : WitnessFiles
    {
        /// <summary>Long, so that a slow machine does not hide what is to be seen.</summary>
        public override TimeSpan OwnershipPeriod => TimeSpan.FromSeconds(3);

        protected override string Defect => "counts-from-after-the-call";
    }

    private sealed class Believer : WitnessFiles
    {
        protected override string Defect => "believes-for-ever";
    }

    private sealed class Deaf : WitnessFiles
    {
        protected override string Defect => "ignores-its-token";
    }

    private sealed class Forgetful : WitnessFiles
    {
        protected override string Defect => "forgets-what-it-wrote";
    }

    private sealed class Clinging : WitnessFiles
    {
        protected override string Defect => "never-releases";
    }

    private sealed class Uncritical : WitnessFiles
    {
        protected override string Defect => "accepts-anything";
    }
}
