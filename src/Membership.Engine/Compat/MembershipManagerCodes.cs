// The header's numbers under the header's names, and the Win32 codes they map to.
namespace Membership.Engine.Compat;

#pragma warning disable CA1707 // These are the header's own names.

/// <summary>The header's status codes, node states and constants, one to one.</summary>
public static class MembershipManagerCodes
{
    /// <summary>Completed.</summary>
    public const uint MM_OK = (uint)MembershipStatus.Ok;

    /// <summary>Not achieved in the time given.</summary>
    public const uint MM_TIMEOUT = (uint)MembershipStatus.Timeout;

    /// <summary>The cluster changed meanwhile; try again.</summary>
    public const uint MM_TRANSIENT = (uint)MembershipStatus.Transient;

    /// <summary>An illegal parameter or an impossible condition.</summary>
    public const uint MM_FAULT = (uint)MembershipStatus.Fault;

    /// <summary>Already in the desired condition.</summary>
    public const uint MM_ALREADY = (uint)MembershipStatus.Already;

    /// <summary>Only a member can do this.</summary>
    public const uint MM_NOTMEMBER = (uint)MembershipStatus.NotMember;

    /// <summary>A node is up.</summary>
    public const uint NODE_UP = 1;

    /// <summary>A node is down.</summary>
    public const uint NODE_DOWN = 2;

    /// <summary>The halt code of a shutdown during a regroup.</summary>
    public const uint MM_STOP_REQUESTED = (uint)HaltCode.StopRequested;

    /// <summary>No node.</summary>
    public const uint MM_INVALID_NODE = 0;
}

/// <summary>The Win32 codes used here, as in Microsoft's published list of system error codes.</summary>
public static class Win32ErrorCodes
{
    /// <summary>The operation completed.</summary>
    public const uint ERROR_SUCCESS = 0;

    /// <summary>The parameter is incorrect.</summary>
    public const uint ERROR_INVALID_PARAMETER = 87;

    /// <summary>The operation was canceled.</summary>
    public const uint ERROR_CANCELLED = 1223;

    /// <summary>The host node is not currently the owner.</summary>
    public const uint ERROR_HOST_NODE_NOT_GROUP_OWNER = 5016;

    /// <summary>The operation could not be completed. A retry should be performed.</summary>
    public const uint ERROR_RETRY = 1237;

    /// <summary>An internal error occurred.</summary>
    public const uint ERROR_INTERNAL_ERROR = 1359;

    /// <summary>The time-out period expired.</summary>
    public const uint ERROR_TIMEOUT = 1460;

    /// <summary>The cluster service is shutting down.</summary>
    public const uint ERROR_CLUSTER_SHUTTING_DOWN = 5022;

    /// <summary>The node already exists in the cluster.</summary>
    public const uint ERROR_CLUSTER_NODE_EXISTS = 5040;

    /// <summary>The node is not a cluster member.</summary>
    public const uint ERROR_CLUSTER_NODE_NOT_MEMBER = 5052;

    /// <summary>The node is already a member of the cluster.</summary>
    public const uint ERROR_CLUSTER_NODE_ALREADY_MEMBER = 5065;

    /// <summary>The membership engine requested shutdown of the cluster service on this node.</summary>
    public const uint ERROR_CLUSTER_MEMBERSHIP_HALT = 5892;

    /// <summary>The cluster node has been poisoned.</summary>
    public const uint ERROR_CLUSTER_POISONED = 5907;

    /// <summary>There is no quorum.</summary>
    public const uint ERROR_CLUSTER_NO_QUORUM = 5925;
}

/// <summary>How statuses and halt codes are said in Win32 codes.</summary>
public static class MembershipStatusMapping
{
    /// <summary>A status as a Win32 code.</summary>
    /// <param name="status">The status.</param>
    /// <returns>E.g. 1237 (ERROR_RETRY) for Transient; 1359 (ERROR_INTERNAL_ERROR) for a number that is no status.</returns>
    /// <remarks>MMMapStatusToDosError.</remarks>
    public static uint ToWin32Error(this MembershipStatus status) => status switch
    {
        MembershipStatus.Ok => Win32ErrorCodes.ERROR_SUCCESS,
        MembershipStatus.Timeout => Win32ErrorCodes.ERROR_TIMEOUT,
        MembershipStatus.Transient => Win32ErrorCodes.ERROR_RETRY,
        MembershipStatus.Fault => Win32ErrorCodes.ERROR_INVALID_PARAMETER,
        MembershipStatus.Already => Win32ErrorCodes.ERROR_CLUSTER_NODE_ALREADY_MEMBER,
        MembershipStatus.NotMember => Win32ErrorCodes.ERROR_CLUSTER_NODE_NOT_MEMBER,
        MembershipStatus.Again => Win32ErrorCodes.ERROR_RETRY,
        MembershipStatus.Cancelled => Win32ErrorCodes.ERROR_CANCELLED,
        MembershipStatus.NotMaster => Win32ErrorCodes.ERROR_HOST_NODE_NOT_GROUP_OWNER,
        _ => Win32ErrorCodes.ERROR_INTERNAL_ERROR,
    };

    /// <summary>A halt code as a Win32 code.</summary>
    /// <param name="code">The halt code.</param>
    /// <returns>E.g. 5925 (ERROR_CLUSTER_NO_QUORUM); 5892 (ERROR_CLUSTER_MEMBERSHIP_HALT) where no other says more.</returns>
    /// <remarks>MMMapHaltCodeToDosError.</remarks>
    public static uint ToWin32Error(this HaltCode code) => code switch
    {
        HaltCode.None => Win32ErrorCodes.ERROR_SUCCESS,
        HaltCode.NoQuorum => Win32ErrorCodes.ERROR_CLUSTER_NO_QUORUM,
        HaltCode.Poisoned => Win32ErrorCodes.ERROR_CLUSTER_POISONED,
        HaltCode.DuplicateNumber => Win32ErrorCodes.ERROR_CLUSTER_NODE_EXISTS,
        HaltCode.StopRequested => Win32ErrorCodes.ERROR_CLUSTER_SHUTTING_DOWN,
        _ => Win32ErrorCodes.ERROR_CLUSTER_MEMBERSHIP_HALT,
    };
}
