// A witness contender in a process of its own, with everything it ever said kept for the checks at the end.
using System.Threading.Channels;

namespace Membership.Engine.Tests.Arbitration;

internal sealed class WitnessProcess : IDisposable
{
    private readonly ChildProcess _child;
    private readonly Channel<string> _answers = Channel.CreateUnbounded<string>();
    private readonly List<string> _history = [];

    public WitnessProcess(params string[] arguments)
    {
        _child = ChildProcess.Start(typeof(WitnessContender), arguments);
        _ = Task.Run(TakeLinesAsync);
    }

    /// <summary>Every line it wrote so far, reports of ownership intervals included.</summary>
    public IReadOnlyList<string> History
    {
        get
        {
            lock (_history) return [.. _history];
        }
    }

    /// <summary>The next line that does not report ownership.</summary>
    public async Task<string> ReadAsync()
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        return await _answers.Reader.ReadAsync(deadline.Token);
    }

    public Task<string> AskAsync(string line)
    {
        Tell(line);
        return ReadAsync();
    }

    public void Tell(string line) => _child.WriteLine(line);

    public void Freeze() => _child.Freeze();

    public void Thaw() => _child.Thaw();

    public void Kill() => _child.Kill();

    public void Dispose() => _child.Dispose();

    private async Task TakeLinesAsync()
    {
        try
        {
            while (true)
            {
                string line = (await _child.ReadLineAsync(600)).TrimEnd();
                lock (_history) _history.Add(line);
                if (!line.StartsWith("owns ", StringComparison.Ordinal) && !line.StartsWith("gaveup ", StringComparison.Ordinal)) _answers.Writer.TryWrite(line);
            }
        }
        catch (Exception ended)
        {
            _answers.Writer.Complete(ended);
        }
    }
}
