// The options: what is refused and in which words, and that UseScsiReservation registers and validates.
using Membership.Engine.Arbitration;
using Membership.Provider;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Xunit;

namespace Membership.Arbiters.Scsi.Tests;

public sealed class ScsiOptionsTests
{
    public static TheoryData<string, Action<ScsiReservationOptions>, string[]> Wrong => new()
    {
        { "no way to the LUN", static o => o.Portal = null, ["Device", "Portal", "empty"] },
        { "two ways to the LUN", static o => o.Device = "/dev/sdx", ["/dev/sdx", "p:3260", "one way"] },
        { "no target", static o => o.Target = " ", ["Target", "IQN"] },
        { "a target that is no name", static o => o.Target = "witness", ["'witness'", "iqn."] },
        { "an initiator that is no name", static o => o.InitiatorName = "iqn.x y", ["'iqn.x y'", "iqn."] },
        { "a LUN below zero", static o => o.Lun = -1, ["-1", "16383"] },
        { "a user without a password", static o => o.ChapUser = "u", ["ChapPassword"] },
        { "mutual CHAP alone", static o => (o.MutualChapUser, o.MutualChapPassword) = ("u", "p"), ["ChapUser"] },
        { "a period too short", static o => (o.OwnershipPeriod, o.RenewInterval, o.CommandTimeout) = (TimeSpan.FromSeconds(0.4), TimeSpan.FromSeconds(0.1), TimeSpan.FromSeconds(0.1)), ["00:00:00.4", "6 s"] },
        { "a renewal without a pause", static o => o.RenewInterval = TimeSpan.FromTicks(1), ["00:00:00.0000001", "50 ms"] },
        { "a renewal too rare", static o => o.RenewInterval = TimeSpan.FromSeconds(4), ["00:00:04", "half"] },
        { "a command as long as a period", static o => o.CommandTimeout = TimeSpan.FromSeconds(6), ["00:00:06", "less than"] },
        { "no room", static o => o.MaxNodes = 1, ["MaxNodes is 1", "1024"] },
    };

    [Theory]
    [MemberData(nameof(Wrong), DisableDiscoveryEnumeration = true)]
    public void Wrong_options_are_refused_with_the_value_and_what_to_do(string what, Action<ScsiReservationOptions> spoil, string[] words)
    {
        ScsiReservationOptions options = Good();
        Assert.Empty(options.Validate());
        spoil(options);
        string failure = Assert.Single(options.Validate());
        Assert.All(words, word => Assert.True(failure.Contains(word, StringComparison.Ordinal), $"{what}: '{word}' is not in \"{failure}\"."));
        Assert.Throws<ArgumentException>(() => new ScsiReservationArbiter(options));
    }

    [Fact]
    public void A_secret_before_the_portal_is_refused_and_not_repeated()
    {
        string refused = Assert.Single(new ScsiReservationOptions { Portal = "iscsi://admin%S3cret@10.0.0.9:3260", Target = "iqn.2026-11.test:w" }.Validate());
        Assert.DoesNotContain("S3cret", refused, StringComparison.Ordinal);
        Assert.Contains("ChapPassword", refused, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_host_uses_it_with_one_line()
    {
        var services = new ServiceCollection();
        RegroupMembershipBuilder builder = services.AddRegroupMembership(static _ => { })
            .UseScsiReservation(static options => (options.Portal, options.Target, options.ChapUser, options.ChapPassword) = ("10.0.0.9:3260", "iqn.2026-11.test:w", "u", "not-to-be-shown"));
        Assert.NotNull(builder);
        await using ServiceProvider provider = services.BuildServiceProvider();
        await using IQuorumArbiter arbiter = provider.GetRequiredService<ArbiterRegistration>().Create(provider);
        Assert.IsType<ScsiReservationArbiter>(arbiter);
        Assert.Contains("iqn.2026-11.test:w at 10.0.0.9:3260", arbiter.Description, StringComparison.Ordinal);
        Assert.DoesNotContain("not-to-be-shown", arbiter.Description, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_host_with_wrong_options_hears_it_when_the_arbiter_is_made()
    {
        var services = new ServiceCollection();
        services.AddRegroupMembership(static _ => { }).UseScsiReservation(static options => options.Portal = "10.0.0.9");
        await using ServiceProvider provider = services.BuildServiceProvider();
        OptionsValidationException refused = Assert.Throws<OptionsValidationException>(() => provider.GetRequiredService<ArbiterRegistration>().Create(provider));
        Assert.Contains("Target is empty", refused.Message, StringComparison.Ordinal);
    }

    private static ScsiReservationOptions Good() => new() { Portal = "p:3260", Target = "iqn.2026-11.test:w" };
}
