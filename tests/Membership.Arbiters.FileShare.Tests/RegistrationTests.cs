// The options and the one line in a host's set-up.
using Membership.Engine.Arbitration;
using Membership.Provider;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Xunit;

namespace Membership.Arbiters.FileShare.Tests;

public sealed class RegistrationTests
{
    [Fact]
    public async Task One_line_makes_the_share_the_hosts_witness()
    {
        var services = new ServiceCollection();
        RegroupMembershipBuilder builder = services.AddRegroupMembership(static _ => { }).UseFileShareWitness(static options => options.Path = "/mnt/witness");
        Assert.Same(services, builder.Services);
        await using ServiceProvider provider = services.BuildServiceProvider();
        await using IQuorumArbiter arbiter = provider.GetRequiredService<ArbiterRegistration>().Create(provider);
        Assert.Equal("file-share witness /mnt/witness", arbiter.Description);
        Assert.Equal(TimeSpan.FromSeconds(2), arbiter.RenewInterval);
    }

    [Fact]
    public void Wrong_options_stop_the_host_at_its_start_and_each_is_named()
    {
        var services = new ServiceCollection();
        services.AddRegroupMembership(static _ => { }).UseFileShareWitness(static options =>
        {
            options.Path = "not/rooted";
            options.Password = "secret";
            options.OwnershipPeriod = TimeSpan.FromSeconds(0.4);
            options.RenewInterval = TimeSpan.FromSeconds(0.3);
            options.CallDeadline = TimeSpan.FromSeconds(99);
        });
        using ServiceProvider provider = services.BuildServiceProvider();
        var refused = Assert.Throws<OptionsValidationException>(() => _ = provider.GetRequiredService<IOptions<FileShareOptions>>().Value);
        Assert.Equal(6, refused.Failures.Count());
        Assert.DoesNotContain("secret", refused.Message, StringComparison.Ordinal);
        foreach (string word in (string[])["'not/rooted'", "for smb:// paths", "without UserName", "OwnershipPeriod is", "RenewInterval is", "CallDeadline is"])
            Assert.Contains(refused.Failures, failure => failure.Contains(word, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Each_cluster_of_a_process_has_a_witness_with_options_of_its_own()
    {
        var services = new ServiceCollection();
        services.AddRegroupMembership("red", static _ => { }).UseFileShareWitness(static options => options.Path = "/mnt/red");
        services.AddRegroupMembership("blue", static _ => { }).UseFileShareWitness(Section(("Path", "/mnt/blue"), ("RenewInterval", "00:00:01")));
        services.AddRegroupMembership(static _ => { }).UseFileShareWitness(static options => options.Path = "not/rooted");
        await using ServiceProvider provider = services.BuildServiceProvider();
        await using IQuorumArbiter red = provider.GetRequiredKeyedService<ArbiterRegistration>("red").Create(provider);
        await using IQuorumArbiter blue = provider.GetRequiredKeyedService<ArbiterRegistration>("blue").Create(provider);
        Assert.Equal(("file-share witness /mnt/red", TimeSpan.FromSeconds(2)), (red.Description, red.RenewInterval));
        Assert.Equal(("file-share witness /mnt/blue", TimeSpan.FromSeconds(1)), (blue.Description, blue.RenewInterval));
        Assert.Throws<OptionsValidationException>(() => provider.GetRequiredService<ArbiterRegistration>().Create(provider));
    }

    [Fact]
    public void A_name_that_no_option_has_is_refused_and_named()
    {
        var services = new ServiceCollection();
        services.AddRegroupMembership(static _ => { }).UseFileShareWitness(Section(("Path", "/mnt/witness"), ("RenewIntervall", "00:00:01")));
        using ServiceProvider provider = services.BuildServiceProvider();
        var refused = Assert.Throws<InvalidOperationException>(() => provider.GetRequiredService<ArbiterRegistration>().Create(provider));
        Assert.Contains("RenewIntervall", refused.Message, StringComparison.Ordinal);
    }

    private static IConfigurationSection Section(params (string Name, string Value)[] settings) => new ConfigurationBuilder()
        .AddInMemoryCollection(settings.Select(static setting => KeyValuePair.Create($"{FileShareOptions.SectionName}:{setting.Name}", (string?)setting.Value))).Build()
        .GetSection(FileShareOptions.SectionName);

    [Theory]
    [InlineData("smb://server", false)]
    [InlineData("smb://server/share", true)]
    [InlineData("smb://user@server/share", false)]
    [InlineData("smb://server:445/share/a/b", true)]
    [InlineData(@"\\server\share\a", true)]
    [InlineData("", false)]
    [InlineData("/mnt/share", true)]
    public void A_path_is_a_mounted_one_a_unc_one_or_an_smb_address(string path, bool good)
        => Assert.Equal(good, new FileShareOptions { Path = path }.Validate().Count == 0);

    [Theory]
    [InlineData("smb://admin:S3cret@server/share")]
    [InlineData("smb://admin:S3cret@x@server:445/share/a")]
    [InlineData("smb://server/share?password=S3cret")]
    [InlineData("smb://admin:S3cret@")]
    public void A_password_in_the_path_is_refused_and_not_repeated(string path)
    {
        string refused = Assert.Single(new FileShareOptions { Path = path }.Validate());
        Assert.DoesNotContain("S3cret", refused, StringComparison.Ordinal);
        Assert.Contains("Password", refused, StringComparison.Ordinal);
    }

    [Fact]
    public void The_arbiter_knows_the_engine_and_not_the_hosts_side()
        => Assert.DoesNotContain(typeof(FileShareArbiter).Assembly.GetReferencedAssemblies(), static name => name.Name!.StartsWith("Membership.Provider", StringComparison.Ordinal));
}
