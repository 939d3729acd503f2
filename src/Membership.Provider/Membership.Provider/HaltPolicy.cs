// What a host does when its node halts, and how the reason ends up in the process' exit code.
using Membership.Engine;

namespace Membership.Provider;

/// <summary>What happens to the host when the node halts. The lease is gone before any of this.</summary>
public enum HaltPolicy
{
    /// <summary>The host is stopped gracefully and the process ends with <see cref="MembershipHalt.ExitCode"/>.</summary>
    StopHost = 0,

    /// <summary>The process ends at once with <see cref="MembershipHalt.ExitCode"/>: nothing else of the host runs.</summary>
    FailFast = 1,

    /// <summary>Only <see cref="RegroupMembershipOptions.HaltCallback"/> is called; the host goes on without membership.</summary>
    Callback = 2,
}

/// <summary>Why a node halted.</summary>
/// <param name="Code">The reason.</param>
/// <param name="Detail">For people: what happened.</param>
public sealed record MembershipHalt(HaltCode Code, string Detail)
{
    /// <summary>
    /// The exit code of a process that ends because of it: 100 + code, or 199 for <see cref="HaltCode.StopRequested"/> and for codes that
    /// do not fit. Above 0 and below 256 on purpose, since Unix keeps eight bits; clear of the shell's 126..128+n by staying in 101..125 and 199.
    /// </summary>
    public int ExitCode => Code is > HaltCode.None and <= (HaltCode)25 ? 100 + (int)Code : 199;
}
