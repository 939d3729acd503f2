// Keeps silo table and view in agreement, in both directions: a silo whose node is out of the view is marked dead, in one
// agreed update for all of them; a node whose silo somebody else marked dead is ejected. Every member runs it and may
// propose; the coordinator does so at once, the others only if nothing has come of it a while later.
using System.Collections.Immutable;
using System.Threading.Channels;
using Membership.Engine;
using Membership.Engine.Replication;
using Microsoft.Extensions.Logging;

namespace Membership.Provider.Silos;

/// <param name="membership">The cluster.</param>
/// <param name="table">The silo table.</param>
/// <param name="time">The clock of waits and of what is written.</param>
/// <param name="buried">Called once when this node's own silo was marked dead by somebody else.</param>
/// <param name="logger">Where it logs.</param>
internal sealed class SiloReconciler(IClusterMembership membership, SiloTable table, TimeProvider time, Action<string> buried, ILogger logger)
{
    /// <summary>How long a node whose silo said goodbye may take to leave.</summary>
    public static readonly TimeSpan GoodbyeLimit = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan RetryInterval = TimeSpan.FromMilliseconds(100);

    private readonly Dictionary<string, long> _overdueSince = [];
    private bool _buried;

    /// <summary>Runs until cancelled or until this node has stopped.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var changed = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
        Task views = FollowAsync(membership.ViewsAsync(stop.Token), changed.Writer), tables = FollowAsync(membership.WatchTableAsync(table.Name, stop.Token), changed.Writer);
        try
        {
            TimeSpan? again = TimeSpan.Zero;
            while (true)
            {
                await WaitAsync(changed.Reader, again, stop.Token).ConfigureAwait(false);
                if (views.IsCompleted && tables.IsCompleted) return;
                again = await TryReconcileAsync(stop.Token).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Told to stop.
        }
        finally
        {
            await stop.CancelAsync().ConfigureAwait(false);
            await Task.WhenAll(views, tables).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Marks every silo dead that is gone, and says so only when it is done: for a silo that is about to read the table.</summary>
    public async Task SettleAsync(CancellationToken cancellationToken)
    {
        while (membership.CurrentView is { } view)
        {
            SiloTableContent now = await table.ReadAsync(cancellationToken).ConfigureAwait(false);
            StoredSilo[] gone = Gone(now, view);
            if (gone.Length == 0) return;
            if (!await table.BuryAsync(now, gone, time.GetUtcNow().UtcDateTime, cancellationToken).ConfigureAwait(false))
                await Task.Delay(RetryInterval, time, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>When to look again though nothing has changed; null = only then.</summary>
    private async Task<TimeSpan?> TryReconcileAsync(CancellationToken cancellationToken)
    {
        try
        {
            return membership.CurrentView is { } view ? await ReconcileAsync(view, cancellationToken).ConfigureAwait(false) : null;
        }
        catch (SiloTableException failure)
        {
            // Not a member any more, or not known: if this node goes on, it looks again.
            logger.SilosNotReconciled(failure);
            return RetryInterval;
        }
    }

    private async Task<TimeSpan?> ReconcileAsync(ClusterView view, CancellationToken cancellationToken)
    {
        SiloTableContent now = await table.ReadAsync(cancellationToken).ConfigureAwait(false);
        TellIfBuried(now);
        StoredSilo[] gone = Gone(now, view);
        StoredSilo[] dead = [.. now.Silos.Where(silo => silo.Row.Status == SiloRowStatus.Dead && silo.Row.Node != membership.Self && silo.Row.IsIn(view))];
        Forget([.. gone, .. dead]);
        TimeSpan? again = null;
        if (gone.Length > 0)
        {
            // In the order of the members: the first is the coordinator, and each of the others gives those before it one tick.
            if (Overdue("view", view.Timing.ClockPeriod * Place(view)) is { } wait) again = wait;
            else if (await table.BuryAsync(now, gone, time.GetUtcNow().UtcDateTime, cancellationToken).ConfigureAwait(false))
                logger.SilosBuried(string.Join(", ", gone.Select(static silo => silo.Row.Silo)), view.Epoch);
            else again = TimeSpan.Zero;
        }
        foreach (StoredSilo silo in dead)
        {
            TimeSpan patience = silo.Row.SaidGoodbye ? GoodbyeLimit : TimeSpan.Zero;
            if (Overdue(silo.Row.Silo, patience + view.Timing.ClockPeriod * Place(view)) is { } wait)
            {
                again = Earlier(again, wait);
                continue;
            }
            MembershipStatus answer = await membership.EjectAsync(silo.Row.Node, cancellationToken).ConfigureAwait(false);
            if (answer == MembershipStatus.Ok) logger.SiloEjected(silo.Row.Node, silo.Row.Silo);
            else logger.SiloNotEjectedYet(silo.Row.Node, silo.Row.Silo, answer);
            again = Earlier(again, RetryInterval);
        }
        return again;
    }

    private static StoredSilo[] Gone(SiloTableContent now, ClusterView view)
        => [.. now.Silos.Where(silo => silo.Row.Status != SiloRowStatus.Dead && silo.Row.IsGoneIn(view))];

    private int Place(ClusterView view)
    {
        int place = 0;
        while (place < view.Members.Length && view.Members[place].Node < membership.Self) place++;
        return place;
    }

    private void TellIfBuried(SiloTableContent now)
    {
        if (_buried || table.LocalSilo is not { } self || now.Find(self) is not { Row: { Status: SiloRowStatus.Dead, SaidGoodbye: false } own }) return;
        _buried = true;
        buried($"silo {self} was marked dead by node {own.Writer}");
    }

    /// <summary>The rest of the patience with something; null when it is used up.</summary>
    private TimeSpan? Overdue(string what, TimeSpan patience)
    {
        if (!_overdueSince.TryGetValue(what, out long since)) _overdueSince[what] = since = time.GetTimestamp();
        TimeSpan left = patience - time.GetElapsedTime(since);
        return left > TimeSpan.Zero ? left : null;
    }

    private void Forget(StoredSilo[] stillThere)
    {
        if (_overdueSince.Count == 0) return;
        HashSet<string> names = [.. stillThere.Select(static silo => silo.Row.Silo)];
        bool gone = stillThere.Any(static silo => silo.Row.Status != SiloRowStatus.Dead);
        foreach (string name in _overdueSince.Keys.ToArray())
            if (name == "view" ? !gone : !names.Contains(name)) _overdueSince.Remove(name);
    }

    private static TimeSpan? Earlier(TimeSpan? one, TimeSpan other) => one is { } first && first < other ? first : other;

    private async Task WaitAsync(ChannelReader<bool> changed, TimeSpan? again, CancellationToken cancellationToken)
    {
        if (again == TimeSpan.Zero) return;
        if (again is not { } limit)
        {
            await changed.ReadAsync(cancellationToken).ConfigureAwait(false);
            return;
        }
        try
        {
            await changed.WaitToReadAsync(cancellationToken).AsTask().WaitAsync(limit, time, cancellationToken).ConfigureAwait(false);
            changed.TryRead(out _);
        }
        catch (TimeoutException)
        {
            // Looked at again without a change.
        }
    }

    private static async Task FollowAsync<T>(IAsyncEnumerable<T> changes, ChannelWriter<bool> changed)
    {
        try
        {
            await foreach (T _ in changes.ConfigureAwait(false)) changed.TryWrite(true);
        }
        finally
        {
            changed.TryWrite(true);
        }
    }
}
