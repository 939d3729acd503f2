// The log events of the host's side, ids 2000..2099. What each means and what to do: docs/operations.md.
using Membership.Engine;
using Microsoft.Extensions.Logging;

namespace Membership.Provider;

internal static partial class ProviderLog
{
    [LoggerMessage(2000, LogLevel.Critical, "Membership of node {Node} halted, code {Code}: {Detail} Policy {Policy}, exit code {ExitCode}.")]
    public static partial void Halted(this ILogger logger, NodeId node, HaltCode code, string detail, HaltPolicy policy, int exitCode);

    [LoggerMessage(2001, LogLevel.Error, "The halt callback failed.")]
    public static partial void HaltCallbackFailed(this ILogger logger, Exception failure);

    [LoggerMessage(2002, LogLevel.Warning, "Node {Node} did not leave cleanly ({Outcome}); the others will wait for its lease to run out.")]
    public static partial void LeaveFailed(this ILogger logger, NodeId node, string outcome);

    [LoggerMessage(2003, LogLevel.Warning, "Node {Node} has not become a member of cluster {Cluster} for {Seconds:0.#} s and goes on trying: {Reason}")]
    public static partial void NotYetMember(this ILogger logger, NodeId node, string cluster, double seconds, string reason);

    [LoggerMessage(2004, LogLevel.Warning, "Node {Node} has no control socket at {Path} now: {Reason}. regroupctl cannot ask it; the node itself goes on.")]
    public static partial void ControlSocketFailed(this ILogger logger, NodeId node, string path, string reason);

    [LoggerMessage(2005, LogLevel.Warning, "Node {Node}: {Verb} (node {About}) was ordered over the control socket by {Who}.")]
    public static partial void ControlRequested(this ILogger logger, NodeId node, string verb, NodeId about, string who);

    [LoggerMessage(2006, LogLevel.Error, "Node {Node}: a request over the control socket failed.")]
    public static partial void ControlRequestFailed(this ILogger logger, NodeId node, Exception failure);

    [LoggerMessage(2007, LogLevel.Debug, "Node {Node}: a connection of the control socket ended: {Reason}")]
    public static partial void ControlConnectionEnded(this ILogger logger, NodeId node, string reason);

    [LoggerMessage(2010, LogLevel.Information, "Master work {Work} starts in epoch {Epoch}.")]
    public static partial void MasterWorkStarts(this ILogger logger, string work, Epoch epoch);

    [LoggerMessage(2011, LogLevel.Information, "Master work {Work} is told to stop: {Reason}.")]
    public static partial void MasterWorkStopping(this ILogger logger, string work, string reason);

    [LoggerMessage(2012, LogLevel.Information, "Master work {Work} has ended.")]
    public static partial void MasterWorkEnded(this ILogger logger, string work);

    [LoggerMessage(2013, LogLevel.Critical, "Master work {Work} did not stop within its time after: {Reason}. The process is ended.")]
    public static partial void MasterWorkOverrun(this ILogger logger, string work, string reason);

    [LoggerMessage(2014, LogLevel.Error, "Callbacks that master work {Work} has on its token threw when it was told to stop.")]
    public static partial void MasterWorkSignalFailed(this ILogger logger, string work, Exception failure);
}
