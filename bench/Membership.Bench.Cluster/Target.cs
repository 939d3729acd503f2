// Whether what was measured is what was promised.
namespace Membership.Bench.Cluster;

internal static class Target
{
    /// <returns>The end of a line that says so; counts what was missed.</returns>
    public static string Judge(bool met, string target, ref int missed)
    {
        if (!met) missed++;
        return $" target {target} {(met ? "met" : "MISSED")}";
    }
}
