// A fault that real hosts have: a log that does not go on, and with it everybody who writes to it, the node's loop among them.
using Microsoft.Extensions.Logging;

namespace Membership.Provider.Tests;

/// <summary>A log whose writer blocks, as one does whose reader has stopped: whoever logs waits in it.</summary>
internal sealed class StandingLog : ILoggerProvider, ILogger
{
    private readonly ManualResetEventSlim _goes = new();

    public volatile bool Stands;

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (Stands) _goes.Wait();
    }

    public void Dispose() => _goes.Set();
}
