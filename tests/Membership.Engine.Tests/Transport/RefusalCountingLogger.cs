// Counts the tripwire's lines about refused hellos and failed dials, which are all that shows of them.
using Microsoft.Extensions.Logging;

namespace Membership.Engine.Tests.Transport;

internal sealed class RefusalCountingLogger : ILogger
{
    private int _refusals;

    public int Refusals => Volatile.Read(ref _refusals);

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (eventId.Id is 1203 or 1204) Interlocked.Increment(ref _refusals);
        if (logLevel >= LogLevel.Error) throw new InvalidOperationException(formatter(state, exception), exception);
    }
}
