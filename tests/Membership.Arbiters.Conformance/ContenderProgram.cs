// One contender for a witness in a process of its own: "contend LOG NODE INCARNATION ARBITER-ARGUMENTS...". It obeys lines on
// standard input, answers each with one line, and writes what it believes to its log before it acts on it.
using System.Globalization;
using Membership.Engine;
using Membership.Engine.Arbitration;
using Membership.Engine.Runtime;

namespace Membership.Arbiters.Conformance;

/// <summary>The second life of a test executable.</summary>
/// <remarks>
/// Commands: <c>arbitrate MS</c>, <c>race MS</c> (and keep what is won), <c>keep</c> (renew from now on), <c>rest</c> (no longer), <c>renew</c>, <c>slot EPOCH</c>, <c>owned</c>,
/// <c>release</c>, <c>contend</c> (on its own, until <c>halt</c>).
/// </remarks>
public static class ContenderProgram
{
    public const string Verb = "contend";

    /// <summary>How long any call but a challenge may take.</summary>
    public static readonly TimeSpan CallLimit = TimeSpan.FromSeconds(3);

    /// <param name="args">The command line, the verb included.</param>
    /// <param name="create">Makes the arbiter from its own arguments.</param>
    public static async Task<int> RunAsync(string[] args, Func<IReadOnlyList<string>, IQuorumArbiter> create)
    {
        ArgumentNullException.ThrowIfNull(args);
        ArgumentNullException.ThrowIfNull(create);
        var identity = new ArbiterIdentity(ArbiterBackend.ClusterId, new NodeId(Number(args[2])), new Incarnation(Number(args[3])));
        await using IQuorumArbiter arbiter = create(args[4..]);
        using var log = new StreamWriter(new FileStream(args[1], FileMode.Append, FileAccess.Write, FileShare.ReadWrite)) { AutoFlush = true, NewLine = "\n" };
        using var contender = new Contender(arbiter, identity, log);
        Console.WriteLine(await CheckAsync(arbiter, identity) ?? "ready");
        while (await Console.In.ReadLineAsync() is { } line)
        {
            string[] words = line.Split(' ');
            Console.WriteLine(words[0] switch
            {
                "arbitrate" => await contender.ArbitrateAsync(TimeSpan.FromMilliseconds(Number(words[1]))),
                "race" => await contender.RaceAsync(TimeSpan.FromMilliseconds(Number(words[1]))),
                "keep" => contender.StartKeeping(),
                "rest" => await contender.StopKeepingAsync(),
                "renew" => (await contender.RenewAsync()).ToString(),
                "slot" => (await contender.WriteSlotAsync(Number(words[1]))).ToString(),
                "owned" => contender.Owned ? "yes" : "no",
                "release" => await contender.ReleaseAsync(),
                "contend" => contender.StartContending(),
                "halt" => await contender.StopContendingAsync(),
                _ => $"unknown command '{line}'",
            });
        }
        return 0;
    }

