// Real silos in processes of their own, killed, frozen, stopped and restarted while grains are called and timers tick on them.
// Limits here are generous, for the machine is shared; the promised times are judged by LiveTimingTests (./test --full).
using System.Diagnostics;
using Xunit;

namespace Membership.Provider.Orleans.Tests.Live;

[Collection(Silos.OneClusterAtATime)]
public sealed class LiveSiloTests(ITestOutputHelper output)
{
    [LiveTheory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task A_grain_of_a_killed_silo_answers_from_a_survivor_and_every_survivor_has_heard_of_the_death(int victim)
    {
        await using var cluster = new LiveCluster(3, "--preset=Lan");
        await cluster.StartAsync();
        int asker = victim % 3 + 1;
        string key = await cluster.WriterOnAsync(victim, asker);

        long killed = cluster[victim].Send(Signal.Kill);

        Call first = await cluster.AnswerElsewhereAsync(asker, key, victim, killed);
        foreach (int survivor in Enumerable.Range(1, 3).Where(node => node != victim)) await cluster.HearsAsync(survivor, victim, "Dead", killed);
        output.WriteLine($"answered {LiveCluster.Seconds(killed, first.Ended):0.00} s after kill -9 of silo {victim}");
        Assert.InRange(LiveCluster.Seconds(killed, first.Ended), 0, 10);
        // Its timer ticks on the survivor, and no two wrote at a time.
        await cluster.TicksAsync(key, notFrom: victim);
        Effect[] effects = cluster.Effects();
        Assert.Equal(0, LiveCluster.Interleaved(effects));
        AssertEpochsNeverGoBack(effects);
    }

    [LiveTheory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task A_frozen_silo_never_writes_between_the_writes_of_its_successor_and_runs_no_call_when_it_goes_on(int victim)
    {
        await using var cluster = new LiveCluster(3, "--preset=Lan");
        await cluster.StartAsync();
        int asker = victim % 3 + 1;
        string key = await cluster.WriterOnAsync(victim, asker);

        long frozen = cluster[victim].Send(Signal.Stop);
        Call first = await cluster.AnswerElsewhereAsync(asker, key, victim, frozen);
        long resumed = cluster[victim].Send(Signal.Continue);
        int code = await cluster[victim].ExitAsync();
        await cluster.TicksAsync(key, notFrom: victim);

        Effect[] all = cluster.Effects(), caught = [.. all.Where(effect => effect.Writer.StartsWith($"{victim}.", StringComparison.Ordinal) && effect.SpansFreeze(frozen, resumed))];
        output.WriteLine($"answered {LiveCluster.Seconds(frozen, first.Ended):0.00} s after the freeze; the silo ended with {code}; {all.Length} writes, {caught.Length} caught by the freeze between guard and effect");
        // One call of a grain at a time, and a tick is one.
        Assert.All(caught.GroupBy(static effect => effect.Writer), static grain => Assert.Single(grain));
        Effect[] effects = [.. all.Except(caught)];
        Assert.Equal(0, LiveCluster.Interleaved(effects));
        Assert.DoesNotContain(effects, effect => effect.Began > resumed && effect.Writer.StartsWith($"{victim}.", StringComparison.Ordinal));
        Assert.Contains(effects, effect => effect.Key == key && effect.What == "tick" && !effect.Writer.StartsWith($"{victim}.", StringComparison.Ordinal));
        Assert.InRange(code, 100, 199);
        AssertEpochsNeverGoBack(effects);
    }

    [LiveFact]
    public async Task Silos_restarted_one_after_the_other_under_a_client_lose_it_no_grain_and_no_call_for_long()
    {
        await using var cluster = new LiveCluster(3, "--preset=Lan");
        await cluster.StartAsync();
        SiloProcess client = await cluster.ClientAsync();
        client.Tell("hammer rolling 50");
        foreach (int writer in Enumerable.Range(0, 6)) client.Tell($"write rolling{writer} 100");
        await client.LineAsync("an answer", static line => line.Contains(" ok ", StringComparison.Ordinal));

        for (int node = 1; node <= 3; node++)
        {
            cluster[node].Tell("stop");
            Assert.Equal(0, await cluster[node].ExitAsync());
            long again = Stopwatch.GetTimestamp();
            SiloProcess silo = cluster.Launch(node);
            await silo.LineAsync("ready", static line => line == "ready");
            // The newer generation on the same address is active everywhere.
            foreach (int other in Enumerable.Range(1, 3)) await cluster.HearsAsync(other, node, "Active", other == node ? 0 : again);
        }
        long end = Stopwatch.GetTimestamp();
        await client.LineAsync("an answer after all restarts", line => line.Split(' ') is ["call", "rolling", var started, _, "ok", ..] && long.Parse(started) > end);
        foreach (int writer in Enumerable.Range(0, 6)) await cluster.TicksAsync($"rolling{writer}", after: end);

        // Grains with timers moved from silo to silo, and never was one at work on two of them.
        Effect[] effects = cluster.Effects();
        Assert.Equal(0, LiveCluster.Interleaved(effects));
        Assert.All(Enumerable.Range(0, 6), writer => Assert.Contains(effects, effect => effect.Key == $"rolling{writer}" && effect.What == "tick" && effect.Began > end));

        Call[] calls = [.. client.Calls.Where(static call => call.Key == "rolling").OrderBy(static call => call.Started)];
        double gap = Gap([.. calls.Where(static call => call.Ok).Select(static call => call.Ended).Order()]);
        output.WriteLine($"{calls.Length} calls, {calls.Count(static call => !call.Ok)} failed; the longest time without an answer {gap:0.00} s");
        Assert.InRange(gap, 0, 15);
        Assert.InRange(calls.Count(static call => !call.Ok), 0, calls.Length / 5);
    }

    [LiveFact]
    public async Task A_silo_killed_and_started_again_at_once_is_active_and_its_former_life_is_dead()
    {
        await using var cluster = new LiveCluster(3, "--preset=Lan");
        await cluster.StartAsync();
        cluster[2].Send(Signal.Kill);
        await cluster[2].ExitAsync();

        SiloProcess again = cluster.Launch(2);
        await again.LineAsync("ready", static line => line == "ready");

        string port = $"{cluster.SiloPort(2)}@";
        await cluster[1].LineAsync("one life dead, one active", line =>
        {
            string[] lives = [.. line.Split(' ').Where(word => word.StartsWith(port, StringComparison.Ordinal))];
            return lives.Length == 2 && lives.Any(static life => life.EndsWith("Dead", StringComparison.Ordinal)) && lives.Any(static life => life.EndsWith("Active", StringComparison.Ordinal));
        });
    }

    [LiveFact]
    public async Task A_silo_that_the_framework_declares_dead_is_out_of_the_view_and_ends()
    {
        await using var cluster = new LiveCluster(3, "--preset=Lan");
        await cluster.StartAsync();
        // Orleans asks each silo once what it hosts; if one dies just then, the answers of the others are not taken in before the next change of the members.
        foreach (int node in (int[])[2, 3]) Assert.NotEmpty(await cluster.GrainOnAsync(node, 1));
        long killed = Stopwatch.GetTimestamp();

        cluster[1].Tell($"kill {cluster.SiloPort(3)}");

        Assert.InRange(await cluster[3].ExitAsync(), 100, 199);
        await cluster.HearsAsync(2, 3, "Dead", killed);
        // The two that are left serve: their view has gone on without it.
        string key = await cluster.GrainOnAsync(2, 1);
        Assert.NotEmpty(key);
    }

    [LiveFact]
    public async Task A_client_goes_on_through_the_death_of_its_gateways_without_a_database()
    {
        await using var cluster = new LiveCluster(3, "--preset=Lan");
        await cluster.StartAsync();
        SiloProcess client = await cluster.ClientAsync();
        // Grains have gateways of their own: with this many of them each silo is somebody's gateway.
        for (int grain = 0; grain < 8; grain++) client.Tell($"hammer g{grain} 100");
        await client.LineAsync("an answer", static line => line.Contains(" ok ", StringComparison.Ordinal));

        long killed = cluster[1].Send(Signal.Kill);
        await cluster.HearsAsync(2, 1, "Dead", killed);
        cluster.Launch(1);
        await cluster[1].LineAsync("ready", static line => line == "ready");
        cluster[2].Send(Signal.Kill);
        await cluster[2].ExitAsync();
        long both = Stopwatch.GetTimestamp();

        for (int grain = 0; grain < 8; grain++)
        {
            string key = $"g{grain}";
            await client.LineAsync($"an answer of {key} after two gateways died", line => line.Split(' ') is ["call", var called, var started, _, "ok", ..] && called == key && long.Parse(started) > both);
        }
    }

    [LiveFact]
    public async Task A_client_whose_gateway_is_frozen_goes_on_through_another_one()
    {
        await using var cluster = new LiveCluster(3, "--preset=Lan");
        await cluster.StartAsync();
        // Grains that live elsewhere: what the client loses is the way to them, not the grains.
        string[] keys = await cluster.GrainsNotOnAsync(1, asker: 2, 20);
        SiloProcess client = await cluster.ClientAsync();
        foreach (string key in keys) client.Tell($"hammer {key} 100");
        foreach (string key in keys) await client.LineAsync($"an answer of {key}", line => line.StartsWith($"call {key} ", StringComparison.Ordinal) && line.Contains(" ok ", StringComparison.Ordinal));

        long frozen = cluster[1].Send(Signal.Stop);
        await cluster.HearsAsync(2, 1, "Dead", frozen);
        long heard = Stopwatch.GetTimestamp();
        foreach (string key in keys)
            await client.LineAsync($"an answer of {key} while its gateway is frozen", line => line.Split(' ') is ["call", var called, var started, _, "ok", ..] && called == key && long.Parse(started) > heard);

        long again = Stopwatch.GetTimestamp();
        double[] gaps = [.. keys.Select(key => Gap([.. client.Calls.Where(call => call.Key == key && call.Ok).Select(static call => call.Ended).Append(again).Order()])).Order()];
        output.WriteLine($"heard after {LiveCluster.Seconds(frozen, heard):0.00} s, all {keys.Length} grains answered after {LiveCluster.Seconds(frozen, again):0.00} s; the longest times without an answer: {string.Join(", ", gaps.TakeLast(8).Select(static gap => $"{gap:0.00}"))} s");
        Assert.InRange(gaps[^1], 0.5, 15);

        cluster[1].Send(Signal.Continue);
        Assert.InRange(await cluster[1].ExitAsync(), 100, 199);
        Assert.DoesNotContain(client.Calls, call => call.Ok && call.Started > heard && call.Node == 1);
    }

    /// <summary>The epoch is the fencing token.</summary>
    private static void AssertEpochsNeverGoBack(Effect[] effects)
    {
        foreach (IGrouping<string, Effect> grain in effects.GroupBy(static effect => effect.Key)) Assert.Equal(grain.Select(static effect => effect.Epoch).Order(), grain.Select(static effect => effect.Epoch));
    }

    private static double Gap(long[] moments) => moments.Zip(moments.Skip(1), LiveCluster.Seconds).DefaultIfEmpty().Max();
}
