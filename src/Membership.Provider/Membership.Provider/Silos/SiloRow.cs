// One silo of a host framework as a row of the replicated table: what the framework wants to keep about it, and which life of
// which node it runs on, so that a node's death is its silo's death. Knows no framework.
using System.Collections.Immutable;
using Membership.Engine;

namespace Membership.Provider.Silos;

/// <summary>A silo's state. The numbers are the framework's.</summary>
internal enum SiloRowStatus : byte
{
    None = 0,
    Created = 1,
    Joining = 2,
    Active = 3,
    ShuttingDown = 4,
    Stopping = 5,
    Dead = 6,
}

/// <summary>Who suspected or buried a silo, and when.</summary>
internal readonly record struct SiloVote(string Silo, DateTime Time);

internal sealed record SiloRow
{
    /// <summary>Address and generation, in the framework's own text form; the row's key.</summary>
    public required string Silo { get; init; }

    public required SiloRowStatus Status { get; init; }

    /// <summary>Where clients connect, as the text a client's list holds; empty for a silo without a gateway.</summary>
    public string Gateway { get; init; } = "";

    public int ProxyPort { get; init; }

    public string? HostName { get; init; }

    public string? SiloName { get; init; }

    public string? RoleName { get; init; }

    public int UpdateZone { get; init; }

    public int FaultZone { get; init; }

    public DateTime StartTime { get; init; }

    public DateTime IAmAliveTime { get; init; }

    /// <summary>Default (not empty) when the framework's entry had no list.</summary>
    public ImmutableArray<SiloVote> Suspects { get; init; }

    /// <summary>The node the silo runs on; Invalid when whoever wrote the row did not know it.</summary>
    public NodeId Node { get; init; }

    /// <summary>That node's life.</summary>
    public Incarnation Life { get; init; }

    /// <summary>The epoch in force when the row was first written: a view before it says nothing about this silo.</summary>
    public Epoch Since { get; init; }

    /// <summary>Who wrote the status last.</summary>
    public NodeId Writer { get; init; }

    /// <summary>The silo said itself that it is gone; its node leaves by itself.</summary>
    public bool SaidGoodbye => Status == SiloRowStatus.Dead && Writer == Node;

    /// <summary>The latest thing known of it: its start, its last sign of life, or a vote on it.</summary>
    public DateTime LastUpdate
    {
        get
        {
            DateTime last = StartTime > IAmAliveTime ? StartTime : IAmAliveTime;
            if (!Suspects.IsDefault)
                foreach (SiloVote vote in Suspects)
                    if (vote.Time > last) last = vote.Time;
            return last;
        }
    }

    /// <summary>Whether a view proves that the silo is gone: it is at least as new as the row, and the silo's life is not in it.</summary>
    public bool IsGoneIn(ClusterView view)
        => Node.IsValid && view.Epoch >= Since && (!view.Contains(Node) || view.Find(Node).Incarnation > Life);

    /// <summary>Whether the silo's life is a member of a view.</summary>
    public bool IsIn(ClusterView view) => Node.IsValid && view.Contains(Node, Life);
}
