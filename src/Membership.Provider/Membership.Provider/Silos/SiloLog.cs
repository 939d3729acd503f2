// The log events of silos, ids 2100..2149. What each means and what to do: docs/orleans.md.
using Membership.Engine;
using Microsoft.Extensions.Logging;

namespace Membership.Provider.Silos;

internal static partial class SiloLog
{
    [LoggerMessage(2100, LogLevel.Warning, "Silos marked dead, for their nodes are not in the view of epoch {Epoch}: {Silos}.")]
    public static partial void SilosBuried(this ILogger logger, string silos, Epoch epoch);

    [LoggerMessage(2101, LogLevel.Warning, "Node {Node} is ejected, for its silo {Silo} is marked dead.")]
    public static partial void SiloEjected(this ILogger logger, NodeId node, string silo);

    [LoggerMessage(2104, LogLevel.Debug, "Node {Node} is not ejected yet, though its silo {Silo} is marked dead: {Answer}. Tried again.")]
    public static partial void SiloNotEjectedYet(this ILogger logger, NodeId node, string silo, MembershipStatus answer);

    [LoggerMessage(2102, LogLevel.Debug, "Silo table and view could not be compared just now.")]
    public static partial void SilosNotReconciled(this ILogger logger, Exception failure);

    [LoggerMessage(2103, LogLevel.Debug, "A client asked for gateways and got none: {Why}.")]
    public static partial void SiloDirectoryTrouble(this ILogger logger, string why);
}
