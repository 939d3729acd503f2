// What a query about the cluster answers: a status, and what is known.
namespace Membership.Engine;

/// <summary>The answer of a query.</summary>
/// <typeparam name="T">What was asked for.</typeparam>
/// <param name="Status">
/// Ok. Again: the value is the last known, and may be out of date, because no frame of the master has come for too long. NotMember: this
/// node is none, so it knows nothing. Timeout: no answer in the time given. Fault: the number is no configured node's.
/// </param>
/// <param name="Value">The answer with Ok and Again; null also when there is nobody in the role. Null with every other status.</param>
/// <remarks>Again is the guide's <c>CMM_EAGAIN</c>.</remarks>
public readonly record struct MembershipAnswer<T>(MembershipStatus Status, T? Value)
{
    /// <summary>Whether the status is Ok.</summary>
    public bool IsOk => Status == MembershipStatus.Ok;
}
