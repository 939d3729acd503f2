// Every bad option fails at start with what is wrong, the value, and what to do.
using Membership.Engine;
using Membership.Engine.Runtime;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Xunit;

namespace Membership.Provider.Tests;

public sealed class OptionsValidationTests
{
    public static TheoryData<string, Action<RegroupMembershipOptions>, string[]> BadOptions => new()
    {
        { "no cluster id", static o => o.ClusterId = "", ["ClusterId is empty", "give the cluster a name"] },
        { "no store", static o => o.StoreDirectory = " ", ["StoreDirectory is empty", "name a directory"] },
        { "no nodes", static o => o.Nodes = [], ["Nodes is empty", "list every node"] },
        { "duplicate numbers", static o => o.Nodes[1].Number = 1, ["the number 1 twice", "of its own"] },
        { "number 0", static o => o.Nodes[1].Number = 0, ["the number 0", "1..1024"] },
        { "number too large", static o => o.Nodes[1].Number = 1025, ["the number 1025", "1..1024"] },
        { "own number missing", static o => o.Self = 9, ["Self is 9", "1, 2, 3", "correct Self"] },
        { "own number 0", static o => o.Self = 0, ["Self is 0", "1..1024"] },
        { "negative votes", static o => o.Nodes[2].Votes = -1, ["Node 3 has -1 votes", "0..1000"] },
        { "no endpoint", static o => o.Nodes[0].Endpoints = [], ["Node 1 has 0 endpoints", "one per path"] },
        { "no port", static o => o.Nodes[0].Endpoints = ["10.0.0.1"], ["'10.0.0.1'", "host:port"] },
        { "bad port", static o => o.Nodes[0].Endpoints = ["10.0.0.1:99999"], ["99999", "65535"] },
        { "duplicate endpoints", static o => o.Nodes[1].Endpoints = ["127.0.0.1:7401"], ["'127.0.0.1:7401'", "node 1", "node 2"] },
        { "uneven paths", static o => o.Nodes[2].Endpoints = ["127.0.0.1:7403", "127.0.0.1:7503"], ["Node 3 has 2 endpoints", "one per path"] },
        { "local endpoints", static o => o.LocalEndpoints = ["0.0.0.0:1", "0.0.0.0:2"], ["LocalEndpoints has 2 entries", "(1)"] },
        { "zero period", static o => o.Timing.ClockPeriod = TimeSpan.Zero, ["Timing.ClockPeriod is 0 ms", "5 ms to 10 s"] },
        { "send rate", static o => o.Timing.SendRate = 101, ["Timing.SendRate is 101", "1..100"] },
        { "receive rate", static o => o.Timing.ReceiveRate = 1, ["Timing.ReceiveRate is 1", "2..100"] },
        { "lease too short", static o => { o.Preset = RegroupPreset.Local; o.RoundTrip = TimeSpan.FromSeconds(1); }, ["lasts 396 ms", "1200 ms", "lengthen ClockPeriod"] },
        { "clock rate", static o => o.ClockRateBound = 0.5, ["ClockRateBound is 0.5", "0..0.2"] },
        { "two nodes alone", static o => o.Nodes.RemoveAt(2), ["two nodes", "TieBreaker", "AllowTwoNodesWithoutTieBreaker"] },
        { "witness policy without witness", static o => o.Policy = QuorumPolicy.WitnessOnly, ["Policy is WitnessOnly", "register one"] },
        { "no keys", static o => o.AllowPlainText = false, ["Keys is not set", "KeyRing.Generate()"] },
        { "key size", static o => o.Keys = ["AAECAwQFBgcICQoLDA0ODw=="], ["Keys:", "16 bytes", "exactly 32"] },
        { "key text", static o => o.Keys = ["not base64!"], ["Keys:", "not base64", "openssl rand -base64 32"] },
        { "preset", static o => o.Preset = (RegroupPreset)7, ["Preset is 7", "Default, Lan or Local"] },
        { "halt policy", static o => o.OnHalt = (HaltPolicy)9, ["OnHalt is 9", "StopHost"] },
        { "callback missing", static o => o.OnHalt = HaltPolicy.Callback, ["HaltCallback is not set", "StopHost or FailFast"] },
        { "leave timeout", static o => o.LeaveTimeout = TimeSpan.FromSeconds(-1), ["LeaveTimeout is -00:00:01", "10 minutes"] },
        { "master stop time", static o => o.MasterStopTime = TimeSpan.FromSeconds(2), ["MasterStopTime is 00:00:02", "00:00:02.4", "L/8"] },
        { "arbitration timeout", static o => o.ArbitrationTimeout = TimeSpan.Zero, ["ArbitrationTimeout is 00:00:00", "00:00:01"] },
        { "witness period", static o => { o.WitnessFile.Directory = "w"; o.WitnessFile.OwnershipPeriod = TimeSpan.FromMinutes(2); }, ["WitnessFile.OwnershipPeriod is 00:02:00", "60 s"] },
        { "witness renewal", static o => { o.WitnessFile.Directory = "w"; o.WitnessFile.RenewInterval = TimeSpan.FromSeconds(2); }, ["WitnessFile.RenewInterval is 00:00:02", "at most half"] },
        { "witness of several machines", static o => { o.WitnessFile.Directory = "w"; o.Nodes[1].Endpoints = ["db2:7401"]; }, ["WitnessFile.Directory is 'w'", "node 2 at 'db2'", "AllowSeveralAddresses"] },
        { "frames", static o => o.MembershipFrameInterval = TimeSpan.FromMinutes(2), ["MembershipFrameInterval is 00:02:00", "00:01:00"] },
        { "stale too soon", static o => o.StaleAfter = TimeSpan.FromSeconds(8), ["StaleAfter is 00:00:08", "two and a half times"] },
        { "queue", static o => o.NotificationQueueLength = 0, ["NotificationQueueLength is 0", "1..1000000"] },
        { "quarantine count", static o => o.Quarantine.After = -1, ["Quarantine.After is -1", "1..1000", "0 for no quarantine"] },
        { "quarantine time", static o => o.Quarantine.Time = TimeSpan.FromHours(2), ["Quarantine.Time is 02:00:00", "Quarantine.Limit, 01:00:00"] },
        { "quarantine window", static o => o.Quarantine.Window = TimeSpan.Zero, ["Quarantine.Window is 00:00:00", "00:00:01"] },
        { "quarantine limit", static o => o.Quarantine.Limit = TimeSpan.FromDays(8), ["Quarantine.Limit is 8.00:00:00", "7.00:00:00"] },
        { "crash evidence", static o => o.CrashEvidence = (CrashEvidence)5, ["CrashEvidence is 5", "ConnectionRefused"] },
    };

