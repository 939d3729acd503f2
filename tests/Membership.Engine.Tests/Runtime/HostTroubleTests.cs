// What a node does when its host or its witness misbehaves: a callback that throws, one that never returns, an arbiter
// that hangs or throws.
using System.Collections.Concurrent;
using System.Collections.Immutable;
using Membership.Engine.Arbitration;
using Membership.Engine.Runtime;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Membership.Engine.Tests.Runtime;

public sealed class HostTroubleTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_callback_that_throws_is_counted_and_the_incident_goes_on()
    {
        await using var cluster = new LocalCluster(3);
        await cluster.FormAsync(static number => number == 1 ? new Throwing() : null);
        await cluster.Nodes[2].DisposeAsync();
        await cluster.AllSeeAsync(1, 2);
        await cluster.EventuallyAsync(() => cluster.Nodes[0].GetCounters().FailedCallbacks >= 2);
        Assert.False(cluster.Nodes[0].Halted.IsCompleted);
    }

    [Trait("Category", "Seeds")]
    [Fact]
    public async Task A_callback_that_does_not_return_halts_its_node_and_nobody_else()
    {
        var stuck = new NeverResuming();
        await using var cluster = new LocalCluster(3, static options => options with { CallbackLimit = TimeSpan.FromSeconds(2) });
        await cluster.FormAsync(number => number == 1 ? stuck : null);
        stuck.Armed = true;
        await cluster.Nodes[1].ForceRegroupAsync(Cancel).WaitAsync(TimeSpan.FromSeconds(30), Cancel);
        Assert.Equal(HaltCode.CallbackTimeout, (await cluster.Nodes[0].Halted.WaitAsync(TimeSpan.FromSeconds(30), Cancel)).Code);
        await cluster.EventuallyAsync(() => stuck.HaltedWith == HaltCode.CallbackTimeout);
        await cluster.AllSeeAsync(2, 3);
    }

    [Fact]
    public async Task A_store_that_cannot_be_written_halts_its_node_and_nobody_else()
    {
        await using var cluster = new LocalCluster(3);
        await cluster.FormAsync();
        Directory.CreateDirectory(Path.Combine(cluster.StoreOf(2), "view.tmp"));
        _ = cluster.Nodes[0].ForceRegroupAsync(Cancel);
        Assert.Equal(HaltCode.StoreFailed, (await cluster.Nodes[1].Halted.WaitAsync(TimeSpan.FromSeconds(30), Cancel)).Code);
        await cluster.AllSeeAsync(1, 3);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_arbiter_that_hangs_or_throws_is_a_lost_vote_and_the_node_halts_in_time(bool hangs)
    {
        await using var cluster = new LocalCluster(2, static options => options with { ArbitrationTimeout = TimeSpan.FromSeconds(1) });
        var arbiters = new List<Failing>();
        for (int number = 1; number <= 2; number++)
        {
            var arbiter = new Failing(cluster.WitnessDirectory, hangs);
            arbiters.Add(arbiter);
            await cluster.StartAsync(number, arbiter);
        }
        await cluster.AllSeeAsync(1, 2);
        foreach (Failing arbiter in arbiters) arbiter.Broken = true;
        await cluster.Nodes[0].DisposeAsync();
        Assert.Equal(HaltCode.NoQuorum, (await cluster.Nodes[1].Halted.WaitAsync(TimeSpan.FromSeconds(60), Cancel)).Code);
        Assert.False(cluster.Nodes[1].Lease.IsValid);
        await cluster.Nodes[1].DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30), Cancel);
    }

    [Fact]
    public async Task An_owner_that_cannot_renew_says_so_and_a_healthy_pair_goes_on()
    {
        await using var cluster = new LocalCluster(2);
        var arbiters = new List<Failing>();
        for (int number = 1; number <= 2; number++)
        {
            var arbiter = new Failing(cluster.WitnessDirectory, hangs: true);
            arbiters.Add(arbiter);
            await cluster.StartAsync(number, arbiter);
        }
        await cluster.AllSeeAsync(1, 2);
        foreach (Failing arbiter in arbiters) arbiter.Broken = true;
        MonotonicTime runOut = MonotonicClock.System.Now + TimeSpan.FromSeconds(1.5);
        await cluster.EventuallyAsync(() => MonotonicClock.System.Now > runOut && arbiters.Any(static arbiter => arbiter.BrokenCalls > 0));
        await cluster.AllSeeAsync(1, 2);
        Assert.All(cluster.Nodes, static node => Assert.False(node.Halted.IsCompleted));
    }

    [Theory]
    [InlineData(7.5, true)]
    [InlineData(7.6, false)]
    public async Task An_arbitration_timeout_that_does_not_leave_two_attempts_their_time_is_logged_at_the_start(double seconds, bool logged)
    {
        await using var cluster = new LocalCluster(1, options => options with { ArbitrationTimeout = TimeSpan.FromSeconds(seconds), Policy = QuorumPolicy.NodeAndWitnessMajority });
        var warnings = new StartWarnings();
        // Three seconds and a hundredth, two and a half times.
        await using var node = new MembershipNode(cluster.OptionsOf(1), new WitnessFileArbiter(new WitnessFileOptions { Directory = cluster.WitnessDirectory }), loggerFactory: warnings);
        await node.StartAsync(Cancel);
        Assert.Equal(logged, warnings.Said.Any(static line => line.Contains("ArbitrationTimeout is 00:00:07.5000000", StringComparison.Ordinal) && line.Contains("set it to 00:00:07.5750000", StringComparison.Ordinal)));
    }

    private sealed class StartWarnings : ILoggerFactory, ILogger
    {
        public ConcurrentQueue<string> Said { get; } = new();

        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (eventId.Id == 22) Said.Enqueue(formatter(state, exception));
        }

        public void Dispose()
        {
        }
    }

    private sealed class Throwing : IMembershipCallbacks
    {
        public ValueTask HoldAllIOAsync() => throw new InvalidOperationException("hold failed");

        public async ValueTask NodesDownAsync(NodeSet nodes)
        {
            await Task.Yield();
            throw new InvalidOperationException("nodes down failed");
        }
    }

    private sealed class NeverResuming : IMembershipCallbacks
    {
        public volatile bool Armed;

        public HaltCode HaltedWith { get; private set; }

        public async ValueTask HoldAllIOAsync()
        {
            if (Armed) await Task.Delay(Timeout.Infinite, Cancel);
        }

        public ValueTask HaltAsync(HaltCode code, string detail)
        {
            HaltedWith = code;
            return default;
        }
    }

    /// <summary>The real witness file, until it breaks: then every call hangs, deaf to its token, or throws.</summary>
    private sealed class Failing(string directory, bool hangs) : IQuorumArbiter
    {
        private readonly WitnessFileArbiter _real = new(new WitnessFileOptions
        {
            Directory = directory,
            OwnershipPeriod = TimeSpan.FromSeconds(1),
            RenewInterval = TimeSpan.FromMilliseconds(250),
            CallDeadline = TimeSpan.FromSeconds(5),
        });

        private int _brokenCalls;

        public volatile bool Broken;

        public int BrokenCalls => Volatile.Read(ref _brokenCalls);

        public string Description => "a witness that breaks";

        public TimeSpan RenewInterval => _real.RenewInterval;

        public ValueTask<string?> CheckAsync(ArbiterIdentity identity, CancellationToken cancellationToken) => _real.CheckAsync(identity, cancellationToken);

        public ValueTask<WitnessResult> ArbitrateAsync(ArbiterIdentity identity, CancellationToken cancellationToken)
            => Broken ? BreakAsync() : _real.ArbitrateAsync(identity, cancellationToken);

        public ValueTask<WitnessResult> RenewAsync(ArbiterIdentity identity, CancellationToken cancellationToken)
            => Broken ? BreakAsync() : _real.RenewAsync(identity, cancellationToken);

        public ValueTask<WitnessResult> WriteSlotAsync(ArbiterIdentity identity, ImmutableArray<ClusterView> slot, CancellationToken cancellationToken)
            => Broken ? BreakAsync() : _real.WriteSlotAsync(identity, slot, cancellationToken);

        public async ValueTask ReleaseAsync(ArbiterIdentity identity, CancellationToken cancellationToken)
        {
            if (Broken) await BreakAsync();
            await _real.ReleaseAsync(identity, cancellationToken);
        }

        public ValueTask DisposeAsync() => _real.DisposeAsync();

        private async ValueTask<WitnessResult> BreakAsync()
        {
            Interlocked.Increment(ref _brokenCalls);
            if (!hangs) throw new InvalidOperationException("the backend is gone");
            await Task.Delay(Timeout.Infinite, CancellationToken.None);
            throw new InvalidOperationException("never");
        }
    }
}