    /// <summary>Repeated for a while, as by a service manager that starts a node again: a machine full of starting contenders is slow.</summary>
    private static async Task<string?> CheckAsync(IQuorumArbiter arbiter, ArbiterIdentity identity)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (true)
        {
            string? trouble = await arbiter.CheckAsync(identity, limit.Token);
            if (trouble is null || limit.IsCancellationRequested) return trouble?.ReplaceLineEndings(" ");
        }
    }

    private static int Number(string word) => int.Parse(word, CultureInfo.InvariantCulture);

    private sealed class Contender(IQuorumArbiter arbiter, ArbiterIdentity identity, StreamWriter log) : IDisposable
    {
        private readonly Lock _log = new();
        private readonly SemaphoreSlim _turn = new(1, 1);
        private CancellationTokenSource _keeping = new();
        private CancellationTokenSource _contending = new();
        private Task _kept = Task.CompletedTask;
        private Task _contended = Task.CompletedTask;
        private long _until = long.MinValue;

        public bool Owned => MonotonicClock.System.Now.Ticks < Interlocked.Read(ref _until);

        public async Task<string> ArbitrateAsync(TimeSpan limit)
        {
            WitnessResult result = await ChallengeAsync(limit);
            return $"{result.Outcome} {Newest(result)} {result.Detail?.ReplaceLineEndings(" ")}";
        }

        public async Task<string> RaceAsync(TimeSpan limit)
        {
            string answer = await ArbitrateAsync(limit);
            if (Owned) StartKeeping();
            return answer;
        }

        public string StartKeeping()
        {
            _keeping = new CancellationTokenSource();
            CancellationToken stop = _keeping.Token;
            _kept = Task.Run(async () =>
            {
                while (!stop.IsCancellationRequested && Owned)
                {
                    WitnessResult result = await CallAsync("renew", token => arbiter.RenewAsync(identity, token), Remaining());
                    if (result.Outcome == WitnessOutcome.Lost) return;
                    TimeSpan pause = result.Outcome == WitnessOutcome.Success ? arbiter.RenewInterval : arbiter.RenewInterval / 4;
                    await Task.Delay(pause, stop).ContinueWith(static _ => { }, TaskScheduler.Default);
                }
            });
            return "keeping";
        }

        public async Task<string> StopKeepingAsync()
        {
            await _keeping.CancelAsync();
            await _kept;
            return "resting";
        }

        public async Task<WitnessOutcome> RenewAsync() => (await CallAsync("renew", token => arbiter.RenewAsync(identity, token), CallLimit)).Outcome;

        public async Task<WitnessOutcome> WriteSlotAsync(long epoch)
        {
            var view = new ClusterView(new Epoch(epoch), [new ClusterMember(identity.Node, identity.Incarnation, 1, 1)], default, ClusterTiming.Local);
            WitnessResult result = await CallAsync("slot", token => arbiter.WriteSlotAsync(identity, [view], token), CallLimit);
            if (result.Outcome == WitnessOutcome.Success) Write($"wrote {epoch} {MonotonicClock.System.Now.Ticks}");
            return result.Outcome;
        }

        public async Task<string> ReleaseAsync()
        {
            await StopKeepingAsync();
            await GiveUpAsync();
            return "released";
        }

        public string StartContending()
        {
            _contending = new CancellationTokenSource();
            CancellationToken stop = _contending.Token;
            _contended = Task.Run(() => ContendAsync(stop));
            return "contending";
        }

        public async Task<string> StopContendingAsync()
        {
            await _contending.CancelAsync();
            await _contended;
            return "halted";
        }

        public void Dispose()
        {
            _keeping.Dispose();
            _contending.Dispose();
            _turn.Dispose();
        }

        /// <summary>Challenge, write or renew for a while when won, then be robbed or give up; again.</summary>
        private async Task ContendAsync(CancellationToken stop)
        {
            var random = new Random(Environment.ProcessId);
            while (!stop.IsCancellationRequested)
            {
                WitnessResult result = await ChallengeAsync(CallLimit);
                if (result.Outcome != WitnessOutcome.Success)
                {
                    await Task.Delay(random.Next(1, 40), CancellationToken.None);
                    continue;
                }
                long epoch = Newest(result);
                for (int left = random.Next(12); left > 0 && Owned && !stop.IsCancellationRequested; left--)
                {
                    await Task.Delay(Shorter(arbiter.RenewInterval / 2, TimeSpan.FromMilliseconds(300)), CancellationToken.None);
                    if (await WriteSlotAsync(++epoch) == WitnessOutcome.Lost) break;
                }
                if (random.Next(3) != 0 && !stop.IsCancellationRequested) continue;
                await GiveUpAsync();
            }
        }

        private async Task<WitnessResult> ChallengeAsync(TimeSpan limit)
        {
            long asked = MonotonicClock.System.Now.Ticks;
            WitnessResult result = await CallAsync("arbitrate", token => arbiter.ArbitrateAsync(identity, token), limit);
            if (result.Outcome == WitnessOutcome.Success) Write($"read {Newest(result)} {asked}");
            return result;
        }

        private async Task GiveUpAsync()
        {
            Interlocked.Exchange(ref _until, long.MinValue);
            Write($"lost {MonotonicClock.System.Now.Ticks}");
            await CallAsync("release", async token =>
            {
                await arbiter.ReleaseAsync(identity, token);
                return new WitnessResult(WitnessOutcome.Unknown, TimeSpan.Zero, []);
            }, CallLimit);
        }

        /// <summary>One call at a time, as the engine does it; belief counts from before it.</summary>
        private async Task<WitnessResult> CallAsync(string verb, Func<CancellationToken, ValueTask<WitnessResult>> call, TimeSpan limit)
        {
            await _turn.WaitAsync();
            try
            {
                if (limit <= TimeSpan.Zero) return new WitnessResult(WitnessOutcome.Unknown, TimeSpan.Zero, [], "no time left");
                using var deadline = new CancellationTokenSource(limit);
                MonotonicTime before = MonotonicClock.System.Now;
                WitnessResult result = await call(deadline.Token);
                MonotonicTime after = MonotonicClock.System.Now;
                Write(string.Create(CultureInfo.InvariantCulture, $"call {verb} {before.Ticks} {after.Ticks} {limit.Ticks} {result.Outcome} {result.Detail?.ReplaceLineEndings(" ")}"));
                if (result.Outcome == WitnessOutcome.Success)
                {
                    long until = (before + result.OwnedFor).Ticks;
                    Write($"owns {after.Ticks} {until}");
                    Interlocked.Exchange(ref _until, until);
                }
                else if (result.Outcome == WitnessOutcome.Lost || verb == "arbitrate")
                {
                    Interlocked.Exchange(ref _until, long.MinValue);
                    Write($"lost {after.Ticks}");
                }
                return result;
            }
            finally
            {
                _turn.Release();
            }
        }

        private TimeSpan Remaining()
        {
            var left = TimeSpan.FromTicks(Math.Max(0, Interlocked.Read(ref _until) - MonotonicClock.System.Now.Ticks));
            return Shorter(left, CallLimit);
        }

        private static TimeSpan Shorter(TimeSpan left, TimeSpan right) => left < right ? left : right;

        private static long Newest(WitnessResult result) => result.Views.Select(static view => view.Epoch.Value).DefaultIfEmpty(0).Max();

        private void Write(string line)
        {
            lock (_log) log.WriteLine(line);
        }
    }
}
