// Everything a host sets can be written in a file or in the environment.
using System.Text;
using Membership.Engine;
using Membership.Engine.Runtime;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Xunit;

namespace Membership.Provider.Tests;

public sealed class OptionsBindingTests
{
    private const string Whole = """
        { "RegroupMembership": {
            "ClusterId": "plant", "Self": 2, "StoreDirectory": "/var/lib/plant", "LocalEndpoints": [ "0.0.0.0:7400", "0.0.0.0:7401" ],
            "Preset": "Lan", "Timing": { "ClockPeriod": "00:00:00.100", "SendRate": 3, "ReceiveRate": 4 }, "ClockRateBound": 0.02, "RoundTrip": "00:00:00.002",
            "Policy": "NodeAndWitnessMajority", "TieBreaker": "LowestNode", "WitnessPinned": true, "AllowTwoNodesWithoutTieBreaker": true,
            "Bootstrap": true, "CrashEvidence": "ConnectionRefused", "AllowPlainText": true,
            "Keys": [ "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=" ],
            "ArbitrationTimeout": "00:00:20", "ArbitrationEqualizer": "00:00:02", "DiscoveryTime": "00:00:01", "JoinTimeout": "00:00:30",
            "CallbackLimit": "00:00:10", "LeaveTimeout": "00:00:05", "MasterStopTime": "00:00:00.200", "OnHalt": "FailFast",
            "Qualified": false, "MembershipFrameInterval": "00:00:02", "StaleAfter": "00:00:06", "NotificationQueueLength": 64,
            "Quarantine": { "After": 5, "Window": "02:00:00", "Time": "00:00:30", "Limit": "00:10:00" },
            "WitnessFile": { "Directory": "/var/lib/witness", "OwnershipPeriod": "00:00:04", "RenewInterval": "00:00:01.5", "AllowSeveralAddresses": true },
            "Nodes": [
              { "Number": 1, "Endpoints": [ "10.0.0.1:7400", "10.1.0.1:7401" ] },
              { "Number": 2, "Votes": 3, "Endpoints": [ "10.0.0.2:7400", "[fd00::2]:7401" ] } ] } }
        """;

    [Fact]
    public void Node_majority_is_one_word_in_code()
    {
        var services = new ServiceCollection();
        services.AddRegroupMembership(static options => options.Self = 1).UseNodeMajority(TieBreaker.LowestNode);
        using ServiceProvider provider = services.BuildServiceProvider();
        var options = new RegroupMembershipOptions();
        foreach (IConfigureOptions<RegroupMembershipOptions> configure in provider.GetServices<IConfigureOptions<RegroupMembershipOptions>>()) configure.Configure(options);
        Assert.Equal((QuorumPolicy.NodeMajority, TieBreaker.LowestNode), (options.Policy!.Value, options.TieBreaker));
    }

    [Fact]
    public void Every_option_can_be_written_in_a_file()
    {
        RegroupMembershipOptions options = Bind(new ConfigurationBuilder().AddJsonStream(new MemoryStream(Encoding.UTF8.GetBytes(Whole))).Build());
        Assert.Equal("plant", options.ClusterId);
        Assert.Equal(2, options.Self);
        Assert.Equal("/var/lib/plant", options.StoreDirectory);
        Assert.Equal(["0.0.0.0:7400", "0.0.0.0:7401"], options.LocalEndpoints);
        Assert.Equal(RegroupPreset.Lan, options.Preset);
        Assert.Equal(new ClusterTiming(TimeSpan.FromMilliseconds(100), 3, 4), options.EffectiveTiming);
        Assert.Equal(0.02, options.ClockRateBound);
        Assert.Equal(TimeSpan.FromMilliseconds(2), options.RoundTrip);
        Assert.Equal(QuorumPolicy.NodeAndWitnessMajority, options.Policy);
        Assert.Equal(TieBreaker.LowestNode, options.TieBreaker);
        Assert.True(options.WitnessPinned);
        Assert.True(options.AllowTwoNodesWithoutTieBreaker);
        Assert.True(options.Bootstrap);
        Assert.Equal(CrashEvidence.ConnectionRefused, options.CrashEvidence);
        Assert.True(options.AllowPlainText);
        Assert.Single(options.Keys);
        Assert.Equal(TimeSpan.FromSeconds(20), options.ArbitrationTimeout);
        Assert.Equal(TimeSpan.FromSeconds(2), options.ArbitrationEqualizer);
        Assert.Equal(TimeSpan.FromSeconds(1), options.DiscoveryTime);
        Assert.Equal(TimeSpan.FromSeconds(30), options.JoinTimeout);
        Assert.Equal(TimeSpan.FromSeconds(10), options.CallbackLimit);
        Assert.Equal(TimeSpan.FromSeconds(5), options.LeaveTimeout);
        Assert.Equal(TimeSpan.FromMilliseconds(200), options.EffectiveMasterStopTime);
        Assert.Equal(HaltPolicy.FailFast, options.OnHalt);
        Assert.False(options.Qualified);
        Assert.Equal(TimeSpan.FromSeconds(2), options.MembershipFrameInterval);
        Assert.Equal(TimeSpan.FromSeconds(6), options.StaleAfter);
        Assert.Equal(64, options.NotificationQueueLength);
        Assert.Equal(
            new QuarantineOptions { After = 5, Window = TimeSpan.FromHours(2), Time = TimeSpan.FromSeconds(30), Limit = TimeSpan.FromMinutes(10) }, NodeOptionsMapping.ToNodeOptions(options, null).Quarantine);
        Assert.Equal(QuarantineOptions.Default, NodeOptionsMapping.ToNodeOptions(new RegroupMembershipOptions(), null).Quarantine);
        Assert.Equal("/var/lib/witness", options.WitnessFile.Directory);
        Assert.Equal(TimeSpan.FromSeconds(4), options.WitnessFile.OwnershipPeriod);
        Assert.Equal(TimeSpan.FromSeconds(1.5), options.WitnessFile.RenewInterval);
        Assert.True(options.WitnessFile.AllowSeveralAddresses);
        Assert.Equal([1, 2], options.Nodes.Select(static node => node.Number));
        Assert.Equal([1, 3], options.Nodes.Select(static node => node.Votes));
        Assert.Equal(["10.0.0.2:7400", "[fd00::2]:7401"], options.Nodes[1].Endpoints);
    }

