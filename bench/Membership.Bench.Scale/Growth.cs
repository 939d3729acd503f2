// How fast a cost grows with the number of peers a node has: the exponent p of peers^p that fits best, by least squares over the logarithms.
// 1 is linear. Small clusters are left out while there are enough large ones: there the constant part hides the growth.
namespace Membership.Bench.Scale;

/// <summary>The growth of one cost of one change.</summary>
/// <param name="Exponent">Over all sizes that count.</param>
/// <param name="Steepest">Between two neighbouring sizes at least twice apart.</param>
/// <param name="Sizes">How many sizes count.</param>
internal sealed record Growth(double Exponent, double Steepest, int Sizes)
{
    /// <summary>Linear, and a tenth for what the constant part of a cost bends.</summary>
    public const double Limit = 1.1;

    /// <summary>Between two sizes one beat of the clock more or less weighs more.</summary>
    public const double StepLimit = 1.5;

    /// <summary>Bytes: linear, too, though somebody must say the whole view to everybody, and a set of nodes with holes is a bit per node.</summary>
    public const double BytesLimit = Limit;

    private const int Large = 15;

    public bool IsLinear => Exponent <= Limit && Steepest <= StepLimit;

    /// <summary>As linear as bytes can be.</summary>
    public bool IsLinearInBytes => Exponent <= BytesLimit && Steepest <= StepLimit;

    /// <summary>Fits costs by the number of peers.</summary>
    /// <param name="costs">At least two different numbers.</param>
    /// <returns>The growth, or null when there are fewer than two.</returns>
    public static Growth? Of(IEnumerable<(int Peers, double Cost)> costs)
    {
        (double X, double Y)[] points = [.. costs.Where(static point => point is { Peers: >= 1, Cost: > 0 }).OrderBy(static point => point.Peers).Select(static point => (Math.Log(point.Peers), Math.Log(point.Cost)))];
        int large = points.Count(static point => point.X >= Math.Log(Large));
        if (large >= 3) points = points[^large..];
        if (points.Length < 2) return null;
        double x = points.Average(static point => point.X), y = points.Average(static point => point.Y);
        double over = points.Sum(point => (point.X - x) * (point.Y - y)), under = points.Sum(point => (point.X - x) * (point.X - x));
        double steepest = double.NegativeInfinity;
        for (int i = 1; i < points.Length; i++)
        {
            double distance = points[i].X - points[i - 1].X;
            if (distance >= Math.Log(1.9)) steepest = Math.Max(steepest, (points[i].Y - points[i - 1].Y) / distance);
        }
        return new Growth(over / under, steepest, points.Length);
    }
}
