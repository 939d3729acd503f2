// Why a datagram was dropped. Every reason is counted; none is ever answered.
namespace Membership.Engine.Wire;

/// <summary>Why a received datagram was dropped. Dropped datagrams are counted by reason and answered with nothing.</summary>
public enum DatagramDropReason
{
    /// <summary>It was not dropped.</summary>
    None = 0,

    /// <summary>Shorter than a header and a seal.</summary>
    TooShort = 1,

    /// <summary>Longer than a datagram of this cluster may be, or cut off by the socket.</summary>
    TooLarge = 2,

    /// <summary>It does not begin like a datagram of this software.</summary>
    BadMagic = 3,

    /// <summary>Another version of the datagram format.</summary>
    BadVersion = 4,

    /// <summary>Of another cluster: the hash of its cluster id is not ours.</summary>
    ForeignCluster = 5,

    /// <summary>For another node.</summary>
    WrongReceiver = 6,

    /// <summary>From an impossible node number, one that is not configured, or our own.</summary>
    UnknownSender = 7,

    /// <summary>Sealed with a key that is not in the key ring.</summary>
    UnknownKey = 8,

    /// <summary>Not sealed, while this node has keys and does not accept plain text; or sealed, while this node has no keys.</summary>
    WrongProtection = 9,

    /// <summary>The seal does not match: changed on the way, forged, or another key with the same id.</summary>
    AuthenticationFailed = 10,

    /// <summary>Seen before, or older than the replay window.</summary>
    Replayed = 11,

    /// <summary>From an earlier life of its sender.</summary>
    OldIncarnation = 12,

    /// <summary>Authentic, but not a message: an impossible field or length.</summary>
    Malformed = 13,

    /// <summary>Authentic, but of another major version of the messages.</summary>
    OtherMajorVersion = 14,

    /// <summary>Authentic, but of a kind that only a newer minor version has.</summary>
    UnknownKind = 15,

    /// <summary>A fragment of a message that was given up because its other fragments did not come in time.</summary>
    FragmentAbandoned = 16,

    /// <summary>Authentic, but it names a view that this node does not know and that did not come in time. Its sender says it in full when nothing comes back.</summary>
    UnknownView = 17,
}
