// A few times of the same thing, in milliseconds.
using System.Globalization;

namespace Membership.Bench.Cluster;

internal sealed class Measured
{
    private readonly List<double> _values = [];

    public double Median => At(0.5);

    public double Maximum => _values.Max();

    public void Add(long from, long to) => _values.Add((to - from) / 1e6);

    /// <summary>minimum/median/maximum.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{_values.Min():0}/{Median:0}/{_values.Max():0}");

    private double At(double share)
    {
        double[] sorted = [.. _values.Order()];
        double place = share * (sorted.Length - 1);
        int below = (int)place;
        return below + 1 < sorted.Length ? sorted[below] + (place - below) * (sorted[below + 1] - sorted[below]) : sorted[below];
    }
}
