// A plot with two logarithmic axes as a plain SVG: grid, axis labels, one line per series with its own marker and dash, named at the right
// end, and a dashed guide that grows linearly. Colours follow the reader's light or dark scheme; nothing but the lines is filled.
using System.Globalization;
using System.Text;
using static System.FormattableString;

namespace Membership.Bench.Scale;

/// <summary>One line of a plot.</summary>
/// <param name="Name">What it is called in the legend.</param>
/// <param name="Points">Positive coordinates by rising X.</param>
internal sealed record Series(string Name, IReadOnlyList<(double X, double Y)> Points);

internal sealed class LogLogPlot(string title, string xLabel, string yLabel)
{
    private const int Width = 760, Height = 460, Left = 84, Right = 150, Top = 48, Bottom = 62;

    private static readonly string[] Dashes = ["", "7 3", "2 3", "9 3 2 3", "4 2"];

    private readonly List<Series> _series = [];
    private double _minX = double.MaxValue, _maxX = double.MinValue, _minY = double.MaxValue, _maxY = double.MinValue;

    public void Add(Series series)
    {
        if (series.Points.Count == 0) return;
        _series.Add(series);
        foreach ((double x, double y) in series.Points)
        {
            if (!(x > 0) || !(y > 0)) throw new ArgumentException($"A point ({x}, {y}) of '{series.Name}' has no logarithm.", nameof(series));
            (_minX, _maxX, _minY, _maxY) = (Math.Min(_minX, x), Math.Max(_maxX, x), Math.Min(_minY, y), Math.Max(_maxY, y));
        }
    }

