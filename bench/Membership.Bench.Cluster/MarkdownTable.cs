// A table that grows in a file row by row, so that a run that was stopped goes on where it was: what is in the file already
// is not measured again.
using System.Globalization;

namespace Membership.Bench.Cluster;

internal sealed class MarkdownTable
{
    private readonly string? _file;
    private readonly int _keys;

    /// <param name="file">Null: rows go nowhere.</param>
    /// <param name="keys">How many of the first columns say which row it is.</param>
    /// <param name="columns">The head.</param>
    public MarkdownTable(string? file, int keys, params string[] columns)
    {
        _file = file;
        _keys = keys;
        if (file is null) return;
        string head = Row(columns);
        if (!File.Exists(file)) File.WriteAllText(file, $"{head}\n{Row([.. columns.Select(static _ => "---")])}\n");
        else if (!File.ReadLines(file).Contains(head)) throw new Testbed.TestbedException($"{file} has another table in it: give another file, or remove it.");
    }

    public bool Has(params string[] keys) => _file is not null && File.ReadLines(_file).Any(line => line.StartsWith(Row(keys), StringComparison.Ordinal));

    public void Add(params string[] cells)
    {
        if (_file is null || Has(cells[.._keys])) return;
        File.AppendAllText(_file, Row(cells) + "\n");
    }

    private static string Row(string[] cells) => string.Create(CultureInfo.InvariantCulture, $"| {string.Join(" | ", cells)} |");
}
