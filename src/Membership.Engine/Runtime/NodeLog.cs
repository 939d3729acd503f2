// What a node logs. Event ids are stable: hosts may filter and alert on them.
using Membership.Engine.Protocol;
using Microsoft.Extensions.Logging;

namespace Membership.Engine.Runtime;

internal static partial class NodeLog
{
    [LoggerMessage(EventId = 1, Level = LogLevel.Information, Message = "Node {Node} of cluster {Cluster} starts; store {Store}, witness {Witness}")]
    public static partial void Starting(this ILogger logger, NodeId node, string cluster, string store, string witness);

    [LoggerMessage(EventId = 2, Level = LogLevel.Warning, Message = "Node {Node} is told to form a cluster by force: {Reason}")]
    public static partial void FormingByForce(this ILogger logger, NodeId node, string reason);

    [LoggerMessage(EventId = 3, Level = LogLevel.Information, Message = "Node {Node}: view {View} is installed, master {Master}")]
    public static partial void ViewInstalled(this ILogger logger, NodeId node, ClusterView view, NodeId master);

    [LoggerMessage(EventId = 4, Level = LogLevel.Information, Message = "Node {Node}: regroup {Activation} because of {Cause}")]
    public static partial void RegroupBegins(this ILogger logger, NodeId node, ActivationId activation, RegroupCause cause);

    [LoggerMessage(EventId = 5, Level = LogLevel.Critical, Message = "Node {Node} halts with {Code}: {Detail}")]
    public static partial void Halts(this ILogger logger, NodeId node, HaltCode code, string detail);

    [LoggerMessage(EventId = 6, Level = LogLevel.Critical, Message = "Node {Node}: the protocol failed")]
    public static partial void LoopFailed(this ILogger logger, NodeId node, Exception failure);

    [LoggerMessage(EventId = 7, Level = LogLevel.Error, Message = "Node {Node} could not write its view store {Store}")]
    public static partial void PersistFailed(this ILogger logger, NodeId node, string store, Exception failure);

    [LoggerMessage(EventId = 8, Level = LogLevel.Warning, Message = "Node {Node}: callback {Callback} has been running for more than {Seconds} s")]
    public static partial void CallbackSlow(this ILogger logger, NodeId node, string callback, double seconds);

    [LoggerMessage(EventId = 9, Level = LogLevel.Error, Message = "Node {Node}: callback {Callback} threw; the incident goes on")]
    public static partial void CallbackFailed(this ILogger logger, NodeId node, string callback, Exception failure);

    [LoggerMessage(EventId = 10, Level = LogLevel.Information, Message = "Node {Node}: arbitration ended with {Outcome} {Detail}")]
    public static partial void Arbitrated(this ILogger logger, NodeId node, ArbitrationOutcome outcome, string detail);

    [LoggerMessage(EventId = 11, Level = LogLevel.Warning, Message = "Node {Node}: {Witness} did not {What}: {Detail}")]
    public static partial void WitnessTrouble(this ILogger logger, NodeId node, string witness, string what, string detail);

    [LoggerMessage(EventId = 12, Level = LogLevel.Warning, Message = "Node {Node} owns the witness no more: {Detail}")]
    public static partial void WitnessLost(this ILogger logger, NodeId node, string detail);

    [LoggerMessage(EventId = 13, Level = LogLevel.Error, Message = "Node {Node}: {Witness} failed to {What}")]
    public static partial void WitnessFailed(this ILogger logger, NodeId node, string witness, string what, Exception failure);

    [LoggerMessage(EventId = 14, Level = LogLevel.Information, Message = "Node {Node}: {Request} ended with {Status} {Detail}")]
    public static partial void RequestEnded(this ILogger logger, NodeId node, string request, MembershipStatus status, string detail);

    [LoggerMessage(EventId = 15, Level = LogLevel.Information, Message = "Node {Node} has stopped")]
    public static partial void Stopped(this ILogger logger, NodeId node);

    [LoggerMessage(EventId = 16, Level = LogLevel.Debug, Message = "Node {Node}: {Line}")]
    public static partial void JournalLine(this ILogger logger, NodeId node, string line);

    [LoggerMessage(EventId = 17, Level = LogLevel.Warning, Message = "Node {Node}: {Part} did not stop in time")]
    public static partial void StopTookTooLong(this ILogger logger, NodeId node, string part);

    [LoggerMessage(EventId = 18, Level = LogLevel.Error, Message = "Node {Node}: the host's halt callback threw")]
    public static partial void HaltCallbackFailed(this ILogger logger, NodeId node, Exception failure);

    [LoggerMessage(EventId = 19, Level = LogLevel.Error, Message = "Node {Node}: a handler of change notifications threw at {Notification}; it gets the next one all the same")]
    public static partial void ChangeHandlerFailed(this ILogger logger, NodeId node, ClusterChangeNotification notification, Exception failure);

    [LoggerMessage(EventId = 20, Level = LogLevel.Information, Message = "Node {Node}: {Notification}")]
    public static partial void Changed(this ILogger logger, NodeId node, ClusterChangeNotification notification);

    [LoggerMessage(EventId = 21, Level = LogLevel.Warning, Message = "Node {Node}: {Notification}; what is known of the cluster may be out of date, or wrong")]
    public static partial void ClusterDoubtful(this ILogger logger, NodeId node, ClusterChangeNotification notification);

    [LoggerMessage(EventId = 22, Level = LogLevel.Warning, Message = "Node {Node}: ArbitrationTimeout is {Timeout} and {Witness} may take {Takeover} to change hands; each of two attempts gets half of the timeout: set it to {Least} or more")]
    public static partial void ArbitrationTooShort(this ILogger logger, NodeId node, TimeSpan timeout, string witness, TimeSpan takeover, TimeSpan least);

    [LoggerMessage(EventId = 23, Level = LogLevel.Error, Message = "Node {Node} starts without its witness, and has no vote from it until it can be used: {Detail}")]
    public static partial void StartsWithoutWitness(this ILogger logger, NodeId node, string detail);

    [LoggerMessage(EventId = 24, Level = LogLevel.Warning, Message = "Node {Node}: how far the witness' record has come could not be written to witness.seen")]
    public static partial void WitnessMarkNotKept(this ILogger logger, NodeId node, Exception failure);

    [LoggerMessage(EventId = 25, Level = LogLevel.Warning, Message = "Node {Node}: node {Peer} has lost its place {Removals} times and is not let in again for {Seconds:0} s")]
    public static partial void Quarantined(this ILogger logger, NodeId node, NodeId peer, int removals, double seconds);

    [LoggerMessage(EventId = 26, Level = LogLevel.Information, Message = "Node {Node}: the removals of node {Peer} are forgotten, by order")]
    public static partial void QuarantineCleared(this ILogger logger, NodeId node, NodeId peer);

    [LoggerMessage(EventId = 27, Level = LogLevel.Warning, Message = "Node {Node} is not let in for now, says node {By}: {Reason}")]
    public static partial void KeptOut(this ILogger logger, NodeId node, NodeId by, string reason);
}
