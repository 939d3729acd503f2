// What the user typed after eng/bench scale, checked: each wrong argument is answered with what was wrong and what to type instead.
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Membership.Engine;

namespace Membership.Bench.Scale;

internal sealed record ScaleOptions
{
    public const string Usage = "usage: eng/bench scale [--nodes 2,4,8,16,32,64,128,256,512,1024] [--joins 100 | --joins 0] [--svg DIR] [--keep FILE] [--check]";

    public IReadOnlyList<int> Nodes { get; init; } = [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

    /// <summary>How many nodes join one after another, at once, and as a first forming; 0 = leave that out.</summary>
    public int Joins { get; init; } = 100;

    /// <summary>Where the plots go; null = none are drawn.</summary>
    public string? Svg { get; init; }

    /// <summary>A file with the rows of earlier runs of other sizes, to which this run's are added: growth and plots are over all of them.</summary>
    public string? Keep { get; init; }

    /// <summary>Exit with 1 when a cost grows faster than it may.</summary>
    public bool Check { get; init; }

    public static bool TryParse(string[] args, [NotNullWhen(true)] out ScaleOptions? options, [NotNullWhen(false)] out string? error)
    {
        options = new ScaleOptions();
        error = null;
        for (int i = 0; i < args.Length; i++)
        {
            if (args[i] == "--check")
            {
                options = options with { Check = true };
                continue;
            }
            string? value = i + 1 < args.Length ? args[i + 1] : null;
            ScaleOptions? next = (args[i], value) switch
            {
                ("--nodes", { } text) when Sizes(text) is { Count: > 0 } sizes => options with { Nodes = sizes },
                ("--joins", { } text) when Number(text, out int joins) && joins <= NodeId.MaxValue - Membership.Bench.Scale.Joins.Members => options with { Joins = joins },
                ("--svg", { Length: > 0 } folder) => options with { Svg = folder },
                ("--keep", { Length: > 0 } file) => options with { Keep = file },
                _ => null,
            };
            if (next is null)
            {
                error = $"{args[i]} {value}: not understood.\n{Usage}";
                options = null;
                return false;
            }
            options = next;
            i++;
        }
        return true;
    }

    private static List<int>? Sizes(string text)
    {
        var sizes = new List<int>();
        foreach (string each in text.Split(','))
        {
            if (!Number(each, out int size) || size is < 2 or > NodeId.MaxValue || size <= sizes.LastOrDefault()) return null;
            sizes.Add(size);
        }
        return sizes;
    }

    private static bool Number(string text, out int number) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
