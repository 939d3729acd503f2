// A silo's end when it must not go on: at once, without the two seconds that the framework's own handler waits. By then others
// may already run this silo's grains.
using Membership.Engine;
using Microsoft.Extensions.Logging;
using Orleans.Runtime;

namespace Membership.Provider.Orleans;

internal sealed partial class SiloFatalErrorHandler(ProcessEnd end, ILogger<SiloFatalErrorHandler> logger) : IFatalErrorHandler
{
    public bool IsUnexpected(Exception exception) => true;

    public void OnFatalException(object? sender = null, string? context = null, Exception? exception = null)
    {
        Fatal(logger, exception, sender, context);
        MembershipHalt halt = sender as MembershipHalt ?? new MembershipHalt(HaltCode.StopRequested, $"{context} {exception}".Trim());
        end.Now(halt);
    }

    [LoggerMessage(2110, LogLevel.Critical, "The silo ends now: {Sender} says {Context}")]
    private static partial void Fatal(ILogger logger, Exception? exception, object? sender, string? context);
}
