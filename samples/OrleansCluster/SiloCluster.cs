// The silos as processes of their own, with a directory and ports for this run, and what is asked of their pages.
using System.Diagnostics;
using Failover.Demo;

namespace OrleansCluster;

internal sealed class SiloCluster : IAsyncDisposable
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);

    private readonly string _directory = System.IO.Directory.CreateTempSubdirectory("regroup-accounts-").FullName;
    private readonly HttpClient _client = new() { Timeout = TimeSpan.FromSeconds(10) };
    private readonly Process[] _silos;

    public SiloCluster(string clustering)
    {
        Ports = new SiloPorts(FreePorts.Find(4 * SiloPorts.Silos));
        _silos = [.. Enumerable.Range(1, SiloPorts.Silos).Select(silo => Process.Start(
            new ProcessStartInfo(Environment.ProcessPath!, ["node", $"{silo}", Ports.ToString(), _directory, clustering]) { RedirectStandardInput = true, RedirectStandardError = true })!)];
        // What silos complain about when a neighbour dies is not part of the show, and must not fill the pipe.
        foreach (Process silo in _silos) silo.BeginErrorReadLine();
    }

    public SiloPorts Ports { get; }

    public string Page(int silo) => $"http://127.0.0.1:{Ports.Page(silo)}";

    public Task<string> AskAsync(int silo, string path) => _client.GetStringAsync(new Uri(Page(silo) + path));

    public async Task TellAsync(int silo, string path)
    {
        using HttpResponseMessage answer = await _client.PostAsync(new Uri(Page(silo) + path), null);
        answer.EnsureSuccessStatusCode();
    }

    /// <summary>Waits until every silo says that all are active.</summary>
    /// <exception cref="TimeoutException">They are not.</exception>
    public async Task ReadyAsync()
    {
        long started = Stopwatch.GetTimestamp();
        for (int silo = 1; silo <= SiloPorts.Silos; silo++)
            while (!await AreAllActiveAsync(silo))
            {
                if (Stopwatch.GetElapsedTime(started) > StartLimit) throw new TimeoutException($"silo {silo} does not see {SiloPorts.Silos} active silos after {StartLimit.TotalSeconds} s");
                await Task.Delay(50);
            }
    }

    public void Kill(int silo) => _silos[silo - 1].Kill();

    public async ValueTask DisposeAsync()
    {
        foreach (Process silo in _silos)
        {
            if (!silo.HasExited) silo.Kill();
            await silo.WaitForExitAsync();
            silo.Dispose();
        }
        _client.Dispose();
        System.IO.Directory.Delete(_directory, recursive: true);
    }

    private async Task<bool> AreAllActiveAsync(int silo)
    {
        try
        {
            return (await AskAsync(silo, "/silos")).Split('\n', StringSplitOptions.RemoveEmptyEntries).Length == SiloPorts.Silos;
        }
        catch (HttpRequestException)
        {
            // Not listening yet, or not serving yet.
            return false;
        }
    }
}
