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

    private static async Task CaughtAsync<TBackend>(Func<(Answers<TBackend> Answers, Takeover<TBackend> Takeover), Task> testCase, string word)
        where TBackend : ArbiterBackend, new()
    {
        await using var answers = new Answers<TBackend>();
        await using var takeover = new Takeover<TBackend>();
        await answers.InitializeAsync();
        await takeover.InitializeAsync();
        XunitException caught = await Assert.ThrowsAnyAsync<XunitException>(() => testCase((answers, takeover)));
        Assert.Contains(word, caught.Message, StringComparison.Ordinal);
    }

    private sealed class Answers<TBackend> : ArbiterConformance<TBackend>
        where TBackend : ArbiterBackend, new();

    private sealed class Takeover<TBackend> : TakeoverConformance<TBackend>
        where TBackend : ArbiterBackend, new();

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
