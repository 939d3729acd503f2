// Ties the node's life to the host's: start and leave with it, and end it when the node halts. A host framework that starts in
// stages of its own drives it instead (MembershipDriver), and then says what a halt ends.
using Membership.Engine;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Membership.Provider;

/// <summary>Registered by a host framework that starts and stops the node itself, in stages of its own.</summary>
/// <param name="Halted">What a halt does when the policy is to stop the host: the framework's own way to end.</param>
internal sealed record MembershipDriver(Action<MembershipHalt> Halted);

/// <summary>The node's life as one of the host's services, where no framework drives it.</summary>
internal sealed class HostedMembership(MembershipHostedService service, MembershipDriver? driver) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken) => driver is null ? service.StartAsync(cancellationToken) : Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => driver is null ? service.StopAsync(cancellationToken) : Task.CompletedTask;
}

internal sealed class MembershipHostedService(
    ClusterMembership membership,
    IHostApplicationLifetime lifetime,
    ProcessEnd processEnd,
    TimeProvider time,
    ILogger<MembershipHostedService> logger,
    MembershipDriver? driver = null)
{
    private readonly TaskCompletionSource _stopping = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task _watch = Task.CompletedTask;
    private bool _stopped;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await membership.Node.StartAsync(cancellationToken).ConfigureAwait(false);
        _watch = Task.WhenAll(WatchForHaltAsync(), TellWhileOutsideAsync());
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (_stopped) return;
        _stopped = true;
        _stopping.TrySetResult();
        await _watch.ConfigureAwait(false);
        if (membership.Options.LeaveTimeout > TimeSpan.Zero && !membership.Halted.IsCompleted) await LeaveAsync(cancellationToken).ConfigureAwait(false);
        await membership.DisposeAsync().ConfigureAwait(false);
    }

    private async Task LeaveAsync(CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(membership.Options.LeaveTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, limit.Token);
        try
        {
            MembershipStatus status = await membership.LeaveAsync(either.Token).ConfigureAwait(false);
            if (status is not (MembershipStatus.Ok or MembershipStatus.NotMember)) logger.LeaveFailed(membership.Self, status.ToString());
        }
        catch (OperationCanceledException)
        {
            logger.LeaveFailed(membership.Self, $"no answer within {membership.Options.LeaveTimeout}");
        }
    }

    private async Task WatchForHaltAsync()
    {
        Task ended = await Task.WhenAny(membership.Halted, _stopping.Task).ConfigureAwait(false);
        if (ended != membership.Halted) return;
        MembershipHalt halt = await membership.Halted.ConfigureAwait(false);
        HaltPolicy policy = membership.Options.OnHalt;
        logger.Halted(membership.Self, halt.Code, halt.Detail, policy, halt.ExitCode);
        switch (policy)
        {
            case HaltPolicy.FailFast:
                processEnd.Now(halt);
                break;
            case HaltPolicy.Callback:
                CallBack(halt);
                break;
            // A refused start fails in the framework's own stage as well.
            case HaltPolicy.StopHost when driver is { } && halt.Code != HaltCode.Refused:
                driver.Halted(halt);
                break;
            default:
                Environment.ExitCode = halt.ExitCode;
                lifetime.StopApplication();
                break;
        }
    }

    /// <summary>A host that runs and is no member looks well to everybody who does not ask: it says so itself, and why, as far as this node knows.</summary>
    private async Task TellWhileOutsideAsync()
    {
        Task over = Task.WhenAny(membership.Halted, _stopping.Task, membership.Node.WaitForViewAsync());
        TimeSpan lossPeriod = membership.Options.EffectiveTiming.LossPeriod, wait = lossPeriod * 5;
        long began = time.GetTimestamp();
        while (true)
        {
            using var waiting = new CancellationTokenSource();
            if (await Task.WhenAny(over, Task.Delay(wait, time, waiting.Token)).ConfigureAwait(false) == over)
            {
                await waiting.CancelAsync().ConfigureAwait(false);
                return;
            }
            string? reason = membership.Node.Journal.LastOrDefault(static line => line.Text.StartsWith("cannot decide", StringComparison.Ordinal) || line.Text.StartsWith("join failed", StringComparison.Ordinal)).Text;
            if ((await membership.Node.GetHealthAsync(lossPeriod).ConfigureAwait(false)).KeptOut is { } keptOut) reason = $"kept out by {keptOut}";
            if (DroppedDatagrams.Explain(membership.Node.GetCounters()) is { } dropped) reason = reason is null ? dropped : $"{reason}; {dropped}";
            logger.NotYetMember(membership.Self, membership.Options.ClusterId, time.GetElapsedTime(began).TotalSeconds, reason ?? "no cluster answers, and the nodes that do are not enough to form one, or another one of them says why");
            wait = lossPeriod * 25;
        }
    }

    private void CallBack(MembershipHalt halt)
    {
        try
        {
            membership.Options.HaltCallback?.Invoke(halt);
        }
#pragma warning disable CA1031 // A host's callback may fail in any way; the failure is logged and the halt stands.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            logger.HaltCallbackFailed(failure);
        }
    }
}
