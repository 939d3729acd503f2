// Which counters of one sender's life were seen: the highest one and a bitmap of the 1024 before it.
namespace Membership.Engine.Wire;

/// <summary>A sliding replay window. Not thread-safe.</summary>
internal sealed class ReplayWindow
{
    /// <summary>How far behind the highest counter a datagram may come.</summary>
    public const int Width = 1024;

    private readonly ulong[] _seen = new ulong[Width / 64];

    /// <summary>The highest counter accepted; 0 = none.</summary>
    public ulong Highest { get; private set; }

    /// <summary>Whether a counter is neither seen nor too old; changes nothing.</summary>
    public bool IsFresh(ulong counter)
    {
        if (counter == 0) return false;
        if (counter > Highest) return true;
        return Highest - counter < Width && (_seen[Index(counter)] & Bit(counter)) == 0;
    }

    /// <summary>Marks a counter for which <see cref="IsFresh"/> holds, and whose datagram is authentic.</summary>
    public void Accept(ulong counter)
    {
        if (counter > Highest)
        {
            if (counter - Highest >= Width) Array.Clear(_seen);
            else
                for (ulong passed = Highest + 1; passed < counter; passed++) _seen[Index(passed)] &= ~Bit(passed);
            Highest = counter;
        }
        _seen[Index(counter)] |= Bit(counter);
    }

    public void Clear()
    {
        Array.Clear(_seen);
        Highest = 0;
    }

    private static int Index(ulong counter) => (int)(counter / 64 % (Width / 64));

    private static ulong Bit(ulong counter) => 1UL << (int)(counter % 64);
}
