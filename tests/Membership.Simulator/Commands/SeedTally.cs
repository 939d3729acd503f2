// Runs a range of seeds, several at a time, and keeps what they found: violations by seed, totals, and the runs that stand out.
using Membership.Simulator.World;
using Membership.Simulator.Workload;

namespace Membership.Simulator.Commands;

internal sealed class SeedTally
{
    private readonly Lock _gate = new();
    private readonly ulong _last;
    private readonly RunFilter _filter;
    private ulong _next;
    private TimeSpan _busy;

    private SeedTally(ulong first, ulong last, RunFilter filter)
    {
        _next = first;
        _last = last;
        _filter = filter;
    }

    public SortedDictionary<ulong, Violation> Found { get; } = [];

    public long Runs { get; private set; }

    public long Events { get; private set; }

    public long Regroups { get; private set; }

    public long Installs { get; private set; }

    /// <summary>Statuses whose views were only named, where messages were bytes; and how many of them meant nothing to their receiver.</summary>
    public long Named { get; private set; }

    public long UnknownViews { get; private set; }

    /// <summary>The fingerprint of all stories, whatever the order in which they were told.</summary>
    public ulong Stories { get; private set; }

    /// <summary>The longest way to a whole cluster after the faults, as a share of the liveness bound.</summary>
    public (double Share, ulong Seed) SlowestHeal { get; private set; }

    /// <summary>The most regroups of nodes in one run.</summary>
    public (long Regroups, ulong Seed) Busiest { get; private set; }

    /// <summary>The run that took most of the real time: a seed that hangs would show here.</summary>
    public (TimeSpan Elapsed, ulong Seed) Slowest { get; private set; }

    /// <summary>Events per second of the time that runs took.</summary>
    public long EventsPerSecond => _busy > TimeSpan.Zero ? (long)(Events / _busy.TotalSeconds) : 0;

    public static SeedTally Of(ulong first, ulong last, RunFilter filter, int jobs)
    {
        var tally = new SeedTally(first, last, filter);
        var threads = new Thread[jobs];
        for (int i = 0; i < jobs; i++)
        {
            threads[i] = new Thread(tally.Work);
            threads[i].Start();
        }
        foreach (Thread thread in threads) thread.Join();
        return tally;
    }

    private void Work()
    {
        while (true)
        {
            ulong seed;
            lock (_gate)
            {
                if (_next > _last) return;
                seed = _next++;
            }
            SeedResult result = SeedRun.Run(seed, _filter, trace: null);
            lock (_gate) Add(seed, result);
        }
    }

    private void Add(ulong seed, SeedResult result)
    {
        Runs++;
        Events += result.Events;
        Regroups += result.Regroups;
        Installs += result.Installs;
        Named += result.Named;
        UnknownViews += result.UnknownViews;
        _busy += result.Elapsed;
        Stories += ulong.RotateLeft(result.Hash * 0x9E3779B97F4A7C15UL, (int)(seed & 63)) ^ seed;
        if (result.Violation is { } violation) Found.Add(seed, violation);
        if (result.Regroups > Busiest.Regroups) Busiest = (result.Regroups, seed);
        if (result.Elapsed > Slowest.Elapsed) Slowest = (result.Elapsed, seed);
        double heal = result.Healed / (double)result.HealBound;
        if (heal > SlowestHeal.Share) SlowestHeal = (heal, seed);
    }
}
