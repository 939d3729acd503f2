// What corosync says in its log, taken apart: who the members are, whether a node claims to have quorum, and the steps of one
// change of membership. Read line by line, each with the instant at which it came.
using System.Globalization;
using System.Text.RegularExpressions;

namespace Membership.Bench.Cluster;

/// <summary>A step of a change of membership.</summary>
internal enum CorosyncStep
{
    /// <summary>The link to a node is down, says its transport.</summary>
    LinkDown,

    /// <summary>No token for three quarters of its time.</summary>
    TokenMissed,

    /// <summary>The token is lost; those left begin to agree on who they are.</summary>
    TokenLost,

    /// <summary>A new membership is formed.</summary>
    Formed,

    /// <summary>The quorum service has told the members.</summary>
    Members,

    /// <summary>All services have synchronised.</summary>
    Ready,
}

/// <summary>The log of one node. Not safe for use by several threads.</summary>
internal sealed partial class CorosyncLog
{
    private readonly List<(CorosyncStep Step, long At)> _steps = [];
    private readonly List<QuorumClaim> _claims = [];
    private int[] _begun = [];
    private bool _quorate;

    /// <summary>The members named last and when; null before the first time.</summary>
    public (int[] Members, long At)? Said { get; private set; }

    /// <summary>Every step so far, in order.</summary>
    public IReadOnlyList<(CorosyncStep Step, long At)> Steps => _steps;

    /// <summary>What the node claimed so far, in order; each holds until the next.</summary>
    public IReadOnlyList<QuorumClaim> Claims => _claims;

    public void Read(string line, long at)
    {
        if (line.Contains("This node is within the primary component", StringComparison.Ordinal)) Claim(quorate: true, at);
        else if (line.Contains("This node is within the non-primary component", StringComparison.Ordinal)) Claim(quorate: false, at);
        else if (StepOf(line) is { } step) _steps.Add((step, at));
        if (MembersLine().Match(line) is not { Success: true } match) return;
        int[] named = [.. match.Groups[2].Value.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(static number => int.Parse(number, CultureInfo.InvariantCulture))];
        _begun = [.. _begun, .. named];
        if (_begun.Length < int.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture)) return;
        Said = ([.. _begun.Order()], at);
        _begun = [];
        _steps.Add((CorosyncStep.Members, at));
        _claims.Add(new QuorumClaim(at, _quorate, Said.Value.Members));
    }

    private void Claim(bool quorate, long at)
    {
        _quorate = quorate;
        _claims.Add(new QuorumClaim(at, quorate, Said?.Members ?? []));
    }

    private static CorosyncStep? StepOf(string line)
        => line.Contains("has not been received in", StringComparison.Ordinal) ? CorosyncStep.TokenMissed
            : line.Contains("A processor failed, forming new configuration", StringComparison.Ordinal) ? CorosyncStep.TokenLost
            : line.Contains("A new membership", StringComparison.Ordinal) ? CorosyncStep.Formed
            : line.Contains("Completed service synchronization", StringComparison.Ordinal) ? CorosyncStep.Ready
            : line.Contains("is down", StringComparison.Ordinal) && line.Contains("link", StringComparison.Ordinal) ? CorosyncStep.LinkDown
            : null;

    // What votequorum tells of every membership that was formed; a long list takes several lines.
    [GeneratedRegex(@"\[QUORUM\] Members\[(\d+)\]:((?: \d+)+)")]
    private static partial Regex MembersLine();
}

/// <summary>What a node claims from an instant on: whether it has quorum, and with whom.</summary>
internal readonly record struct QuorumClaim(long At, bool Quorate, int[] Members);
