// Kills the silo that holds a hot account, and tells how long calls to it had no answer: with regroup membership, and with the
// default development clustering, one after the other on the same machine.
using System.Diagnostics;
using System.Globalization;

namespace OrleansCluster;

internal static class Demo
{
    private static readonly long Started = Stopwatch.GetTimestamp();
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(120);

    /// <summary>Between two calls; one that hangs does not hold the next one up.</summary>
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(50);

    public static async Task<int> RunAsync()
    {
        Outcome ours = await RunOneAsync("regroup"), theirs = await RunOneAsync("development");
        Console.WriteLine();
        Console.WriteLine("                          calls without an answer   failed calls   money before / after");
        foreach ((string name, Outcome outcome) in new[] { ("regroup membership", ours), ("development clustering", theirs) })
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-24}  {outcome.Silent.TotalSeconds,20:0.00} s   {outcome.Failed,12}   {outcome.Before} / {outcome.After}"));
        Console.WriteLine();
        bool ok = ours.Before == ours.After && ours.Silent < theirs.Silent;
        Console.WriteLine(ok
            ? string.Create(CultureInfo.InvariantCulture, $"demo: ok, a killed silo's grain was back after {ours.Silent.TotalSeconds:0.0} s instead of {theirs.Silent.TotalSeconds:0.0} s")
            : "demo: failed: see the table");
        return ok ? 0 : 1;
    }

    private static async Task<Outcome> RunOneAsync(string clustering)
    {
        Say($"{clustering}: three silos start");
        await using var cluster = new SiloCluster(clustering);
        await cluster.ReadyAsync();
        Say($"{clustering}: all are active");
        const int Victim = 3, Asker = 2;
        string hot = await HotAccountAsync(cluster, Victim, Asker);
        await cluster.TellAsync(Asker, $"/fund/{hot}/1000");
        await cluster.TellAsync(Asker, $"/transfer/{hot}/savings/300");
        long before = await MoneyAsync(cluster, Asker, hot);
        await cluster.AskAsync(Asker, $"/balance/{hot}");

        Say($"{clustering}: kill -9 of silo {Victim}, which holds account {hot}");
        cluster.Kill(Victim);
        long killed = Stopwatch.GetTimestamp();
        (TimeSpan silent, int failed) = await UntilAnsweredAsync(cluster, Asker, hot, killed);
        long after = await MoneyAsync(cluster, Asker, hot);
        string where = await cluster.AskAsync(Asker, $"/where/{hot}");
        Say(string.Create(CultureInfo.InvariantCulture, $"{clustering}: account {hot} answers again, from silo {where}, {silent.TotalSeconds:0.00} s after the kill"));
        return new Outcome(silent, failed, before, after);
    }

    private static async Task<string> HotAccountAsync(SiloCluster cluster, int silo, int asker)
    {
        for (int number = 0; ; number++)
            if (await cluster.AskAsync(asker, $"/where/hot{number}") == silo.ToString(CultureInfo.InvariantCulture)) return $"hot{number}";
    }

    private static async Task<long> MoneyAsync(SiloCluster cluster, int asker, string hot)
        => long.Parse(await cluster.AskAsync(asker, $"/balance/{hot}"), CultureInfo.InvariantCulture) + long.Parse(await cluster.AskAsync(asker, "/balance/savings"), CultureInfo.InvariantCulture);

    private static async Task<(TimeSpan Silent, int Failed)> UntilAnsweredAsync(SiloCluster cluster, int asker, string hot, long killed)
    {
        int failed = 0;
        var answered = new TaskCompletionSource<TimeSpan>(TaskCreationOptions.RunContinuationsAsynchronously);
        while (!answered.Task.IsCompleted)
        {
            if (Stopwatch.GetElapsedTime(killed) > Limit) throw new TimeoutException($"account {hot} did not answer within {Limit.TotalSeconds} s");
            _ = OneAsync();
            await Task.WhenAny(answered.Task, Task.Delay(Pace));
        }
        return (await answered.Task, failed);

        async Task OneAsync()
        {
            try
            {
                await cluster.AskAsync(asker, $"/balance/{hot}");
                answered.TrySetResult(Stopwatch.GetElapsedTime(killed));
            }
            catch (Exception trouble) when (trouble is HttpRequestException or TaskCanceledException or ObjectDisposedException)
            {
                // What is counted: a call without its answer.
                Interlocked.Increment(ref failed);
            }
        }
    }

    private static void Say(string what) => Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"[{Stopwatch.GetElapsedTime(Started).TotalSeconds,7:0.000}] {what}"));

    private sealed record Outcome(TimeSpan Silent, int Failed, long Before, long After);
}
