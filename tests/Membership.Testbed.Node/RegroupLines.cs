// A line for every regroup that has ended, made from the engine's own spans as any host's tracing would see them: when it began
// and when each of its stages was entered, on the host-wide clock.
using System.Diagnostics;
using System.Globalization;
using Membership.Provider;
using Microsoft.Extensions.Hosting;

namespace Membership.Testbed.Node;

internal sealed class RegroupLines : IHostedService, IDisposable
{
    private const string Source = "Membership.Engine";

    private readonly ActivityListener _listener;

    public RegroupLines(IClusterMembership membership)
    {
        _listener = new ActivityListener
        {
            ShouldListenTo = static source => source.Name == Source,
            Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = span => Print(membership.Self.Value, span),
        };
        ActivitySource.AddActivityListener(_listener);
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => _listener.Dispose();

    // Spans carry wall time; the difference between the clocks is taken anew each time.
    private static void Print(int node, Activity span)
    {
        if (span.OperationName != "regroup") return;
        long ahead = (DateTime.UtcNow - DateTime.UnixEpoch).Ticks * 100 - HostClock.Now;
        string steps = string.Join(',', span.Events.Select(step => string.Create(CultureInfo.InvariantCulture, $"{step.Name.Replace(' ', '_')}:{At(step.Timestamp.UtcDateTime)}")));
        EventLines.Print(node, $"regroup began={At(span.StartTimeUtc)} ended={At(span.StartTimeUtc + span.Duration)} cause={span.GetTagItem("membership.cause")} outcome={span.GetTagItem("membership.outcome")?.ToString()?.Replace(' ', '_')} steps={steps}");

        long At(DateTime wall) => (wall - DateTime.UnixEpoch).Ticks * 100 - ahead;
    }
}