    [Theory]
    [MemberData(nameof(BadOptions))]
    public void A_bad_option_is_refused_with_what_which_value_and_what_to_do(string what, Action<RegroupMembershipOptions> spoil, string[] words)
    {
        OptionsValidationException failure = Assert.Throws<OptionsValidationException>(() => Validate(spoil));
        string message = Assert.Single(failure.Failures, message => words.All(word => message.Contains(word, StringComparison.Ordinal)));
        Assert.True(message.Length > 30, what);
    }

    [Fact]
    public void Good_options_are_accepted()
    {
        Validate(static _ => { });
        Validate(static options =>
        {
            options.Nodes.RemoveAt(2);
            options.WitnessFile.Directory = "witness";
        });
        Validate(static options =>
        {
            options.WitnessFile.Directory = "witness";
            options.WitnessFile.AllowSeveralAddresses = true;
            options.Nodes[1].Endpoints = ["10.0.0.2:7401"];
        });
        Validate(static options =>
        {
            options.AllowPlainText = false;
            options.Keys = ["AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="];
        });
    }

    [Fact]
    public void A_secret_never_shows_in_a_message()
    {
        const string secret = "c2VjcmV0IHNlY3JldCBzZWNyZXQ=";
        OptionsValidationException failure = Assert.Throws<OptionsValidationException>(() => Validate(static options => options.Keys = [secret]));
        Assert.DoesNotContain(secret, failure.ToString(), StringComparison.Ordinal);
    }

    private static void Validate(Action<RegroupMembershipOptions> spoil)
    {
        var services = new ServiceCollection();
        services.AddRegroupMembership(options =>
        {
            options.ClusterId = "tests";
            options.Self = 1;
            options.StoreDirectory = "store";
            options.AllowPlainText = true;
            for (int number = 1; number <= 3; number++)
                options.Nodes.Add(new RegroupNodeOptions { Number = number, Endpoints = [$"127.0.0.1:{7400 + number}"] });
            spoil(options);
        });
        using ServiceProvider provider = services.BuildServiceProvider();
        _ = provider.GetRequiredService<IOptions<RegroupMembershipOptions>>().Value;
    }
}
