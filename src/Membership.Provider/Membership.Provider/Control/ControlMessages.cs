// What is said over the local control socket: one JSON object each way per request.
using Membership.Engine;
using Membership.Provider.Inspection;

namespace Membership.Provider.Control;

/// <summary>A request.</summary>
public sealed record ControlRequest
{
    /// <summary>What to do: one of <see cref="ControlVerb"/>.</summary>
    public string Verb { get; init; } = "";

    /// <summary>The node it is about; for eject, qualify and clear-quarantine.</summary>
    public NodeId Node { get; init; }

    /// <summary>For qualify: whether it may hold a role. Default true.</summary>
    public bool Qualified { get; init; } = true;

    /// <summary>For diag the line; for form-by-force the reason; for keys: <c>list</c>, <c>accept KEY</c>, <c>use KEY</c> or <c>drop ID</c>.</summary>
    public string? Text { get; init; }

    /// <summary>How many lines of the journal are wanted, 0..1024; default 0, for journal 100.</summary>
    public int? Lines { get; init; }

    /// <summary>How long the answer may take, 1 ms..10 min; default 30 s. What was begun goes on afterwards.</summary>
    [System.Text.Json.Serialization.JsonPropertyName("timeoutMs")]
    public TimeSpan? Timeout { get; init; }
}

/// <summary>The answer.</summary>
public sealed record ControlResponse
{
    /// <summary>How it ended.</summary>
    public MembershipStatus Status { get; init; }

    /// <summary>For people: what happened, or what was wrong and what to do.</summary>
    public string? Message { get; init; }

    /// <summary>For status, nodes, view, matrix and journal.</summary>
    public MembershipSnapshot? Snapshot { get; init; }

    /// <summary>For diag: the answer's text.</summary>
    public string? Text { get; init; }

    /// <summary>For keys: the ids of the accepted keys, the one in use first. Never the keys.</summary>
    public IReadOnlyList<string>? Keys { get; init; }
}

/// <summary>What can be asked for.</summary>
public static class ControlVerb
{
    /// <summary>Everything but the journal, unless lines of it are asked for.</summary>
    public const string Status = "status";

    /// <summary>The same; the asker shows the nodes.</summary>
    public const string Nodes = "nodes";

    /// <summary>The same; the asker shows the view.</summary>
    public const string View = "view";

    /// <summary>The same; the asker shows who hears whom.</summary>
    public const string Matrix = "matrix";

    /// <summary>The same with 100 lines of the journal unless told otherwise.</summary>
    public const string Journal = "journal";

    /// <summary>Removes another node.</summary>
    public const string Eject = "eject";

    /// <summary>This node leaves; its process goes on.</summary>
    public const string Leave = "leave";

    /// <summary>The master hands its role to the vice-master.</summary>
    public const string SwitchOver = "switchover";

    /// <summary>Lets a node hold roles, or not.</summary>
    public const string Qualify = "qualify";

    /// <summary>Forgets the removals of a node, so that it is not kept out any more.</summary>
    public const string ClearQuarantine = "clear-quarantine";

    /// <summary>Runs a regroup now.</summary>
    public const string ForceRegroup = "force-regroup";

    /// <summary>A line of the diagnostic language.</summary>
    public const string Diagnose = "diag";

    /// <summary>The keys that seal datagrams.</summary>
    public const string Keys = "keys";

    /// <summary>Forms a cluster by order of the operator, with <see cref="ControlRequest.Text"/> as the reason; over the socket only.</summary>
    public const string FormByForce = "form-by-force";

    internal static readonly string[] All = [Status, Nodes, View, Matrix, Journal, Eject, Leave, SwitchOver, Qualify, ClearQuarantine, ForceRegroup, FormByForce, Diagnose, Keys];
}
