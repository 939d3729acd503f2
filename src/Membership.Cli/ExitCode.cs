// What regroupctl ends with; documented in docs/regroupctl.md, so that scripts may rely on it.
using Membership.Engine;

namespace Membership.Cli;

internal static class ExitCode
{
    /// <summary>Done; or: healthy, fit.</summary>
    public const int Good = 0;

    /// <summary>Refused, impossible, not healthy, not fit.</summary>
    public const int Bad = 1;

    /// <summary>The command line is wrong.</summary>
    public const int Usage = 2;

    /// <summary>The node cannot be asked.</summary>
    public const int NoContact = 3;

    /// <summary>The cluster was changing or did not end in time: try again.</summary>
    public const int TryAgain = 4;

    public static int Of(MembershipStatus status) => status switch
    {
        MembershipStatus.Ok or MembershipStatus.Already => Good,
        MembershipStatus.Transient or MembershipStatus.Timeout or MembershipStatus.Again => TryAgain,
        _ => Bad,
    };
}

/// <summary>Ends the command with a message on standard error.</summary>
internal sealed class CommandException(int code, string message) : Exception(message)
{
    public int Code { get; } = code;
}
