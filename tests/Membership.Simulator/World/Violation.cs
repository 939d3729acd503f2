// What a checker reports. A run ends at its first violation: what happens after a broken invariant proves nothing.
namespace Membership.Simulator.World;

/// <param name="Checker">The checker's name as used in scenarios and in the defect campaign.</param>
/// <param name="Time">Virtual time.</param>
/// <param name="Text">What was seen, with the nodes and views.</param>
internal sealed record Violation(string Checker, long Time, string Text);
