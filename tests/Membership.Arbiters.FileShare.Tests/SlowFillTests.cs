// A generation is made and then filled: what its maker had confirmed in time must be in the next one, wherever a challenger was stopped.
using System.Collections.Immutable;
using Membership.Arbiters.FileShare.Shares;
using Membership.Engine;
using Membership.Engine.Arbitration;
using Membership.Engine.Runtime;
using Xunit;

namespace Membership.Arbiters.FileShare.Tests;

public sealed class SlowFillTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly string _directory = Directory.CreateTempSubdirectory("regroup-share-").FullName;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task A_challenger_stopped_while_it_looks_at_an_unfinished_generation_does_not_leave_out_what_was_confirmed_meanwhile()
    {
        var slow = new StoppedWhileFilling(_directory);
        ShareChain? ownersChain = null;
        await using var owner = Arbiter(ownersChain = Chain(slow));
        Assert.Equal(WitnessOutcome.Success, (await owner.ArbitrateAsync(Identity(1), Cancelled)).Outcome);
        Assert.Equal(WitnessOutcome.Success, (await owner.WriteSlotAsync(Identity(1), [View(8)], Cancelled)).Outcome);

        // The owner has made the generation with its next views, and not yet filled it.
        slow.StopAtNext();
        Task<WitnessResult> writing = owner.WriteSlotAsync(Identity(1), [View(9)], Cancelled).AsTask();
        await slow.Made.WaitAsync(Patience, Cancelled);

        // A challenger that has seen it so is stopped right after it looked again. The owner goes on, is told that its views are recorded,
        // and dies; the challenger goes on when everybody's time is over.
        var stopped = new StoppedWhileLooking(Chain(new MountedShare(_directory, allowLocal: true)), () =>
        {
            slow.GoOn();
            Assert.Equal(WitnessOutcome.Success, writing.WaitAsync(Patience).GetAwaiter().GetResult().Outcome);
            Thread.Sleep(Shares.OwnershipPeriod * 1.1);
        });
        await using var challenger = Arbiter(stopped);
        WitnessResult won = await challenger.ArbitrateAsync(Identity(2), Cancelled);
        Assert.Equal(WitnessOutcome.Success, won.Outcome);
        Assert.Contains(9L, won.Views.Select(static view => view.Epoch.Value));
    }

    private static ArbiterIdentity Identity(int node) => new("c", new NodeId(node), new Incarnation(1));

    private static ClusterView View(long epoch)
        => new(new Epoch(epoch), [new ClusterMember(new NodeId(1), new Incarnation(1), 1, 5)], default, ClusterTiming.Local);

    private static ShareChain Chain(IShare share) => new(share, "c", Shares.OwnershipPeriod, Shares.RenewInterval, MonotonicClock.System);

    private static ChainArbiter Arbiter(IWitnessChain chain)
        => new("share", "", new ChainTiming(Shares.OwnershipPeriod, Shares.RenewInterval, Shares.CallDeadline), _ => chain, MonotonicClock.System);

    /// <summary>A real directory whose client is stopped between making a file and filling it.</summary>
    private sealed class StoppedWhileFilling(string directory) : IShare
    {
        private readonly MountedShare _share = new(directory, allowLocal: true);
        private readonly TaskCompletionSource _made = new(TaskCreationOptions.RunContinuationsAsynchronously), _goOn = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private bool _stops;

        public Task Made => _made.Task;

        public string Address => _share.Address;

        public void StopAtNext() => _stops = true;

        public void GoOn() => _goOn.SetResult();

        public bool TryCreate(string name, ReadOnlySpan<byte> content)
        {
            if (!_stops) return _share.TryCreate(name, content);
            _stops = false;
            if (!_share.TryCreate(name, [])) return false;
            _made.SetResult();
            _goOn.Task.Wait(Patience);
            File.WriteAllBytes(Path.Combine(directory, name), content);
            return true;
        }

        public void CheckPlace() => _share.CheckPlace();

        public void MakePlace() => _share.MakePlace();

        public void RemovePlace() => _share.RemovePlace();

        public IReadOnlyList<string> List() => _share.List();

        public byte[]? Read(string name) => _share.Read(name);

        public void Delete(string name) => _share.Delete(name);

        public IShareLock? TryLock(string name) => _share.TryLock(name);

        public void Dispose() => _share.Dispose();
    }

    /// <summary>A chain whose reader is stopped after it has looked at an unfinished generation for the second time.</summary>
    private sealed class StoppedWhileLooking(ShareChain chain, Action stopped) : IWitnessChain
    {
        private int _looks;

        public string ClusterId => chain.ClusterId;

        public long HighestGeneration() => chain.HighestGeneration();

        public WitnessRecord? Read(long generation)
        {
            WitnessRecord? record = chain.Read(generation);
            if (record is { IsUnfinished: true } && ++_looks == 2) stopped();
            return record;
        }

        public bool TryAppend(WitnessRecord record, CancellationToken cancellationToken) => chain.TryAppend(record, cancellationToken);

        public void Probe() => chain.Probe();
    }
}
