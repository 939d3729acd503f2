// What the commands write: pictures that every reader of XML takes, and tables that go on where they were.
using System.Globalization;
using System.Xml.Linq;
using Membership.Testbed;
using Xunit;

namespace Membership.Bench.Cluster.Tests;

public sealed class ReportTests
{
    [Fact]
    public void A_timeline_is_well_formed_and_its_bars_are_as_long_as_their_stages()
    {
        TimelineRow[] rows = [new("a<b & \"c\"", [new("first", 0, 100), new("second", 100, 400)]), new("other", [new("first", 0, 200)])];
        XDocument drawn = XDocument.Parse(TimelineSvg.Draw("kill & cut", [new TimelinePanel("both", rows, 300)]).ToString());
        XNamespace svg = "http://www.w3.org/2000/svg";
        Assert.Equal(svg + "svg", drawn.Root!.Name);
        double[] widths = [.. drawn.Descendants(svg + "rect").Where(static bar => bar.Elements().Any()).Select(static bar => double.Parse(bar.Attribute("width")!.Value, CultureInfo.InvariantCulture))];
        Assert.Equal(3, widths.Length);
        Assert.Equal(3, widths[1] / widths[0], 0.02);
        Assert.Equal(2, widths[2] / widths[0], 0.02);
        Assert.Contains("a<b & \"c\"", drawn.Descendants(svg + "text").Select(static text => text.Value));
    }

    [Fact]
    public void The_stages_of_a_node_begin_with_the_fault_and_end_with_what_it_told()
    {
        NodeEvent regroup = NodeEvent.Parse("event t=9000000 node=1 regroup began=2000000 ended=8000000 cause=TripwireLost outcome=installed steps=Activate:2000000,Close:4000000,Prune:4500000,view_in_force:6000000,CleanUp1:6000000,CleanUp2:7000000,Stabilised:7500000")!;
        IReadOnlyList<TimelineStage> stages = TimelineBench.OurStages(regroup, 9_000_000, 1_000_000);
        Assert.Equal([0d, 1, 3, 3.5, 5, 6, 6.5], stages.Select(static stage => stage.From));
        Assert.Equal(8, stages[^1].To);
        Assert.Equal("nothing noticed yet", stages[0].Name);
        Assert.Equal(stages.Skip(1).Select(static stage => stage.From), stages.SkipLast(1).Select(static stage => stage.To));
    }

    [Fact]
    public void A_table_goes_on_where_it_was_and_refuses_another_ones_file()
    {
        string file = Path.Combine(Directory.CreateTempSubdirectory("bench-table-").FullName, "rows.md");
        try
        {
            var table = new MarkdownTable(file, 2, "nodes", "fault", "ms");
            table.Add("3", "kill", "12");
            var again = new MarkdownTable(file, 2, "nodes", "fault", "ms");
            Assert.True(again.Has("3", "kill"));
            Assert.False(again.Has("3", "cut"));
            again.Add("3", "kill", "13");
            again.Add("3", "cut", "14");
            Assert.Equal(["| nodes | fault | ms |", "| --- | --- | --- |", "| 3 | kill | 12 |", "| 3 | cut | 14 |"], File.ReadAllLines(file));
            Assert.Contains(file, Assert.Throws<TestbedException>(() => new MarkdownTable(file, 2, "nodes", "timing")).Message, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(Path.GetDirectoryName(file)!, recursive: true);
        }
    }
}
