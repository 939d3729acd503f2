// Code that would be wrong in the protocol core, one offence per method. It is compiled so that the ban can be
// shown to see each of them, and it is never run.
using System.Diagnostics;
using System.Net.Sockets;

namespace Membership.Architecture.Tests.Forbidden;

internal sealed class ForbiddenSamples
{
    private readonly object _gate = new();

    private Timer? _timer;

    public static DateTime LocalClock() => DateTime.Now;

    public static DateTime WallClock() => DateTime.UtcNow;

    public static DateTimeOffset WallClockWithOffset() => DateTimeOffset.Now;

    public static long ElapsedClock() => Stopwatch.GetTimestamp();

    public static int TickCount() => Environment.TickCount;

    public static Task StartsATask() => Task.CompletedTask;

    public static async ValueTask<int> Awaits() => await Task.FromResult(1);

    public static void StartsAThread() => new Thread(static () => { }).Start();

    public static int Chance() => Random.Shared.Next();

    public static Guid ChanceAsGuid() => Guid.NewGuid();

    public static void Prints() => Console.WriteLine();

    public static bool ReadsAFile() => File.Exists("x");

    public static void OpensASocket() => new UdpClient().Dispose();

    public static int Local()
    {
        Stopwatch? unused = null;
        return Generic(unused) is null ? 1 : 0;
    }

    public static Func<long> InsideALambda() => static () => Stopwatch.GetTimestamp();

    public static IEnumerable<long> InsideAnIterator()
    {
        yield return Environment.TickCount64;
    }

    public void TakesALock()
    {
        lock (_gate) _timer = null;
    }

    public override string ToString() => _timer is null ? "" : "timer";

    private static T? Generic<T>(T? value)
        where T : class => value;
}
