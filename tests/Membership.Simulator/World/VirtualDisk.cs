// A node's view store under faults. It survives the process; a crash may lose the write in flight, never what was
// durable before (the real store writes a new file and renames it). A replaced disk is empty and has another id.
using Membership.Engine.Protocol;

namespace Membership.Simulator.World;

internal sealed class VirtualDisk(WorldOptions options, Rng rng, long storeId)
{
    private long _writeStarted;

    public StoredState Content { get; private set; } = StoredState.Empty(storeId);

    /// <summary>The write that was issued and has not ended; null when there is none.</summary>
    public StoredState? InFlight { get; private set; }

    /// <summary>Set by a fault: no write ends before the disk is let go.</summary>
    public bool Held { get; set; }

    /// <summary>Set by a fault: added to every write.</summary>
    public long ExtraDelay { get; set; }

    /// <summary>Set by a fault: the next write reports failure.</summary>
    public bool FailNext { get; set; }

    /// <summary>How often it was replaced by an empty one.</summary>
    public int Replacements { get; private set; }

    public void Preload(StoredState state) => Content = state;

    /// <summary>Begins a write and says how long it will take.</summary>
    public long Begin(StoredState state, long now)
    {
        InFlight = state;
        _writeStarted = now;
        long duration = options.DiskMin + rng.Span(0, options.DiskSpread);
        if (options.DiskSpread > 0 && rng.PerMille(10)) duration += rng.Span(0, options.T);
        return duration + (options.Settled ? ExtraDelay : ExtraDelay > 0 ? rng.Span(ExtraDelay / 2, ExtraDelay) : 0);
    }

    /// <summary>The write in flight is durable now.</summary>
    public void Complete()
    {
        if (InFlight is { } state) Content = state;
        InFlight = null;
    }

    public void Fail() => InFlight = null;

    /// <summary>The process died: the write in flight made it or did not (a torn new file leaves the old one valid).</summary>
    /// <returns>The state that became durable in the crash, or null.</returns>
    public StoredState? Crash(long now)
    {
        if (InFlight is not { } state) return null;
        bool made = !Held && rng.Chance(now > _writeStarted ? 0.5 : 0.1);
        if (made) Content = state;
        InFlight = null;
        return made ? state : null;
    }

    public void Replace()
    {
        Replacements++;
        InFlight = null;
        Content = StoredState.Empty((long)(rng.Next() >> 1) | 1);
    }
}
