// The service roles over an installed view.
namespace Membership.Engine;

/// <summary>A node's role in the installed view.</summary>
public enum MemberRole
{
    /// <summary>Not a member.</summary>
    Out = 0,

    /// <summary>A member with no special role.</summary>
    In = 1,

    /// <summary>The next master.</summary>
    ViceMaster = 2,

    /// <summary>The master.</summary>
    Master = 3,
}
