// The results of membership calls and the reasons a node halts.
namespace Membership.Engine;

/// <summary>The result of a membership call.</summary>
/// <remarks>The values 0..5 are the header's <c>MM_OK</c>..<c>MM_NOTMEMBER</c>.</remarks>
public enum MembershipStatus
{
    /// <summary><c>MM_OK</c>: completed.</summary>
    Ok = 0,

    /// <summary><c>MM_TIMEOUT</c>: not achieved in the time given.</summary>
    Timeout = 1,

    /// <summary><c>MM_TRANSIENT</c>: the cluster changed meanwhile; try again.</summary>
    Transient = 2,

    /// <summary><c>MM_FAULT</c>: an illegal parameter or an impossible condition.</summary>
    Fault = 3,

    /// <summary><c>MM_ALREADY</c>: already in the desired condition.</summary>
    Already = 4,

    /// <summary><c>MM_NOTMEMBER</c>: only a member can do this.</summary>
    NotMember = 5,

    /// <summary>Only the master can do this: this node is not it.</summary>
    NotMaster = 6,

    /// <summary>Nobody could take over: there is no other qualified member.</summary>
    Cancelled = 7,

    /// <summary>What is known may not be the present state (the cluster is stale): ask again. <c>CMM_EAGAIN</c>.</summary>
    Again = 8,
}

/// <summary>Why a node halts: it must stop serving now and its process should end.</summary>
public enum HaltCode
{
    /// <summary>Not halted.</summary>
    None = 0,

    /// <summary>No view came into force within the halt deadline of a regroup: no quorum, or no agreement.</summary>
    NoQuorum = 1,

    /// <summary>A poison for this life, with an epoch above the one in force here, arrived.</summary>
    Poisoned = 2,

    /// <summary>A decision that leaves this node out is in force.</summary>
    Removed = 3,

    /// <summary>The view store could not be written, or not in time.</summary>
    StoreFailed = 4,

    /// <summary>A callback ran past its hard limit (default 30 s).</summary>
    CallbackTimeout = 5,

    /// <summary>An invariant of the protocol did not hold.</summary>
    InternalFault = 6,

    /// <summary>Another live node uses this node's number.</summary>
    DuplicateNumber = 7,

    /// <summary>Master-only work did not stop before the lease ran out.</summary>
    MasterWorkOverrun = 8,

    /// <summary>The running cluster does not let this node in: another list of nodes, policy or protocol version, or a store that knows a newer view.</summary>
    Refused = 9,

    /// <summary>A stop was asked for during a regroup: the header's <c>MM_STOP_REQUESTED</c> (1002).</summary>
    StopRequested = 1002,
}
