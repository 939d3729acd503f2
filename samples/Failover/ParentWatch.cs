// Ends this process when the one that started it is gone, however it ended: its end of our standard input closes then.
using Microsoft.Extensions.Hosting;

namespace Failover;

internal sealed class ParentWatch(IHostApplicationLifetime lifetime) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using Stream input = Console.OpenStandardInput();
        var nothing = new byte[256];
        // A read of standard input cannot be cancelled: a stopping host must not wait for it.
        while (await Task.Run(() => input.Read(nothing), stoppingToken).WaitAsync(stoppingToken) > 0)
        {
        }
        lifetime.StopApplication();
    }
}
