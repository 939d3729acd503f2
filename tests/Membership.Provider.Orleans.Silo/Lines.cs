// What the process says, a line at a time, whole.
namespace LiveSilo;

internal static class Lines
{
    private static readonly Lock Gate = new();

    public static void Say(string line)
    {
        lock (Gate)
        {
            Console.Out.WriteLine(line);
            Console.Out.Flush();
        }
    }
}