    /// <summary>The document.</summary>
    /// <exception cref="InvalidOperationException">There is no series.</exception>
    public string ToSvg()
    {
        if (_series.Count == 0) throw new InvalidOperationException("There is nothing to draw; add a series.");
        // Whole powers: of two across, of ten up.
        double left = Math.Floor(Math.Log2(_minX)), right = Math.Max(left + 1, Math.Ceiling(Math.Log2(_maxX)));
        double low = Math.Floor(Math.Log10(_minY)), high = Math.Max(low + 1, Math.Ceiling(Math.Log10(_maxY)));
        double AtX(double value) => Left + (Math.Log2(value) - left) / (right - left) * (Width - Left - Right);
        double AtY(double value) => Height - Bottom - (Math.Log10(value) - low) / (high - low) * (Height - Top - Bottom);

        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture, $"""
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {Width} {Height}" width="{Width}" height="{Height}" role="img" aria-label="{Escape(title)}">
            <title>{Escape(title)}</title>
            <style>
            text {"{"} font: 13px system-ui, sans-serif; fill: #24292f; {"}"}
            .title {"{"} font-size: 16px; font-weight: 600; {"}"}
            .grid {"{"} stroke: #8c959f; stroke-opacity: .35; {"}"} .axis {"{"} stroke: #57606a; {"}"} .guide {"{"} stroke: #8c959f; stroke-dasharray: 2 5; stroke-width: 1.5; {"}"}
            .s {"{"} fill: none; stroke-width: 2.2; {"}"}
            .c0 {"{"} stroke: #0969da; {"}"} .c1 {"{"} stroke: #bc4c00; {"}"} .c2 {"{"} stroke: #1a7f37; {"}"} .c3 {"{"} stroke: #8250df; {"}"} .c4 {"{"} stroke: #bf3989; {"}"}
            @media (prefers-color-scheme: dark) {"{"}
            text {"{"} fill: #d1d9e0; {"}"} .axis {"{"} stroke: #9198a1; {"}"}
            .c0 {"{"} stroke: #58a6ff; {"}"} .c1 {"{"} stroke: #f0883e; {"}"} .c2 {"{"} stroke: #3fb950; {"}"} .c3 {"{"} stroke: #bc8cff; {"}"} .c4 {"{"} stroke: #f778ba; {"}"}
            {"}"}
            </style>

            """);
        svg.Append(CultureInfo.InvariantCulture, $"<text class=\"title\" x=\"{Left}\" y=\"26\">{Escape(title)}</text>\n");
        for (int power = (int)left; power <= right; power++)
        {
            double x = AtX(Math.Pow(2, power));
            Line(svg, "grid", x, Top, x, Height - Bottom);
            Text(svg, x, Height - Bottom + 20, Math.Pow(2, power).ToString("0.###", CultureInfo.InvariantCulture), "middle");
        }
        for (int power = (int)low; power <= high; power++)
        {
            double y = AtY(Math.Pow(10, power));
            Line(svg, "grid", Left, y, Width - Right, y);
            Text(svg, Left - 8, y + 4, Short(power), "end");
        }
        Line(svg, "axis", Left, Height - Bottom, Width - Right, Height - Bottom);
        Line(svg, "axis", Left, Top, Left, Height - Bottom);
        Text(svg, (Left + Width - Right) / 2.0, Height - 16, xLabel, "middle");
        svg.Append(CultureInfo.InvariantCulture, $"<text transform=\"translate(20 {(Top + Height - Bottom) / 2}) rotate(-90)\" text-anchor=\"middle\">{Escape(yLabel)}</text>\n");
        Guide(svg, AtX, AtY, right, high);
        double label = double.MinValue;
        foreach ((Series series, int index) in _series.Select(static (series, index) => (series, index)).OrderByDescending(static each => each.series.Points[^1].Y))
        {
            string style = $"s c{index % 5}";
            svg.Append("<polyline class=\"").Append(style).Append('"');
            if (Dashes[index % Dashes.Length] is { Length: > 0 } dash) svg.Append(" stroke-dasharray=\"").Append(dash).Append('"');
            svg.Append(" points=\"").AppendJoin(' ', series.Points.Select(point => string.Create(CultureInfo.InvariantCulture, $"{AtX(point.X):F1},{AtY(point.Y):F1}"))).Append("\"/>\n");
            foreach ((double x, double y) in series.Points) Marker(svg, style, index, AtX(x), AtY(y));
            // Names stand apart even where lines end together.
            label = Math.Max(label + 18, AtY(series.Points[^1].Y));
            Marker(svg, style, index, Width - Right + 16, label);
            Text(svg, Width - Right + 28, label + 4, series.Name, "start");
        }
        return svg.Append("</svg>\n").ToString();
    }

    /// <summary>Twice the size, twice the cost: from the lowest first point of all.</summary>
    private void Guide(StringBuilder svg, Func<double, double> atX, Func<double, double> atY, double right, double high)
    {
        double factor = _series.Min(static series => series.Points[0].Y / series.Points[0].X);
        double end = Math.Min(Math.Pow(2, right), Math.Pow(10, high) / factor);
        Line(svg, "guide", atX(_minX), atY(factor * _minX), atX(end), atY(factor * end));
        Text(svg, atX(end) - 6, atY(factor * end) + 24, "linear", "end");
    }

    private static void Marker(StringBuilder svg, string style, int index, double x, double y)
        => svg.Append((index % 5) switch
        {
            0 => Invariant($"<circle class=\"{style}\" cx=\"{x:F1}\" cy=\"{y:F1}\" r=\"3.5\"/>\n"),
            1 => Invariant($"<rect class=\"{style}\" x=\"{x - 3.5:F1}\" y=\"{y - 3.5:F1}\" width=\"7\" height=\"7\"/>\n"),
            2 => Invariant($"<path class=\"{style}\" d=\"M{x:F1} {y - 4.5:F1}l4.5 8h-9z\"/>\n"),
            3 => Invariant($"<path class=\"{style}\" d=\"M{x:F1} {y - 5:F1}l5 5l-5 5l-5 -5z\"/>\n"),
            _ => Invariant($"<path class=\"{style}\" d=\"M{x - 4:F1} {y - 4:F1}l8 8m0 -8l-8 8\"/>\n"),
        });

    private static void Line(StringBuilder svg, string style, double x1, double y1, double x2, double y2)
        => svg.Append(CultureInfo.InvariantCulture, $"<line class=\"{style}\" x1=\"{x1:F1}\" y1=\"{y1:F1}\" x2=\"{x2:F1}\" y2=\"{y2:F1}\"/>\n");

    private static void Text(StringBuilder svg, double x, double y, string text, string anchor)
        => svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{x:F1}\" y=\"{y:F1}\" text-anchor=\"{anchor}\">{Escape(text)}</text>\n");

    private static string Short(int power) => power switch
    {
        >= 9 => $"{Math.Pow(10, power - 9).ToString("0", CultureInfo.InvariantCulture)} G",
        >= 6 => $"{Math.Pow(10, power - 6).ToString("0", CultureInfo.InvariantCulture)} M",
        >= 3 => $"{Math.Pow(10, power - 3).ToString("0", CultureInfo.InvariantCulture)} k",
        _ => Math.Pow(10, power).ToString("0.###", CultureInfo.InvariantCulture),
    };

    private static string Escape(string text) => text.Replace("&", "&amp;", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal).Replace(">", "&gt;", StringComparison.Ordinal).Replace("\"", "&quot;", StringComparison.Ordinal);
}
