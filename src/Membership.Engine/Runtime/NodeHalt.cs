// The proof of death a host may trust, and why a node stopped.
namespace Membership.Engine.Runtime;

/// <summary>What counts as proof that a silent member is dead, so that its lease need not be waited for. A trust decision.</summary>
public enum CrashEvidence
{
    /// <summary>Nothing: a removed member's lease is always waited for (default).</summary>
    None = 0,

    /// <summary>The member's own kernel refuses connections to its port. Wrong where another machine can answer for its address.</summary>
    ConnectionRefused = 1,
}

/// <summary>Why a node halted.</summary>
/// <param name="Code">The reason.</param>
/// <param name="Detail">For people: what happened.</param>
public sealed record NodeHalt(HaltCode Code, string Detail);
