// The base of work that only the master does.
namespace Membership.Provider;

/// <summary>Work that runs on the master of the cluster and nowhere else. Register it with <c>AddMasterService&lt;T&gt;()</c>.</summary>
/// <remarks>
/// It is started once the view that makes this node the master is installed: every lease of the former master has expired by then. It is
/// cancelled when the node stops being the master, when its lease is lost or about to run out, and when the host stops; a regroup that
/// merely holds the lease does not cancel it. Work that has not ended when its time is up ends the process
/// (<see cref="Engine.HaltCode.MasterWorkOverrun"/>). It may be run again, in a later term.
/// </remarks>
public abstract class MasterBackgroundService
{
    /// <summary>One term of mastership.</summary>
    /// <param name="lease">Ask it right before every effect on what is shared.</param>
    /// <param name="stoppingToken">Fires when the term is over: stop at once.</param>
    /// <returns>A task that ends when the work has stopped. Ending early ends the work for this term.</returns>
    protected abstract Task ExecuteAsMasterAsync(MasterLease lease, CancellationToken stoppingToken);

    internal Task RunTermAsync(MasterLease lease, CancellationToken stoppingToken) => ExecuteAsMasterAsync(lease, stoppingToken);
}
