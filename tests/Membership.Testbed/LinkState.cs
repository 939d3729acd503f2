// What the bridge lets through: which directed pairs of ports are cut, and which node loses how much of what is sent to it.
// Immutable, so that faults that come and go on their own are simply united; applied as one transaction of nftables.
using System.Collections.Immutable;
using System.Globalization;
using System.Text;

namespace Membership.Testbed;

/// <summary>The state of the bridge. A port is a node's number; <see cref="Witness"/> is the witness' port.</summary>
public sealed record LinkState
{
    /// <summary>The port of the witness and other services.</summary>
    public const int Witness = 0;

    /// <summary>Everything passes.</summary>
    public static readonly LinkState Healthy = new();

    private LinkState()
    {
    }

    private ImmutableSortedSet<(int From, int To)> Cuts { get; init; } = [];

    private ImmutableSortedDictionary<int, int> Losses { get; init; } = ImmutableSortedDictionary<int, int>.Empty;

    /// <summary>Nothing from any of these gets to any of those.</summary>
    public LinkState CutOneWay(IEnumerable<int> from, IEnumerable<int> to)
        => this with { Cuts = Cuts.Union(from.SelectMany(_ => to, static (a, b) => (a, b)).Where(static pair => pair.a != pair.b)) };

    /// <summary>Nothing passes between these and those, in either direction.</summary>
    public LinkState Split(IEnumerable<int> these, IEnumerable<int> those) => CutOneWay(these, those).CutOneWay(those, these);

    /// <summary>A share of all that is sent to a node is lost, each packet by chance.</summary>
    /// <param name="node">The port.</param>
    /// <param name="percent">1..100.</param>
    public LinkState LoseIngress(int node, int percent)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(percent, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(percent, 100);
        return this with { Losses = Losses.SetItem(node, Math.Max(percent, Losses.GetValueOrDefault(node))) };
    }

    /// <summary>Both at once.</summary>
    public LinkState And(LinkState other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return other.Losses.Aggregate(this with { Cuts = Cuts.Union(other.Cuts) }, static (state, loss) => state.LoseIngress(loss.Key, loss.Value));
    }

    /// <summary>Whether what one port sends cannot get to another.</summary>
    public bool IsCut(int from, int to) => Cuts.Contains((from, to)) || Losses.GetValueOrDefault(to) == 100;

    /// <inheritdoc/>
    public bool Equals(LinkState? other) => other is not null && ToRules() == other.ToRules();

    /// <inheritdoc/>
    public override int GetHashCode() => ToRules().GetHashCode(StringComparison.Ordinal);

    /// <summary>The whole rule set, to be loaded in one transaction in place of the former one.</summary>
    internal string ToRules()
    {
        var rules = new StringBuilder("add table bridge faults\nflush table bridge faults\nadd chain bridge faults forward { type filter hook forward priority 0; policy accept; }\n");
        foreach ((int from, int to) in Cuts) rules.Append(CultureInfo.InvariantCulture, $"add rule bridge faults forward iifname \"p{from}\" oifname \"p{to}\" drop\n");
        foreach ((int node, int percent) in Losses) rules.Append(CultureInfo.InvariantCulture, $"add rule bridge faults forward oifname \"p{node}\" numgen random mod 100 < {percent} drop\n");
        return rules.ToString();
    }
}
