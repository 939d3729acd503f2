// Every mistake in a node's options is found before anything is opened, and named with its value and the way out.
using Membership.Engine.Runtime;
using Membership.Engine.Wire;
using Xunit;

namespace Membership.Engine.Tests.Runtime;

public sealed class MembershipNodeOptionsTests
{
    private static readonly MembershipNodeOptions Good = new()
    {
        ClusterId = "c",
        Self = 2,
        Nodes = [new(1, ["a.example:7100"]), new(2, ["10.0.0.2:7100"]), new(3, ["[fd00::3]:7100"])],
        StoreDirectory = "/var/lib/x",
        Keys = KeyRing.Generate(),
    };

    private static readonly TimeSpan Millisecond = TimeSpan.FromMilliseconds(1);

    public static TheoryData<string, MembershipNodeOptions, string[]> Mistakes => new()
    {
        { "no cluster", Good with { ClusterId = " " }, ["ClusterId"] },
        { "no nodes", Good with { Nodes = [] }, ["Nodes is empty"] },
        { "number 0", Good with { Nodes = [.. Good.Nodes, new(0, ["b:1"])] }, ["number 0", "1..1024"] },
        { "number 1025", Good with { Nodes = [.. Good.Nodes, new(1025, ["b:1"])] }, ["number 1025", "1..1024"] },
        { "same number", Good with { Nodes = [.. Good.Nodes, new(3, ["b:1"])] }, ["number 3 twice"] },
        { "own number missing", Good with { Self = 7 }, ["Self is 7", "1, 2, 3"] },
        { "own number 0", Good with { Self = 0 }, ["Self is 0"] },
        { "negative votes", Good with { Nodes = [.. Good.Nodes, new(4, ["b:1"], -1)] }, ["-1 votes"] },
        { "nobody has a vote", Good with { Nodes = [new(2, ["b:1"], 0)] }, ["at least one node"] },
        { "no endpoint", Good with { Nodes = [.. Good.Nodes, new(4, [])] }, ["Node 4 has 0 endpoints"] },
        { "other path count", Good with { Nodes = [.. Good.Nodes, new(4, ["b:1", "c:1"])] }, ["Node 4 has 2 endpoints and node 1 has 1"] },
        { "same endpoint", Good with { Nodes = [.. Good.Nodes, new(4, ["A.example:7100"])] }, ["'A.example:7100'", "node 1", "node 4"] },
        { "no port", Good with { Nodes = [.. Good.Nodes, new(4, ["b"])] }, ["Node 4", "\"b\"", "host:port"] },
        { "bad port", Good with { Nodes = [.. Good.Nodes, new(4, ["b:70000"])] }, ["Node 4", "70000", "1..65535"] },
        { "bad host", Good with { Nodes = [.. Good.Nodes, new(4, ["a b:1"])] }, ["Node 4", "a b"] },
        { "bad address", Good with { Nodes = [.. Good.Nodes, new(4, ["[1.2]:1"])] }, ["Node 4", "IPv6"] },
        { "local count", Good with { LocalEndpoints = ["0.0.0.0:1", "0.0.0.0:2"] }, ["LocalEndpoints has 2"] },
        { "local text", Good with { LocalEndpoints = ["x"] }, ["LocalEndpoints", "'x'"] },
        { "no store", Good with { StoreDirectory = "" }, ["StoreDirectory"] },
        { "zero period", Good with { Timing = new ClusterTiming(TimeSpan.Zero, 4, 2) }, ["ClockPeriod is 0 ms", "5 ms to 10 s"] },
        { "no misses", Good with { Timing = new ClusterTiming(50 * Millisecond, 4, 1) }, ["ReceiveRate is 1"] },
        { "send rate", Good with { Timing = new ClusterTiming(50 * Millisecond, 101, 2) }, ["SendRate is 101"] },
        { "lease shorter than a heartbeat", Good with { Timing = new ClusterTiming(5 * Millisecond, 1, 2) }, ["A lease lasts 9.9 ms", "10 ms"] },
        { "slow network", Good with { RoundTrip = TimeSpan.FromSeconds(2) }, ["A lease lasts 2376 ms", "3200 ms"] },
        { "clock bound", Good with { ClockRateBound = 0.5 }, ["ClockRateBound is 0.5"] },
        { "two nodes", Good with { Nodes = [Good.Nodes[0], Good.Nodes[1]] }, ["two nodes", "LowestNode", "AllowTwoNodesWithoutTieBreaker"] },
        { "policy without arbiter", Good with { Policy = QuorumPolicy.WitnessOnly }, ["WitnessOnly", "no arbiter"] },
        { "pinned without arbiter", Good with { WitnessPinned = true }, ["WitnessPinned"] },
        { "no keys", Good with { Keys = null }, ["Keys", "AllowPlainText"] },
        { "arbitration", Good with { ArbitrationTimeout = TimeSpan.Zero }, ["ArbitrationTimeout is 00:00:00"] },
        { "callbacks", Good with { CallbackLimit = TimeSpan.FromDays(1) }, ["CallbackLimit is 1.00:00:00"] },
        { "frames", Good with { MembershipFrameInterval = TimeSpan.Zero }, ["MembershipFrameInterval is 00:00:00", "00:01:00"] },
        { "stale too soon", Good with { StaleAfter = TimeSpan.FromSeconds(8) }, ["StaleAfter is 00:00:08", "two and a half times MembershipFrameInterval (00:00:04)"] },
        { "no queue", Good with { NotificationQueueLength = 0 }, ["NotificationQueueLength is 0", "1..1000000"] },
        { "evidence", Good with { CrashEvidence = (CrashEvidence)9 }, ["CrashEvidence is 9"] },
    };

