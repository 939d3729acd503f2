// What a running node shows: its instruments, a span per regroup, and its health, on real nodes.
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using Membership.Engine.Runtime;
using Xunit;

namespace Membership.Engine.Tests.Runtime;

public sealed class ObservabilityTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_meter_has_every_instrument_with_cluster_and_node_and_its_numbers_move()
    {
        string name = $"metered-{Guid.NewGuid():n}";
        var measured = new ConcurrentDictionary<string, (double Sum, int Count)>();
        using var listener = new MeterListener();
        void Take(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            var text = new Dictionary<string, string?>();
            foreach (KeyValuePair<string, object?> tag in tags) text[tag.Key] = tag.Value?.ToString();
            // Either one may be the one that arbitrates.
            if (text["membership.cluster"] != name || (text["membership.node"] != "1" && instrument.Name != "membership.arbitration.duration")) return;
            string key = string.Join(' ', [instrument.Name, .. text.Where(static tag => tag.Key is not ("membership.cluster" or "membership.node")).Select(static tag => $"{tag.Key[11..]}={tag.Value}")]);
            measured.AddOrUpdate(key, (value, 1), (_, before) => (instrument.IsObservable ? value : before.Sum + value, before.Count + 1));
        }

        listener.InstrumentPublished = static (instrument, listener) =>
        {
            if (instrument.Meter.Name == MembershipNode.TelemetryName) listener.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Take(instrument, value, tags));
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Take(instrument, value, tags));
        listener.Start();

        await using var cluster = new LocalCluster(2, options => options with { ClusterId = name }, witness: true);
        await cluster.FormAsync();
        Assert.Equal(MembershipStatus.Ok, await cluster.Nodes[1].ForceRegroupAsync(Stop));
        ClusterView view = await cluster.AllSeeAsync(1, 2);
        await cluster.EventuallyAsync(() => measured.Keys.Any(static key => key.StartsWith("membership.heartbeat.round_trip peer=2 path=0", StringComparison.Ordinal)));
        await cluster.EventuallyAsync(() =>
        {
            listener.RecordObservableInstruments();
            // The statuses of a regroup stand for heartbeats: the first one comes an interval later.
            return measured.TryGetValue("membership.view.epoch", out var epoch) && epoch.Sum == view.Epoch.Value && measured["membership.heartbeats.received"].Sum > 0 && measured["membership.heartbeats.sent"].Sum > 0;
        });
        Assert.Equal(2, measured["membership.view.members"].Sum);
        Assert.InRange(measured["membership.lease.remaining"].Sum, 0.000001, 5);
        Assert.InRange(measured["membership.heartbeat.round_trip peer=2 path=0"].Sum / measured["membership.heartbeat.round_trip peer=2 path=0"].Count, 0.0000001, 5);
        foreach (string counter in (string[])["heartbeats.sent", "heartbeats.received", "datagrams.sent", "datagrams.received", "views.installed", "notifications"])
            Assert.True(measured["membership." + counter].Sum > 0, counter);
        foreach (string quiet in (string[])["heartbeats.missed", "notifications.lost", "stale"])
            Assert.True(measured.ContainsKey("membership." + quiet), quiet);
        Assert.Equal((double)cluster.Nodes[0].Role, measured["membership.role"].Sum);
        foreach (string stage in (string[])["Activate", "Close", "Prune", "CleanUp1", "CleanUp2"])
            Assert.True(measured.ContainsKey($"membership.regroup.stage.duration stage={stage}"), $"{stage} is missing in {string.Join(", ", measured.Keys)}");
        Assert.Contains(measured.Keys, static key => key.StartsWith("membership.regroups cause=", StringComparison.Ordinal));
        Assert.Contains(measured.Keys, static key => key.StartsWith("membership.regroup.duration cause=", StringComparison.Ordinal));
        Assert.Contains(measured.Keys, static key => key == "membership.arbitration.duration outcome=Won");
    }

    [Fact]
    public async Task Heartbeats_allocate_nothing_on_the_loop_also_while_every_instrument_is_watched()
    {
        using var listener = new MeterListener();
        long recorded = 0;
        listener.InstrumentPublished = static (instrument, listener) =>
        {
            if (instrument.Meter.Name == MembershipNode.TelemetryName) listener.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<double>((instrument, _, _, _) =>
        {
            if (instrument.Name == "membership.heartbeat.round_trip") Interlocked.Increment(ref recorded);
        });
        listener.Start();
        await using var cluster = new LocalCluster(3);
        await cluster.FormAsync();
        MembershipNode node = cluster.Nodes[0];
        // A collection counts the rest of a buffer: the least of several intervals is what the heartbeats take.
        long least = long.MaxValue;
        for (int interval = 0; interval < 8 && least != 0; interval++)
        {
            MembershipCounters before = node.GetCounters();
            long recordedBefore = Interlocked.Read(ref recorded);
            await cluster.EventuallyAsync(() => node.GetCounters().HeartbeatsReceived > before.HeartbeatsReceived + 8 && Interlocked.Read(ref recorded) > recordedBefore + 2);
            least = Math.Min(least, node.GetCounters().LoopAllocatedBytes - before.LoopAllocatedBytes);
        }
        Assert.Equal(0, least);
    }

    [Fact]
    public async Task A_regroup_is_one_span_with_an_event_per_stage()
    {
        string name = $"traced-{Guid.NewGuid():n}";
        var spans = new ConcurrentQueue<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = static source => source.Name == MembershipNode.TelemetryName,
            Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = span =>
            {
                if ((string?)span.GetTagItem("membership.cluster") == name) spans.Enqueue(span);
            },
        };
        ActivitySource.AddActivityListener(listener);
        await using var cluster = new LocalCluster(3, options => options with { ClusterId = name });
        await cluster.FormAsync();
        // The first one may still fall into the forming's last stages; the second one is an incident of its own.
        Assert.Equal(MembershipStatus.Ok, await cluster.Nodes[0].ForceRegroupAsync(Stop));
        Assert.Equal(MembershipStatus.Ok, await cluster.Nodes[0].ForceRegroupAsync(Stop));
        ClusterView view = await cluster.AllSeeAsync(1, 2, 3);
        await cluster.EventuallyAsync(() => spans.Any(static span => (string?)span.GetTagItem("membership.cause") == "Forced"));
        Activity forced = spans.First(static span => (string?)span.GetTagItem("membership.cause") == "Forced");
        Assert.Equal("regroup", forced.OperationName);
        Assert.Equal(1, forced.GetTagItem("membership.node"));
        Assert.Equal("installed", forced.GetTagItem("membership.outcome"));
        Assert.Null(forced.Parent);
        string[] stages = [.. forced.Events.Select(static happened => happened.Name).Where(static happened => happened != "restarted")];
        Assert.Equal(["Activate", "Close", "Prune", "view in force", "CleanUp1", "CleanUp2"], stages.Take(6));
        Assert.Equal(view.Nodes.ToString(), forced.Events.First(static happened => happened.Name == "view in force").Tags.First(static tag => tag.Key == "membership.members").Value);
    }

    [Fact]
    public async Task A_regroup_that_ends_in_a_halt_is_a_span_in_error()
    {
        string name = $"halted-{Guid.NewGuid():n}";
        var spans = new ConcurrentQueue<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = static source => source.Name == MembershipNode.TelemetryName,
            Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = span =>
            {
                if ((string?)span.GetTagItem("membership.cluster") == name) spans.Enqueue(span);
            },
        };
        ActivitySource.AddActivityListener(listener);
        await using var cluster = new LocalCluster(3, options => options with { ClusterId = name });
        await cluster.FormAsync();
        await cluster.Nodes[1].DisposeAsync();
        await cluster.Nodes[2].DisposeAsync();
        Assert.Equal(HaltCode.NoQuorum, (await cluster.Nodes[0].Halted.WaitAsync(Limit, Stop)).Code);
        await cluster.EventuallyAsync(() => spans.Any(static span => (string?)span.GetTagItem("membership.outcome") == "halt NoQuorum" && span.Status == ActivityStatusCode.Error));
    }

    [Fact]
    public async Task Health_is_good_on_a_node_that_serves_and_says_so_when_it_does_not()
    {
        await using var cluster = new LocalCluster(3, static options => options with { AllowDiagnosticFaults = true, Timing = new ClusterTiming(TimeSpan.FromMilliseconds(500), 4, 2), DiscoveryTime = TimeSpan.FromSeconds(1) });
        MembershipNode node = cluster.Create(1);
        NodeHealth before = await node.GetHealthAsync(Limit, Stop);
        Assert.False(before.LoopTurns || before.HasValidLease || before.IsGood);
        await node.StartAsync(Stop);
        await cluster.StartAsync(2);
        await cluster.StartAsync(3);
        await cluster.AllSeeAsync(1, 2, 3);
        NodeHealth good = await node.GetHealthAsync(Limit, Stop);
        Assert.True(good.IsGood && good.Halt is null && !good.IsHeld, good.ToString());
        await node.DiagnoseAsync("fault stall 1500", Stop);
        NodeHealth stalled = await node.GetHealthAsync(TimeSpan.FromMilliseconds(20), Stop);
        Assert.False(stalled.LoopTurns);
        Assert.True((await node.GetHealthAsync(Limit, Stop)).LoopTurns);
        await cluster.Nodes[1].EjectAsync(new NodeId(1), Stop);
        await node.Halted.WaitAsync(Limit, Stop);
        NodeHealth halted = await node.GetHealthAsync(Limit, Stop);
        Assert.Equal(HaltCode.Poisoned, halted.Halt!.Code);
        Assert.False(halted.LoopTurns || halted.HasValidLease);
    }

    [Fact]
    public async Task Health_names_the_path_on_which_nothing_is_heard_while_the_other_carries_on()
    {
        // Node 1 is told a wrong port for the second path to node 2: so node 2 hears nothing of node 1 there.
        int wrong = Failover.Demo.FreePorts.Find(1)[0];
        await using var cluster = new LocalCluster(
            2,
            options => options with
            {
                TieBreaker = TieBreaker.LowestNode,
                Nodes = options.Self == 2 ? options.Nodes : [options.Nodes[0], options.Nodes[1] with { Endpoints = [options.Nodes[1].Endpoints[0], $"[::1]:{wrong}"] }],
            },
            secondPath: true);
        await cluster.FormAsync();
        NodeHealth health = await cluster.Nodes[1].GetHealthAsync(Limit, Stop);
        await cluster.EventuallyAsync(() => (health = cluster.Nodes[1].GetHealthAsync(Limit).Result).SilentPaths.Length == 1);
        Assert.Equal((new NodeId(1), 1, cluster.Addresses[0].Endpoints[1]), (health.SilentPaths[0].Node, health.SilentPaths[0].Path, health.SilentPaths[0].Endpoint));
        Assert.True(health is { HasValidLease: true, LoopTurns: true, IsGood: false });
        // An answer comes on the path of the question: the other end sees the same path silent.
        await cluster.EventuallyAsync(() => (health = cluster.Nodes[0].GetHealthAsync(Limit).Result).SilentPaths.Length == 1);
        Assert.Equal((new NodeId(2), 1), (health.SilentPaths[0].Node, health.SilentPaths[0].Path));
    }

    [Fact]
    public async Task Health_tells_trouble_with_the_witness_while_the_cluster_goes_on_and_its_end()
    {
        await using var cluster = new LocalCluster(2, witness: true);
        await cluster.FormAsync();
        async Task<string?> TroubleAsync() => (await cluster.Nodes[0].GetHealthAsync(Limit)).WitnessTrouble ?? (await cluster.Nodes[1].GetHealthAsync(Limit)).WitnessTrouble;
        await cluster.EventuallyAsync(() => TroubleAsync().Result is null);
        string away = cluster.WitnessDirectory + ".away";
        Directory.Move(cluster.WitnessDirectory, away);
        await File.WriteAllTextAsync(cluster.WitnessDirectory, "in the way", Stop);
        await cluster.EventuallyAsync(() => TroubleAsync().Result is not null);
        Assert.All(cluster.Nodes, static node => Assert.True(node.Lease.IsValid));
        File.Delete(cluster.WitnessDirectory);
        Directory.Move(away, cluster.WitnessDirectory);
        await cluster.AllSeeAsync(1, 2);
    }
}
