// How much a piece of work allocates. A garbage collection that falls into the measurement retires the thread's
// allocation buffer and counts its unused rest (up to 8 KB), so the least of several rounds is what the work itself takes.
namespace Membership.Engine.Tests;

internal static class Allocation
{
    /// <summary>The least number of bytes that this thread allocated in any of five rounds of the same work.</summary>
    public static long LeastOf(Action work)
    {
        long least = long.MaxValue;
        for (int round = 0; round < 5 && least != 0; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            work();
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }
        return least;
    }
}
