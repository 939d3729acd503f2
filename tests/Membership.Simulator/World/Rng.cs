// The simulator's only source of chance: xoshiro256** seeded by splitmix64. Every part of a run draws from its
// own fork, so that a change in one part (say, the disks) does not change the chances of the others.
namespace Membership.Simulator.World;

internal sealed class Rng
{
    private ulong _a, _b, _c, _d;

    public Rng(ulong seed)
    {
        _a = SplitMix(ref seed);
        _b = SplitMix(ref seed);
        _c = SplitMix(ref seed);
        _d = SplitMix(ref seed);
    }

    /// <summary>An independent stream for one part of the run.</summary>
    public static Rng For(ulong seed, string part)
    {
        ulong hash = 14695981039346656037UL;
        foreach (char letter in part) hash = (hash ^ letter) * 1099511628211UL;
        return new Rng(seed * 0x9E3779B97F4A7C15UL ^ hash);
    }

    public ulong Next()
    {
        ulong result = ulong.RotateLeft(_b * 5, 7) * 9;
        ulong shifted = _b << 17;
        _c ^= _a;
        _d ^= _b;
        _b ^= _c;
        _a ^= _d;
        _c ^= shifted;
        _d = ulong.RotateLeft(_d, 45);
        return result;
    }

    /// <summary>0..<paramref name="bound"/>-1 (0 when the bound is below 2).</summary>
    public int Below(int bound) => bound <= 1 ? 0 : (int)((Next() >> 33) * (ulong)bound >> 31);

    /// <summary>Both ends included.</summary>
    public int Between(int low, int high) => low + Below(high - low + 1);

    /// <summary>From low up to, not including, high; low when the range is empty.</summary>
    public long Span(long low, long high) => high <= low ? low : low + (long)(Unit() * (high - low));

    public double Unit() => (Next() >> 11) * (1.0 / (1UL << 53));

    public bool Chance(double probability) => Unit() < probability;

    public bool PerMille(int perMille) => perMille > 0 && Below(1000) < perMille;

    /// <summary>A waiting time with the given mean, never above eight means.</summary>
    public long Exponential(long mean) => (long)(mean * Math.Min(8.0, -Math.Log(1.0 - Unit())));

    public T Pick<T>(params ReadOnlySpan<T> choices) => choices[Below(choices.Length)];

    private static ulong SplitMix(ref ulong state)
    {
        ulong z = state += 0x9E3779B97F4A7C15UL;
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9UL;
        z = (z ^ z >> 27) * 0x94D049BB133111EBUL;
        return z ^ z >> 31;
    }
}
