// What was found so far: one line per change in a file, so that a run that was stopped goes on where it ended.
namespace Membership.Mutation;

internal enum Fate
{
    /// <summary>Every test passed: nobody noticed.</summary>
    Survived,

    /// <summary>A test failed.</summary>
    Killed,

    /// <summary>A test did not end: noticed as well.</summary>
    TimedOut,

    /// <summary>The change does not compile; it counts for nothing.</summary>
    NoCompile,
}

internal sealed class Verdicts
{
    private readonly string _path;
    private readonly Dictionary<(string File, string Name), Fate> _fates = [];

    /// <param name="path">The file; the last line for a change counts.</param>
    /// <param name="again">Changes that survived are forgotten: tests were added since.</param>
    public Verdicts(string path, bool again)
    {
        _path = path;
        if (!File.Exists(path)) return;
        foreach (string[] parts in File.ReadLines(path).Select(static line => line.Split('\t')))
        {
            if (parts.Length != 5 || !Enum.TryParse(parts[1], out Fate fate)) continue;
            if (fate is Fate.Killed or Fate.TimedOut) Kills[parts[3]] = Kills.GetValueOrDefault(parts[3]) + 1;
            if (again && fate == Fate.Survived) _fates.Remove((parts[0], parts[4]));
            else _fates[(parts[0], parts[4])] = fate;
        }
    }

    /// <summary>Which cases noticed how many changes.</summary>
    public Dictionary<string, int> Kills { get; } = new(StringComparer.Ordinal);

    public Fate? Of(string file, string name) => _fates.TryGetValue((file, name), out Fate fate) ? fate : null;

    /// <param name="file">The file's name.</param>
    /// <param name="name">The change's.</param>
    /// <param name="fate">What became of it.</param>
    /// <param name="by">Who noticed; for a survivor, whether any seed told another story.</param>
    /// <param name="milliseconds">Time of the processor.</param>
    public void Add(string file, string name, Fate fate, string by, long milliseconds)
    {
        _fates[(file, name)] = fate;
        File.AppendAllText(_path, $"{file}\t{fate}\t{milliseconds}\t{by}\t{name}\n");
    }
}
