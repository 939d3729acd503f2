// One contender for a witness, driven by commands, or on its own ("contend"): challenge, renew while owned, give up or
// be robbed, again. Believed ownership is reported on the clock that all processes of the machine share.
using System.Globalization;
using Membership.Engine.Arbitration;
using Membership.Engine.Runtime;

namespace Membership.Engine.Tests.Arbitration;

internal static class WitnessContender
{
    /// <summary>Arguments: directory, cluster, node, incarnation, ownership period ms, renew interval ms.</summary>
    public static void ChildMain(string[] args) => RunAsync(args).GetAwaiter().GetResult();

    private static async Task RunAsync(string[] args)
    {
        int Number(int index) => int.Parse(args[index], CultureInfo.InvariantCulture);
        var identity = new ArbiterIdentity(args[1], new NodeId(Number(2)), new Incarnation(Number(3)));
        await using var arbiter = new WitnessFileArbiter(new WitnessFileOptions
        {
            Directory = args[0],
            OwnershipPeriod = TimeSpan.FromMilliseconds(Number(4)),
            RenewInterval = TimeSpan.FromMilliseconds(Number(5)),
            CallDeadline = TimeSpan.FromSeconds(5),
        });
        var contender = new Contender(arbiter, identity);
        string? trouble = await arbiter.CheckAsync(identity, CancellationToken.None);
        Console.WriteLine(trouble ?? "ready");
        while (await Console.In.ReadLineAsync() is { } line)
        {
            string[] words = line.Split(' ');
            switch (words[0])
            {
                case "arbitrate":
                    await contender.ArbitrateAsync(TimeSpan.FromMilliseconds(int.Parse(words[1], CultureInfo.InvariantCulture)));
                    break;
                case "keep":
                    contender.StartRenewing();
                    break;
                case "renew":
                    await contender.RenewAsync();
                    break;
                case "slot":
                    await contender.WriteSlotAsync(long.Parse(words[1], CultureInfo.InvariantCulture));
                    break;
                case "release":
                    await contender.ReleaseAsync();
                    break;
                case "owned":
                    Console.WriteLine(contender.Owned ? "yes" : "no");
                    break;
                case "contend":
                    await contender.ContendAsync(int.Parse(words[1], CultureInfo.InvariantCulture));
                    break;
                default:
                    Console.WriteLine($"unknown command '{line}'");
                    return;
            }
        }
    }

    private sealed class Contender(WitnessFileArbiter arbiter, ArbiterIdentity identity)
    {
        private volatile bool _renewing;
        private Task _renewal = Task.CompletedTask;
        private long _until = long.MinValue;

        public bool Owned => MonotonicClock.System.Now.Ticks < Interlocked.Read(ref _until);

        public async Task ArbitrateAsync(TimeSpan timeout)
        {
            WitnessResult result = await CallAsync(token => arbiter.ArbitrateAsync(identity, token), timeout);
            Console.WriteLine($"{result.Outcome} {result.Views.Select(static view => view.Epoch.Value).DefaultIfEmpty(0).Max()} {result.Detail}");
        }

        public void StartRenewing()
        {
            _renewing = true;
            _renewal = Task.Run(async () =>
            {
                while (_renewing)
                {
                    WitnessResult result = await CallAsync(stop => arbiter.RenewAsync(identity, stop), TimeSpan.FromSeconds(5));
                    if (result.Outcome == WitnessOutcome.Lost) return;
                    await Task.Delay(arbiter.RenewInterval);
                }
            });
            Console.WriteLine("keeping");
        }

        public async Task RenewAsync()
            => Console.WriteLine((await CallAsync(token => arbiter.RenewAsync(identity, token), TimeSpan.FromSeconds(5))).Outcome);

        public async Task WriteSlotAsync(long epoch)
        {
            var view = new ClusterView(new Epoch(epoch), [new ClusterMember(identity.Node, identity.Incarnation, 1, 1)], default, ClusterTiming.Local);
            Console.WriteLine((await CallAsync(token => arbiter.WriteSlotAsync(identity, [view], token), TimeSpan.FromSeconds(5))).Outcome);
        }

        public async Task ReleaseAsync()
        {
            _renewing = false;
            await _renewal;
            await GiveUpAsync();
            Console.WriteLine("released");
        }

        /// <summary>Contends for a while; prints every interval in which it believed to own the witness, the epochs it read (and when it began to) and wrote (and when that was confirmed).</summary>
        public async Task ContendAsync(int milliseconds)
        {
            MonotonicTime end = MonotonicClock.System.Now + TimeSpan.FromMilliseconds(milliseconds);
            var random = new Random(Environment.ProcessId);
            while (MonotonicClock.System.Now < end)
            {
                MonotonicTime before = MonotonicClock.System.Now;
                WitnessResult result = await CallAsync(token => arbiter.ArbitrateAsync(identity, token), TimeSpan.FromSeconds(5));
                if (result.Outcome != WitnessOutcome.Success) continue;
                long epoch = result.Views.Select(static view => view.Epoch.Value).DefaultIfEmpty(0).Max();
                Console.WriteLine($"read {epoch} {before.Ticks}");
                int renewals = random.Next(12);
                for (int i = 0; i < renewals && result.Outcome == WitnessOutcome.Success; i++)
                {
                    await Task.Delay(arbiter.RenewInterval / 2);
                    var view = new ClusterView(new Epoch(epoch + 1 + i), [new ClusterMember(identity.Node, identity.Incarnation, 1, 1)], default, ClusterTiming.Local);
                    result = await CallAsync(token => arbiter.WriteSlotAsync(identity, [view], token), TimeSpan.FromSeconds(5));
                    if (result.Outcome == WitnessOutcome.Success) Console.WriteLine($"wrote {view.Epoch} {MonotonicClock.System.Now.Ticks}");
                }
                if (random.Next(3) != 0) continue;
                await GiveUpAsync();
            }
            Console.WriteLine("done");
        }

        private async Task GiveUpAsync()
        {
            Interlocked.Exchange(ref _until, long.MinValue);
            Console.WriteLine($"gaveup {MonotonicClock.System.Now.Ticks}");
            await arbiter.ReleaseAsync(identity, CancellationToken.None);
        }

        private async Task<WitnessResult> CallAsync(Func<CancellationToken, ValueTask<WitnessResult>> call, TimeSpan timeout)
        {
            using var deadline = new CancellationTokenSource(timeout);
            MonotonicTime before = MonotonicClock.System.Now;
            WitnessResult result = await call(deadline.Token);
            MonotonicTime after = MonotonicClock.System.Now;
            if (result.Outcome == WitnessOutcome.Success)
            {
                MonotonicTime until = before + result.OwnedFor;
                Interlocked.Exchange(ref _until, until.Ticks);
                if (after < until) Console.WriteLine($"owns {after.Ticks} {until.Ticks}");
            }
            else if (result.Outcome == WitnessOutcome.Lost)
            {
                Interlocked.Exchange(ref _until, long.MinValue);
            }
            return result;
        }
    }
}
