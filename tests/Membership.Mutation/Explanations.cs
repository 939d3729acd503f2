// Why changes that nobody noticed are left as they are: survivors.txt, one group of changes under each reason. A change is named as in the
// log (file, member, line as it reads, place in it, change), so an entry survives that lines move; one that fits nothing any more is an error.
namespace Membership.Mutation;

/// <summary>What a survivor is.</summary>
internal enum Survivor
{
    /// <summary>Nobody could notice: it means the same.</summary>
    Equivalent,

    /// <summary>Only time, memory or messages change, within what the tests of those allow.</summary>
    Cost,

    /// <summary>A rule behind another one that already decided, kept on purpose.</summary>
    SecondLine,

    /// <summary>A test is missing.</summary>
    Hole,
}

internal sealed class Explanations
{
    private readonly Dictionary<(string File, string Name), Survivor> _entries = [];

    public int Count => _entries.Count;

    /// <param name="lines">
    /// "[equivalent] reason" (or cost, second line, hole) begins a group; each line after it is a file's name, a tab and a change's name; "#" and empty lines count for nothing.
    /// </param>
    /// <exception cref="FormatException">A line is none of these, a reason is missing, or a change is listed twice.</exception>
    public static Explanations Of(IEnumerable<string> lines)
    {
        var all = new Explanations();
        Survivor? kind = null;
        int number = 0;
        foreach (string line in lines)
        {
            number++;
            if (line.Length == 0 || line[0] == '#') continue;
            if (line[0] == '[')
            {
                int end = line.IndexOf(']', StringComparison.Ordinal);
                if (end < 0 || !Enum.TryParse(line[1..end].Replace(" ", "", StringComparison.Ordinal), ignoreCase: true, out Survivor said) || line[(end + 1)..].Trim().Length == 0)
                    throw new FormatException($"line {number}: '{line}' is not '[equivalent|cost|second line|hole] reason'");
                kind = said;
                continue;
            }
            if (kind is not { } group || line.Split('\t', 2) is not [var file, var name]) throw new FormatException($"line {number}: '{line}' is not a file, a tab and a change below a reason");
            if (!all._entries.TryAdd((file, name), group)) throw new FormatException($"line {number}: '{line}' is listed twice");
        }
        return all;
    }

    public Survivor? For(string file, string name) => _entries.TryGetValue((file, name), out Survivor kind) ? kind : null;

    /// <summary>Entries of these files that fit no change, and those whose change is noticed.</summary>
    /// <param name="files">Each file with the names of all its changes.</param>
    /// <param name="every">Whether these are all files there are: then an entry of another one fits nothing.</param>
    /// <param name="fate">What became of a change, if it was judged.</param>
    public IEnumerable<string> Stale(IReadOnlyDictionary<string, IReadOnlySet<string>> files, bool every, Func<string, string, Fate?> fate)
    {
        foreach ((string file, string name) in _entries.Keys)
        {
            if (!files.TryGetValue(file, out IReadOnlySet<string>? names))
            {
                if (every) yield return $"no such file: {file}\t{name}";
            }
            else if (!names.Contains(name)) yield return $"no such change: {file}\t{name}";
            else if (fate(file, name) is Fate.Killed or Fate.TimedOut or Fate.NoCompile) yield return $"{fate(file, name)}, no survivor: {file}\t{name}";
        }
    }
}