    [Fact]
    public void The_environment_overrides_the_file()
    {
        const string prefix = "REGROUP_BINDING_TEST_";
        Environment.SetEnvironmentVariable(prefix + "RegroupMembership__Self", "1");
        Environment.SetEnvironmentVariable(prefix + "RegroupMembership__Nodes__0__Endpoints__0", "10.9.9.9:7400");
        RegroupMembershipOptions options = Bind(new ConfigurationBuilder()
            .AddJsonStream(new MemoryStream(Encoding.UTF8.GetBytes(Whole))).AddEnvironmentVariables(prefix).Build());
        Assert.Equal(1, options.Self);
        Assert.Equal(["10.9.9.9:7400", "10.1.0.1:7401"], options.Nodes[0].Endpoints);
    }

    [Theory]
    [InlineData(RegroupPreset.Default, 300)]
    [InlineData(RegroupPreset.Lan, 125)]
    [InlineData(RegroupPreset.Local, 50)]
    public void A_preset_sets_the_clock_values(RegroupPreset preset, int milliseconds)
        => Assert.Equal(new ClusterTiming(TimeSpan.FromMilliseconds(milliseconds), 4, 2), new RegroupMembershipOptions { Preset = preset }.EffectiveTiming);

    [Fact]
    public void A_misspelt_option_is_an_error_that_names_it()
    {
        IConfigurationRoot configuration = new ConfigurationBuilder().AddInMemoryCollection([new("RegroupMembership:Slef", "1")]).Build();
        Assert.Contains("Slef", Assert.Throws<InvalidOperationException>(() => Bind(configuration)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"Keys\": null")]
    [InlineData("\"LocalEndpoints\": null")]
    [InlineData("\"Timing\": null")]
    [InlineData("\"Quarantine\": null")]
    [InlineData("\"WitnessFile\": null")]
    [InlineData("\"Nodes\": null")]
    [InlineData("\"ClusterId\": null")]
    [InlineData("\"StoreDirectory\": null")]
    [InlineData("\"Keys\": [ null ]")]
    [InlineData("\"LocalEndpoints\": [ null ]")]
    [InlineData("\"Nodes\": [ null ]")]
    [InlineData("\"Nodes\": [ { \"Number\": 1, \"Endpoints\": null } ]")]
    [InlineData("\"Nodes\": [ { \"Number\": 1, \"Endpoints\": [ null ] } ]")]
    public void A_null_in_a_file_is_as_good_as_nothing_written(string json)
    {
        IConfigurationRoot configuration = new ConfigurationBuilder().AddJsonStream(new MemoryStream(Encoding.UTF8.GetBytes($"{{ \"RegroupMembership\": {{ {json} }} }}"))).Build();
        var services = new ServiceCollection();
        services.AddRegroupMembership(configuration.GetSection(RegroupMembershipOptions.SectionName));
        using ServiceProvider provider = services.BuildServiceProvider();
        Assert.Throws<OptionsValidationException>(() => provider.GetRequiredService<IOptions<RegroupMembershipOptions>>().Value);
    }

    private static RegroupMembershipOptions Bind(IConfiguration configuration)
    {
        var services = new ServiceCollection();
        services.AddRegroupMembership(configuration.GetSection(RegroupMembershipOptions.SectionName));
        // The values as bound, valid or not: what is checked has its own tests.
        var options = new RegroupMembershipOptions();
        foreach (IConfigureOptions<RegroupMembershipOptions> configure in services.BuildServiceProvider().GetServices<IConfigureOptions<RegroupMembershipOptions>>())
            configure.Configure(options);
        return options;
    }
}
