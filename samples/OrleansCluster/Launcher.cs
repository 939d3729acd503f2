// The whole cluster with one command, until Enter or Ctrl-C.
namespace OrleansCluster;

internal static class Launcher
{
    public static async Task<int> RunAsync()
    {
        await using var cluster = new SiloCluster("regroup");
        await cluster.ReadyAsync();
        foreach (string account in (string[])["alice", "bob", "carol"]) await cluster.TellAsync(1, $"/fund/{account}/1000");
        await cluster.TellAsync(2, "/transfer/alice/bob/250");
        for (int silo = 1; silo <= SiloPorts.Silos; silo++) Console.WriteLine($"silo {silo}: {cluster.Page(silo)}/");
        Console.WriteLine("A transfer: curl -X POST " + cluster.Page(3) + "/transfer/bob/carol/100");
        Console.WriteLine("Enter ends it.");
        var ended = new TaskCompletionSource();
        Console.CancelKeyPress += (_, pressed) =>
        {
            pressed.Cancel = true;
            ended.TrySetResult();
        };
        await Task.WhenAny(ended.Task, Task.Run(Console.In.ReadLineAsync));
        return 0;
    }
}
