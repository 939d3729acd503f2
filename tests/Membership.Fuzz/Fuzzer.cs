// Runs a target on inputs from a seed and holds every one against the same limits: no exception but the contract's own, memory in
// proportion to the input, no more than a millisecond. No coverage tool restores here; an input that takes an amount of memory or
// has an outcome not seen before stands for a new path and joins the corpus of this run.
using System.Diagnostics;
using System.Globalization;

namespace Membership.Fuzz;

/// <param name="Inputs">How many were run.</param>
/// <param name="Accepted">How many the parser took.</param>
/// <param name="Paths">How many joined the corpus.</param>
/// <param name="MostBytes">The most memory one input took.</param>
/// <param name="Slowest">The most time one input took, of its fastest try.</param>
/// <param name="Finding">What is wrong, with the input; null when nothing is.</param>
internal sealed record FuzzResult(long Inputs, long Accepted, int Paths, long MostBytes, TimeSpan Slowest, string? Finding);

internal sealed class Fuzzer(FuzzTarget target, int seed, TimeSpan? slow = null)
{
    /// <summary>The limit for an input of up to <see cref="Mutator.MaxLength"/> bytes, judged by the fastest of several tries.</summary>
    public static readonly TimeSpan Slow = TimeSpan.FromMilliseconds(1);

    private const int Tries = 20;
    private const int MaxPaths = 2000;
    private readonly TimeSpan _slow = slow ?? Slow;

    public FuzzResult Run(long inputs, TimeSpan time)
    {
        var random = new Random(seed);
        var mutator = new Mutator(random);
        List<byte[]> corpus = target.ReadCorpus();
        int given = corpus.Count;
        var seen = new HashSet<(bool Accepted, long Bytes)>();
        long accepted = 0, most = 0;
        TimeSpan slowest = TimeSpan.Zero;
        long started = Stopwatch.GetTimestamp();
        // The first call of everything compiles it and fills its caches: not what is judged.
        foreach (byte[] input in corpus)
            if (Warm(input) is { } finding) return new FuzzResult(0, 0, 0, 0, slowest, finding);
        long done = 0;
        for (; done < inputs && ((done & 1023) != 0 || Stopwatch.GetElapsedTime(started) < time); done++)
        {
            byte[] input = mutator.Next(corpus);
            if (random.Next(3) != 0) input = target.Repair(input);
            Judged judged = Judge(input);
            if (judged.Finding is not null) return new FuzzResult(done + 1, accepted, corpus.Count - given, most, slowest, Describe(judged.Finding, input));
            if (judged.Accepted) accepted++;
            most = Math.Max(most, judged.Bytes);
            if (judged.Time > slowest) slowest = judged.Time;
            if (corpus.Count - given < MaxPaths && seen.Add((judged.Accepted, judged.Bytes / 64))) corpus.Add(input);
        }
        return new FuzzResult(done, accepted, corpus.Count - given, most, slowest, null);
    }

    private readonly record struct Judged(bool Accepted, long Bytes, TimeSpan Time, string? Finding);

    private Judged Judge(byte[] input)
    {
        TimeSpan best = TimeSpan.MaxValue;
        long least = long.MaxValue;
        bool accepted = false;
        // One try is enough for a good one: the machine may pause any of them, and caches may fill, but not all of them.
        for (int i = 0; i < Tries && (best > _slow || least > Allowed(input)); i++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread(), started = Stopwatch.GetTimestamp();
            try
            {
                accepted = target.Parse(input);
            }
            catch (Exception escaped)
            {
                return new Judged(false, 0, TimeSpan.Zero, $"an exception got out: {escaped}");
            }
            TimeSpan took = Stopwatch.GetElapsedTime(started);
            if (took < best) best = took;
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }
        string? finding = best > _slow ? string.Create(CultureInfo.InvariantCulture, $"it took {best.TotalMilliseconds:F2} ms")
            : least > Allowed(input) ? $"it took {least} bytes of memory, {Allowed(input)} are allowed" : null;
        return new Judged(accepted, least, best, finding);
    }

    private string? Warm(byte[] input)
    {
        try
        {
            for (int i = 0; i < 3; i++) target.Parse(input);
            return null;
        }
        catch (Exception escaped)
        {
            return Describe($"an exception got out: {escaped}", input);
        }
    }

    private long Allowed(byte[] input) => target.FixedBytes + (long)FuzzTarget.BytesPerByte * input.Length;

    private string Describe(string what, byte[] input) => $"{target.Name}, seed {seed}: {what}{Environment.NewLine}input of {input.Length} bytes: {Convert.ToHexStringLower(input)}";
}
