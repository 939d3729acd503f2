// A timeline as a picture: one row per node, its stages as bars beside each other from the fault on, and a line at the limit.
// Made as XML, so that it is well-formed whatever the names are.
using System.Globalization;
using System.Xml.Linq;

namespace Membership.Bench.Cluster;

/// <summary>A stage of a row, in milliseconds since the fault.</summary>
internal readonly record struct TimelineStage(string Name, double From, double To);

/// <summary>What one node went through.</summary>
internal sealed record TimelineRow(string Name, IReadOnlyList<TimelineStage> Stages);

/// <summary>Rows on one axis.</summary>
/// <param name="Title">Above it.</param>
/// <param name="Rows">From top to bottom.</param>
/// <param name="Limit">Where a line is drawn, in milliseconds; null = nowhere.</param>
internal sealed record TimelinePanel(string Title, IReadOnlyList<TimelineRow> Rows, double? Limit);

internal static class TimelineSvg
{
    private const int Width = 960, Left = 110, Right = 30, RowHeight = 26, Bar = 18, Head = 30, Axis = 30, LegendLine = 18;

    private static readonly XNamespace Svg = "http://www.w3.org/2000/svg";

    // Told apart by people who do not see all colours, and in grey.
    private static readonly string[] Colours = ["#bbbbbb", "#0072b2", "#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#f0e442", "#7a5195", "#999933", "#332288", "#882255"];

    public static XDocument Draw(string title, IReadOnlyList<TimelinePanel> panels)
    {
        string[] names = [.. panels.SelectMany(static panel => panel.Rows).SelectMany(static row => row.Stages).Select(static stage => stage.Name).Distinct()];
        var root = new XElement(Svg + "svg", new XAttribute("font-family", "sans-serif"), new XAttribute("font-size", 12));
        root.Add(new XElement(Svg + "title", title));
        root.Add(new XElement(Svg + "rect", new XAttribute("width", "100%"), new XAttribute("height", "100%"), new XAttribute("fill", "white")));
        double y = 24;
        root.Add(Text(Left, y, title, "bold"));
        foreach (TimelinePanel panel in panels) y = Draw(root, panel, names, y + 14);
        y = Legend(root, names, y + 10);
        root.Add(new XAttribute("width", Width), new XAttribute("height", Math.Ceiling(y)), new XAttribute("viewBox", string.Create(CultureInfo.InvariantCulture, $"0 0 {Width} {Math.Ceiling(y)}")));
        return new XDocument(root);
    }

    private static double Draw(XElement root, TimelinePanel panel, string[] names, double top)
    {
        double end = Math.Max(1, panel.Rows.SelectMany(static row => row.Stages).Select(static stage => stage.To).Append(panel.Limit ?? 0).Max());
        double step = StepOf(end), scale = (Width - Left - Right) / (Math.Ceiling(end / step) * step);
        root.Add(Text(Left, top + 14, panel.Title, "normal"));
        double y = top + Head - 6, bottom = y + panel.Rows.Count * RowHeight;
        for (double tick = 0; tick <= Math.Ceiling(end / step) * step; tick += step)
        {
            root.Add(Line(Left + tick * scale, y, bottom, "#e0e0e0", null));
            root.Add(new XElement(Svg + "text", X(Left + tick * scale), Y(bottom + 16), new XAttribute("text-anchor", "middle"), new XAttribute("fill", "#333333"), string.Create(CultureInfo.InvariantCulture, $"{tick:0.###} ms")));
        }
        foreach (TimelineRow row in panel.Rows)
        {
            root.Add(Text(8, y + Bar - 3, row.Name, "normal"));
            foreach (TimelineStage stage in row.Stages)
            {
                root.Add(new XElement(Svg + "rect", X(Left + stage.From * scale), Y(y + 2), new XAttribute("width", Number(Math.Max(0.5, (stage.To - stage.From) * scale))), new XAttribute("height", Bar),
                    new XAttribute("fill", Colours[Array.IndexOf(names, stage.Name) % Colours.Length]),
                    new XElement(Svg + "title", string.Create(CultureInfo.InvariantCulture, $"{stage.Name}: {stage.From:0.0} to {stage.To:0.0} ms"))));
            }
            y += RowHeight;
        }
        if (panel.Limit is { } limit) root.Add(Line(Left + limit * scale, top + Head - 8, bottom + 2, "#000000", "4 3"));
        return bottom + Axis - 6;
    }

    private static double Legend(XElement root, string[] names, double top)
    {
        const int columns = 3;
        for (int i = 0; i < names.Length; i++)
        {
            double x = Left + i % columns * (Width - Left - Right) / columns, y = top + i / columns * LegendLine;
            root.Add(new XElement(Svg + "rect", X(x), Y(y), new XAttribute("width", 12), new XAttribute("height", 12), new XAttribute("fill", Colours[i % Colours.Length])));
            root.Add(Text(x + 18, y + 11, names[i], "normal"));
        }
        return top + (names.Length + columns - 1) / columns * LegendLine + 12;
    }

    private static double StepOf(double end)
    {
        double power = Math.Pow(10, Math.Floor(Math.Log10(end / 4)));
        return ((double[])[1, 2, 5, 10]).Select(factor => factor * power).First(step => end / step <= 8);
    }

    private static XElement Text(double x, double y, string text, string weight) => new(Svg + "text", X(x), Y(y), new XAttribute("font-weight", weight), text);

    private static XElement Line(double x, double from, double to, string colour, string? dashes)
        => new(Svg + "line", new XAttribute("x1", Number(x)), new XAttribute("x2", Number(x)), new XAttribute("y1", Number(from)), new XAttribute("y2", Number(to)), new XAttribute("stroke", colour), dashes is null ? null : new XAttribute("stroke-dasharray", dashes));

    private static XAttribute X(double value) => new("x", Number(value));

    private static XAttribute Y(double value) => new("y", Number(value));

    private static string Number(double value) => value.ToString("0.##", CultureInfo.InvariantCulture);
}
