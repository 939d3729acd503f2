// All that people may look at in a running node, as of one moment; what a host shows is made from it.
using System.Collections.Immutable;
using Membership.Engine.Arbitration;
using Membership.Engine.Protocol;

namespace Membership.Engine.Runtime;

/// <summary>How the latest call of the arbiter ended.</summary>
internal sealed record WitnessCall(string What, WitnessOutcome Outcome, string? Detail, DateTimeOffset Ended, TimeSpan Took);

/// <summary>One node; the core's part is null while it is down, or when its loop did not answer.</summary>
internal sealed record NodeSnapshot(
    MembershipNodeOptions Options, CoreSnapshot? Core, MembershipLease Lease, ImmutableArray<Incident> Incidents, ImmutableArray<NotedChange> Changes, MembershipCounters Counters,
    IReadOnlyList<JournalLine> Journal, NodeHalt? Halted, string? Witness, WitnessCall? LastWitnessCall, DateTimeOffset TakenAt);
