// Real silo processes on loopback, with a directory and ports of their own, and the trace that their grains leave in a file.
using System.Diagnostics;
using System.Globalization;
using Failover.Demo;
using Xunit;

namespace Membership.Provider.Orleans.Tests.Live;

/// <summary>One line in the file that grains write to.</summary>
internal readonly record struct Effect(string Key, string Writer, long Epoch, long Began, string What, long Arrived)
{
    /// <summary>The process stood still while the call was past the guard, or before it, and had no effect yet: no filter can see that (docs/orleans.md).</summary>
    public bool SpansFreeze(long frozen, long resumed) => Arrived < resumed && Began - Arrived > (resumed - frozen) / 2;
}

internal sealed class LiveCluster(int size, params string[] options) : IAsyncDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("regroup-orleans-tests-").FullName;
    private readonly int[] _ports = FreePorts.Find(4 * size);
    private readonly Dictionary<int, SiloProcess> _silos = [];
    private readonly List<SiloProcess> _ever = [];

    /// <summary>Where the processes run; null for the machine's own network.</summary>
    public LoopbackNamespace? Network { get; init; }

    public SiloProcess this[int node] => _silos[node];

    public string Directories => Ports(3);

    private string EffectFile => Path.Combine(_directory, "effects");

    /// <summary>All silos are started at the same instant.</summary>
    public async Task StartAsync()
    {
        for (int node = 1; node <= size; node++) Launch(node);
        foreach (SiloProcess silo in _silos.Values) await silo.LineAsync("ready", static line => line == "ready");
    }

    public SiloProcess Launch(int node) => _silos[node] = Run(node, [$"--node={node}", .. options]);

    public async Task<SiloProcess> ClientAsync()
    {
        SiloProcess client = Run(0, ["--role=client"]);
        await client.LineAsync("ready", static line => line == "ready");
        return client;
    }

    public int MembershipPort(int node) => _ports[node - 1];

    public int SiloPort(int node) => _ports[size + node - 1];

    /// <summary>A grain that lives on a node, as another node sees it.</summary>
    public async Task<string> GrainOnAsync(int node, int asker)
    {
        // Placed by chance; and a silo places on another only when it knows what that one hosts, which it asks for after each change of the members.
        long begun = Stopwatch.GetTimestamp();
        for (int number = 0; Stopwatch.GetElapsedTime(begun) < TimeSpan.FromSeconds(30); number++)
        {
            string key = $"k{node}.{number}";
            _silos[asker].Tell($"where {key}");
            string answer = await _silos[asker].LineAsync($"where {key}", line => line.StartsWith($"where {key} ", StringComparison.Ordinal));
            if (answer.Split(' ')[2].StartsWith($"{node}.", StringComparison.Ordinal)) return key;
        }
        throw new InvalidOperationException($"no grain came to live on node {node}");
    }

    /// <summary>So many grains that live on other nodes than one.</summary>
    public async Task<string[]> GrainsNotOnAsync(int node, int asker, int count)
    {
        var found = new List<string>();
        for (int number = 0; found.Count < count && number < 200; number++)
        {
            string key = $"n{node}.{number}";
            _silos[asker].Tell($"where {key}");
            string answer = await _silos[asker].LineAsync($"where {key}", line => line.StartsWith($"where {key} ", StringComparison.Ordinal));
            if (!answer.Split(' ')[2].StartsWith($"{node}.", StringComparison.Ordinal)) found.Add(key);
        }
        return [.. found];
    }

    /// <summary>A writing grain that lives on a node: keys are tried until one does, and its calls go on.</summary>
    public async Task<string> WriterOnAsync(int node, int asker, int period = 20)
    {
        for (int number = 0; number < 200; number++)
        {
            string key = $"w{node}.{number}";
            _silos[asker].Tell($"write {key} {period}");
            string answer = await _silos[asker].LineAsync($"call {key}", line => line.StartsWith($"call {key} ", StringComparison.Ordinal) && line.Contains(" ok ", StringComparison.Ordinal));
            if (answer.Split(' ')[5].StartsWith($"{node}.", StringComparison.Ordinal)) return key;
        }
        throw new InvalidOperationException($"no writer came to live on node {node}");
    }

    /// <summary>The first answer from another node to a call made after a moment.</summary>
    public async Task<Call> AnswerElsewhereAsync(int asker, string key, int notFrom, long after, int seconds = 45)
    {
        string said = await _silos[asker].LineAsync($"an answer of {key} from elsewhere", line =>
        {
            string[] words = line.Split(' ');
            return words is ["call", _, _, _, "ok", ..] && words[1] == key && long.Parse(words[3], CultureInfo.InvariantCulture) > after && !words[5].StartsWith($"{notFrom}.", StringComparison.Ordinal);
        }, seconds);
        string[] found = said.Split(' ');
        return new Call(key, long.Parse(found[2], CultureInfo.InvariantCulture), long.Parse(found[3], CultureInfo.InvariantCulture), true, found[5]);
    }

    /// <summary>Waits until a silo has heard that the silo at a port has a status; the moment it heard it.</summary>
    public async Task<long> HearsAsync(int node, int aboutNode, string status, long after = 0)
    {
        string line = await _silos[node].LineAsync($"silo {aboutNode} is {status}", line =>
        {
            string[] words = line.Split(' ');
            return words[0] == "member" && long.Parse(words[2], CultureInfo.InvariantCulture) > after && words.Skip(3).Any(word => word.StartsWith($"{SiloPort(aboutNode)}@", StringComparison.Ordinal) && word.EndsWith(status, StringComparison.Ordinal));
        });
        return long.Parse(line.Split(' ')[2], CultureInfo.InvariantCulture);
    }

    /// <summary>What the grains wrote, by the moment at which each write began.</summary>
    public Effect[] Effects()
        => [.. File.ReadLines(EffectFile).Select(static line => line.Split(' ')).Where(static words => words.Length == 6)
            .Select(static words => new Effect(words[0], words[1], long.Parse(words[2], CultureInfo.InvariantCulture), long.Parse(words[3], CultureInfo.InvariantCulture), words[4], long.Parse(words[5], CultureInfo.InvariantCulture)))
            .OrderBy(static effect => effect.Began)];

    /// <summary>Waits for a tick of a grain's timer, on another node than one, after a moment.</summary>
    public async Task TicksAsync(string key, int notFrom = 0, long after = 0)
    {
        for (long limit = Stopwatch.GetTimestamp() + 45 * Stopwatch.Frequency; Stopwatch.GetTimestamp() < limit; await Task.Delay(20, TestContext.Current.CancellationToken))
            if (Effects().Any(effect => effect.Key == key && effect.What == "tick" && effect.Began > after && !effect.Writer.StartsWith($"{notFrom}.", StringComparison.Ordinal))) return;
        Assert.Fail($"the timer of {key} does not tick");
    }

    /// <summary>How often a writer wrote again after another had begun to.</summary>
    public static int Interleaved(IEnumerable<Effect> effects)
    {
        int found = 0;
        foreach (IGrouping<string, Effect> grain in effects.GroupBy(static effect => effect.Key))
        {
            var former = new HashSet<string>();
            string? current = null;
            foreach (Effect effect in grain)
            {
                if (former.Contains(effect.Writer)) found++;
                else if (effect.Writer != current)
                {
                    if (current is not null) former.Add(current);
                    current = effect.Writer;
                }
            }
        }
        return found;
    }

    public static double Seconds(long from, long to) => (to - from) / (double)Stopwatch.Frequency;

    public async ValueTask DisposeAsync()
    {
        foreach (SiloProcess process in _ever) await process.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    private SiloProcess Run(int node, IEnumerable<string> own)
    {
        var process = new SiloProcess(node, Network?.Enter ?? [], [.. own, $"--membership={Ports(0)}", $"--silos={Ports(1)}", $"--gateways={Ports(2)}", $"--directories={Ports(3)}", $"--store={Path.Combine(_directory, $"node{node}")}", $"--effects={EffectFile}"]);
        _ever.Add(process);
        return process;
    }

    private string Ports(int kind) => string.Join(',', _ports.Skip(kind * size).Take(size));
}
