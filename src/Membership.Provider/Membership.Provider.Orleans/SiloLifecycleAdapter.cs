// The node's life in the silo's stages: a member before the silo touches the membership table, gone only after the silo's last
// word in it; silos that start together write one after the other; and every change of the table reaches the silo at once.
using System.Net;
using Membership.Engine.Replication;
using Membership.Provider.Silos;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans;
using Orleans.Runtime;

namespace Membership.Provider.Orleans;

internal sealed partial class SiloLifecycleAdapter(
    MembershipHostedService node,
    ClusterMembership membership,
    SiloTable table,
    IOptions<RegroupSiloOptions> options,
    IServiceProvider services,
    TimeProvider time,
    ILogger<SiloLifecycleAdapter> logger) : ILifecycleParticipant<ISiloLifecycle>, IDisposable
{
    private static readonly TimeSpan RetryInterval = TimeSpan.FromMilliseconds(100);

    private readonly CancellationTokenSource _stop = new();
    private readonly TableTurn _turn = new(membership, table.SilosCluster, time);
    private SiloReconciler? _reconciler;
    private SiloDirectoryServer? _directory;
    private Task _reconciling = Task.CompletedTask;
    private Task _refreshing = Task.CompletedTask;

    public void Participate(ISiloLifecycle lifecycle)
    {
        ArgumentNullException.ThrowIfNull(lifecycle);
        void At(int stage, Func<CancellationToken, Task>? start, Func<CancellationToken, Task>? stop = null)
            => lifecycle.Subscribe(typeof(SiloLifecycleAdapter).FullName!, stage, new Step(start, stop));

        // Each word in the table - joining, active, stopping, dead - has a turn around it; stops run through the stages backwards.
        At(ServiceLifecycleStage.RuntimeInitialize - 1, JoinAsync, LeaveAsync);
        At(ServiceLifecycleStage.RuntimeInitialize + 2, null, TakeTurnAsync);
        At(ServiceLifecycleStage.RuntimeGrainServices - 1, token => _reconciler!.SettleAsync(token));
        At(ServiceLifecycleStage.RuntimeGrainServices + 1, FollowAsync, StopFollowingAsync);
        At(ServiceLifecycleStage.AfterRuntimeGrainServices - 1, TakeTurnAsync);
        At(ServiceLifecycleStage.AfterRuntimeGrainServices + 1, _turn.GiveAsync);
        At(ServiceLifecycleStage.BecomeActive - 1, TakeTurnAsync, _turn.GiveAsync);
        At(ServiceLifecycleStage.BecomeActive + 1, _turn.GiveAsync, TakeTurnAsync);
    }

    private async Task JoinAsync(CancellationToken cancellationToken)
    {
        table.LocalSilo = services.GetRequiredService<ILocalSiloDetails>().SiloAddress.ToParsableString();
        await node.StartAsync(cancellationToken).ConfigureAwait(false);
        Waiting(logger, membership.Self);
        await membership.Node.WaitForViewAsync(cancellationToken).ConfigureAwait(false);
        _reconciler = new SiloReconciler(membership, table, time, Buried, logger);
    }

    private Task FollowAsync(CancellationToken cancellationToken)
    {
        _reconciling = Task.Run(() => OrFatalAsync("silo reconciliation", _reconciler!.RunAsync), CancellationToken.None);
        _refreshing = Task.Run(() => OrFatalAsync("membership refresh", RefreshAsync), CancellationToken.None);
        if (options.Value.DirectoryEndpoint is { } endpoint)
        {
            _directory = new SiloDirectoryServer(membership, table, IPEndPoint.Parse(endpoint), time, logger);
            _directory.Start();
        }
        return Task.CompletedTask;
    }

    private async Task TakeTurnAsync(CancellationToken cancellationToken)
    {
        if (!await _turn.TakeAsync(options.Value.TurnLimit, cancellationToken).ConfigureAwait(false)) WithoutTurn(logger, options.Value.TurnLimit);
    }

    /// <summary>The silo has stopped serving; it says its last word in the table after this.</summary>
    private async Task StopFollowingAsync(CancellationToken cancellationToken)
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        if (_directory is not null) await _directory.DisposeAsync().ConfigureAwait(false);
        await Task.WhenAll(_reconciling, _refreshing).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private async Task LeaveAsync(CancellationToken cancellationToken)
    {
        try
        {
            await _turn.GiveAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            await node.StopAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    public void Dispose() => _stop.Dispose();

    /// <summary>The silo learns of every change from the replicated table itself; without it it would be told by others, or look once a minute.</summary>
    private async Task RefreshAsync(CancellationToken cancellationToken)
    {
        var service = services.GetRequiredService<IClusterMembershipService>();
        long version = 0;
        await foreach (TableSnapshot snapshot in membership.WatchTableAsync(table.Name, cancellationToken).ConfigureAwait(false))
        {
            if (snapshot.Version == version) continue;
            version = snapshot.Version;
            while (!await TryRefreshAsync(service, version, cancellationToken).ConfigureAwait(false))
                await Task.Delay(RetryInterval, time, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task<bool> TryRefreshAsync(IClusterMembershipService service, long version, CancellationToken cancellationToken)
    {
        try
        {
            await service.Refresh(new MembershipVersion(version), cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (SiloTableException failure)
        {
            // Not a member just now; if this node goes on, the next try reads.
            RefreshFailed(logger, failure, version);
            return membership.Halted.IsCompleted;
        }
    }

    /// <summary>A silo without one of its two watches would go stale without a word; it ends instead.</summary>
    private async Task OrFatalAsync(string what, Func<CancellationToken, Task> watch)
    {
        try
        {
            await watch(_stop.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // Told to stop.
        }
#pragma warning disable CA1031 // Whatever it is, it goes to the framework's handler, which ends the process.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            services.GetRequiredService<IFatalErrorHandler>().OnFatalException(this, what, failure);
        }
    }

    private void Buried(string why)
        => services.GetRequiredService<IFatalErrorHandler>().OnFatalException(this, $"This silo may not go on: {why}.", null);

    [LoggerMessage(2111, LogLevel.Information, "Node {Node} looks for its cluster; the silo starts when it is a member.")]
    private static partial void Waiting(ILogger logger, Membership.Engine.NodeId node);

    [LoggerMessage(2112, LogLevel.Information, "No turn to write to the membership table within {Limit}; the silo goes on and may have to write twice.")]
    private static partial void WithoutTurn(ILogger logger, TimeSpan limit);

    [LoggerMessage(2113, LogLevel.Debug, "The silo could not be told of version {Version} of the membership table yet.")]
    private static partial void RefreshFailed(ILogger logger, Exception failure, long version);

    private sealed class Step(Func<CancellationToken, Task>? start, Func<CancellationToken, Task>? stop) : ILifecycleObserver
    {
        public Task OnStart(CancellationToken cancellationToken = default) => start?.Invoke(cancellationToken) ?? Task.CompletedTask;

        public Task OnStop(CancellationToken cancellationToken = default) => stop?.Invoke(cancellationToken) ?? Task.CompletedTask;
    }
}