    [Theory]
    [MemberData(nameof(Mistakes), DisableDiscoveryEnumeration = true)]
    public void A_mistake_is_named_with_its_value_and_the_way_out(string what, MembershipNodeOptions options, string[] named)
    {
        string failure = Assert.Single(options.Validate(hasArbiter: false));
        Assert.All(named, part => Assert.Contains(part, failure, StringComparison.Ordinal));
        Assert.NotEmpty(what);
    }

    [Fact]
    public void Good_options_pass_with_and_without_a_witness()
    {
        Assert.Empty(Good.Validate(hasArbiter: false));
        Assert.Empty(Good.Validate(hasArbiter: true));
    }

    [Fact]
    public void Two_nodes_pass_with_a_witness_a_tie_breaker_or_the_explicit_word()
    {
        MembershipNodeOptions two = Good with { Nodes = [Good.Nodes[0], Good.Nodes[1]] };
        Assert.Empty(two.Validate(hasArbiter: true));
        Assert.Empty((two with { TieBreaker = TieBreaker.LowestNode }).Validate(hasArbiter: false));
        Assert.Empty((two with { AllowTwoNodesWithoutTieBreaker = true }).Validate(hasArbiter: false));
    }

    [Fact]
    public void All_mistakes_are_told_at_once()
        => Assert.True((Good with { ClusterId = "", Self = 9, StoreDirectory = "", Keys = null }).Validate(hasArbiter: false).Count == 4);

    [Fact]
    public void A_key_of_unknown_size_is_refused_with_its_size()
        => Assert.Contains("16", Assert.Throws<ArgumentException>(() => ClusterKey.FromBytes(new byte[16])).Message, StringComparison.Ordinal);

    [Trait("Category", "Seeds")]
    [Fact]
    public void Timing_values_of_zero_are_the_defaults()
    {
        Assert.Equal(ClusterTiming.Default, Good.EffectiveTiming);
        Assert.Equal(new ClusterTiming(TimeSpan.FromMilliseconds(40), 4, 3), (Good with { Timing = new ClusterTiming(TimeSpan.FromMilliseconds(40), 0, 3) }).EffectiveTiming);
    }
}
