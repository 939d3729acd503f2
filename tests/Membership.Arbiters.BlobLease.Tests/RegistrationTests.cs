// The options and the one line in a host's set-up.
using Membership.Engine.Arbitration;
using Membership.Provider;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Xunit;

namespace Membership.Arbiters.BlobLease.Tests;

public sealed class RegistrationTests
{
    private static readonly Uri Service = new("https://example.blob.core.windows.net");

    [Fact]
    public async Task One_line_makes_the_blob_lease_the_hosts_witness()
    {
        var services = new ServiceCollection();
        RegroupMembershipBuilder builder = services.AddRegroupMembership(static _ => { })
            .UseBlobLease(static options => (options.ServiceUri, options.SasToken) = (Service, "sv=1&sig=1"));
        Assert.Same(services, builder.Services);
        await using ServiceProvider provider = services.BuildServiceProvider();
        await using IQuorumArbiter arbiter = provider.GetRequiredService<ArbiterRegistration>().Create(provider);
        Assert.Equal("blob lease https://example.blob.core.windows.net/regroup-witness/witness", arbiter.Description);
        Assert.Equal(TimeSpan.FromSeconds(5), arbiter.RenewInterval);
    }

    [Fact]
    public void Wrong_options_stop_the_host_at_its_start_and_each_is_named()
    {
        var services = new ServiceCollection();
        services.AddRegroupMembership(static _ => { }).UseBlobLease(static options =>
        {
            options.Container = "No_Container";
            options.LeaseDuration = TimeSpan.FromSeconds(14.5);
            options.RenewInterval = TimeSpan.FromSeconds(9);
            options.CallDeadline = TimeSpan.Zero;
        });
        using ServiceProvider provider = services.BuildServiceProvider();
        var refused = Assert.Throws<OptionsValidationException>(() => _ = provider.GetRequiredService<IOptions<BlobLeaseOptions>>().Value);
        Assert.Equal(6, refused.Failures.Count());
        foreach (string word in (string[])["ServiceUri", "0 credentials", "'No_Container'", "00:00:14.5", "RenewInterval is 00:00:09", "CallDeadline is 00:00:00"])
            Assert.Contains(refused.Failures, failure => failure.Contains(word, StringComparison.Ordinal));
    }

    [Fact]
    public void A_request_must_end_before_the_lease_does()
        => Assert.Contains("CallDeadline is 00:00:15", Assert.Single(new BlobLeaseOptions { ConnectionString = "UseDevelopmentStorage=true", CallDeadline = TimeSpan.FromSeconds(15) }.Validate()), StringComparison.Ordinal);

    [Fact]
    public void Two_credentials_half_a_key_and_a_broken_connection_string_are_refused_without_repeating_secrets()
    {
        Assert.Contains("2 credentials", Assert.Single(new BlobLeaseOptions { ServiceUri = Service, SasToken = "x", UseDefaultCredential = true }.Validate()), StringComparison.Ordinal);
        Assert.Contains("needs both", Assert.Single(new BlobLeaseOptions { ServiceUri = Service, AccountName = "a" }.Validate()), StringComparison.Ordinal);
        string refused = Assert.Single(new BlobLeaseOptions { ServiceUri = Service, AccountName = "a", AccountKey = "not base64!" }.Validate());
        Assert.DoesNotContain("not base64!", refused, StringComparison.Ordinal);
        Assert.Contains("ConnectionString", Assert.Single(new BlobLeaseOptions { ConnectionString = "nonsense" }.Validate()), StringComparison.Ordinal);
        Assert.Empty(new BlobLeaseOptions { ConnectionString = "UseDevelopmentStorage=true" }.Validate());
        Assert.Contains("ftp://x/", Assert.Single(new BlobLeaseOptions { ConnectionString = "AccountName=a;AccountKey=AAAA;BlobEndpoint=ftp://x/" }.Validate()), StringComparison.Ordinal);
        foreach (string pasted in (string[])["https://a.blob.core.windows.net/?sv=2024&sig=S3cret%2B", "https://x:S3cret@a.blob.core.windows.net/", "ftp://x:S3cret@a.blob.core.windows.net/?sig=S3cret", "/a?sig=S3cret", "a.blob.core.windows.net/?sig=S3cret"])
        {
            refused = Assert.Single(new BlobLeaseOptions { ServiceUri = new Uri(pasted, UriKind.RelativeOrAbsolute), UseDefaultCredential = true }.Validate());
            Assert.DoesNotContain("S3cret", refused, StringComparison.Ordinal);
            Assert.Contains("SasToken", refused, StringComparison.Ordinal);
        }
        Assert.Contains("https only", Assert.Single(new BlobLeaseOptions { ServiceUri = new Uri("http://a.example"), UseDefaultCredential = true }.Validate()), StringComparison.Ordinal);
    }

    [Fact]
    public void The_arbiter_knows_the_engine_and_not_the_hosts_side()
        => Assert.DoesNotContain(typeof(BlobLeaseArbiter).Assembly.GetReferencedAssemblies(), static name => name.Name!.StartsWith("Membership.Provider", StringComparison.Ordinal));
}
