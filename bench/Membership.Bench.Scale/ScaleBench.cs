// Runs every change at every size, prints what each cost per node, how fast that grows, and what joins cost; draws the plots.
using System.Globalization;
using System.Text.Json;

namespace Membership.Bench.Scale;

internal static class ScaleBench
{
    /// <summary>Runs it all.</summary>
    /// <returns>1 when <see cref="ScaleOptions.Check"/> is asked for and the messages or the bytes per node of a change grow faster than linearly; else 0.</returns>
    public static int Run(ScaleOptions options, TextWriter output)
    {
        var rows = new List<Row>();
        // So that the first sizes are not billed for the compiler's time.
        for (int i = 0; i < 3; i++) _ = Changes.At(32).Count();
        output.WriteLine("| change | nodes | views | stages | ticks | ms | messages/node | bytes/node | longest message | events | ns/event |");
        output.WriteLine("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
        foreach (int size in options.Nodes)
        {
            foreach (Row row in Changes.At(size))
            {
                rows.Add(row);
                Bill bill = row.Bill;
                output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {Name(row.Change)} | {row.Nodes} | {bill.Views} | {row.StagesPerNode:F1} | {bill.Time / Engine.ClusterTiming.Default.ClockPeriod:F1} | {bill.Time.TotalMilliseconds:F1} "
                    + $"| {row.MessagesPerNode:F0} | {row.BytesPerNode:F0} | {bill.Longest} | {bill.Events} | {row.NanosecondsPerEvent:F0} |"));
                output.Flush();
            }
        }
        if (options.Keep is { } file)
        {
            if (File.Exists(file)) rows = [.. File.ReadLines(file).Select(static line => JsonSerializer.Deserialize<Row>(line)!).Where(kept => !options.Nodes.Contains(kept.Nodes)).Concat(rows).OrderBy(static row => row.Nodes)];
            File.WriteAllLines(file, rows.Select(static row => JsonSerializer.Serialize(row)));
        }
        bool linear = Grow(rows, output);
        if (options.Joins > 0) Join(options.Joins, output);
        if (options.Svg is { } folder) Draw(rows, folder, output);
        return options.Check && !linear ? 1 : 0;
    }

    private static bool Grow(List<Row> rows, TextWriter output)
    {
        bool linear = true;
        output.WriteLine();
        output.WriteLine("| change | messages/node grow as n^ | steepest step | bytes/node grow as n^ | time grows as n^ | |");
        output.WriteLine("| --- | --- | --- | --- | --- | --- |");
        foreach (IGrouping<Change, Row> change in rows.GroupBy(static row => row.Change))
        {
            if (Growth.Of(change.Select(static row => (row.Nodes - 1, row.MessagesPerNode))) is not { } messages) continue;
            Growth bytes = Growth.Of(change.Select(static row => (row.Nodes - 1, row.BytesPerNode)))!;
            Growth time = Growth.Of(change.Select(static row => (row.Nodes - 1, row.Bill.Time.TotalMilliseconds)))!;
            linear &= messages.IsLinear && bytes.IsLinearInBytes;
            string verdict = !messages.IsLinear ? $"MISSED: messages per node grow faster than n^{Growth.Limit} (n^{Growth.StepLimit} in one step)"
                : !bytes.IsLinearInBytes ? $"MISSED: bytes per node grow faster than n^{Growth.BytesLimit} (n^{Growth.StepLimit} in one step)" : "messages and bytes per node linear or better";
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {Name(change.Key)} | {messages.Exponent:F2} | {messages.Steepest:F2} | {bytes.Exponent:F2} | {time.Exponent:F2} | {verdict} |"));
        }
        return linear;
    }

    private static void Join(int joiners, TextWriter output)
    {
        output.WriteLine();
        output.WriteLine("| joins | nodes | into | views | ms | ms/join | messages | messages/join/node | bytes | events | ns/event |");
        output.WriteLine("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
        foreach (JoinRow row in Joins.Of(joiners))
        {
            Bill bill = row.Bill;
            double ms = bill.Time.TotalMilliseconds;
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {row.How} | {row.Joiners} | {row.Members} | {bill.Views} | {ms:F1} | {ms / row.Joiners:F1} | {bill.Messages} "
                + $"| {bill.Messages / (double)row.Joiners / (row.Members + row.Joiners):F1} | {bill.Bytes} | {bill.Events} | {bill.Cpu.TotalNanoseconds / Math.Max(1, bill.Events):F0} |"));
            output.Flush();
        }
    }

    private static void Draw(List<Row> rows, string folder, TextWriter output)
    {
        Directory.CreateDirectory(folder);
        Draw(rows, folder, output, "scale-messages.svg", "Messages a node sends for one change", "messages per node", static row => row.MessagesPerNode);
        Draw(rows, folder, output, "scale-bytes.svg", "Bytes a node sends for one change", "bytes per node, header and seal included", static row => row.BytesPerNode);
        Draw(rows, folder, output, "scale-time.svg", "From the change to the last new view", "milliseconds of virtual time", static row => row.Bill.Time.TotalMilliseconds);
    }

    private static void Draw(List<Row> rows, string folder, TextWriter output, string file, string title, string yLabel, Func<Row, double> value)
    {
        var plot = new LogLogPlot(title, "nodes", yLabel);
        foreach (IGrouping<Change, Row> change in rows.GroupBy(static row => row.Change))
            plot.Add(new Series(Name(change.Key), [.. change.Select(row => ((double)row.Nodes, value(row)))]));
        string path = Path.Combine(folder, file);
        File.WriteAllText(path, plot.ToSvg());
        output.WriteLine($"drawn: {path}");
    }

    private static string Name(Change change) => change switch
    {
        Change.Crash => "crash",
        Change.Leave => "leave",
        Change.Join => "join",
        Change.TenPercent => "10 % at once",
        _ => "even split",
    };
}
