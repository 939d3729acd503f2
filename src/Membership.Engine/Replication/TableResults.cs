// What a host gets back from the replicated tables.
namespace Membership.Engine.Replication;

/// <summary>How an update ended.</summary>
/// <param name="Status">Ok: it was judged, see <paramref name="Verdict"/>. NotMember, Fault; Timeout: whether it was carried out is not known here.</param>
/// <param name="Verdict">With Ok: whether it happened, and why not.</param>
/// <param name="Detail">For people, when there is something to say.</param>
public sealed record TableUpdateResult(MembershipStatus Status, TableUpdateVerdict? Verdict, string? Detail = null)
{
    /// <summary>It was carried out.</summary>
    public bool IsApplied => Verdict is { Outcome: TableUpdateOutcome.Applied };
}

/// <summary>How a read ended.</summary>
/// <param name="Status">Ok or NotMember.</param>
/// <param name="Table">With Ok: the table.</param>
public sealed record TableReadResult(MembershipStatus Status, TableSnapshot? Table);
