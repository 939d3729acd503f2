// What is known of one configured node.
using System.Collections.Immutable;

namespace Membership.Engine.Runtime;

/// <summary>One configured node, as the installed view has it.</summary>
/// <param name="Node">Its number.</param>
/// <param name="Role">Its role; <see cref="MemberRole.Out"/> when it is not a member.</param>
/// <param name="IsQualified">Whether it may hold a role; only known of members.</param>
/// <param name="Incarnation">The life that is a member; none when it is not a member.</param>
/// <param name="Votes">Its weight: as a member in the view, else as configured.</param>
/// <param name="Endpoints">Where it is reached, one per path.</param>
public sealed record ClusterMemberInfo(NodeId Node, MemberRole Role, bool IsQualified, Incarnation Incarnation, int Votes, ImmutableArray<string> Endpoints);
