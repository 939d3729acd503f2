// The scale bench at small sizes: what it counts is what the wire would carry, its check tells linear from not, its plots are documents.
using System.Globalization;
using System.Xml.Linq;
using Membership.Bench.Scale;
using Membership.Engine;
using Membership.Engine.Protocol;
using Membership.Engine.Wire;
using Membership.Simulator.World;
using Xunit;

namespace Membership.Simulator.Tests;

public sealed class ScaleTests : IDisposable
{
    private static readonly XNamespace Svg = "http://www.w3.org/2000/svg";

    private readonly string _folder = Path.Combine(Path.GetTempPath(), $"scale-{Guid.NewGuid():N}");

    public void Dispose()
    {
        if (Directory.Exists(_folder)) Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void Up_to_32_nodes_the_messages_and_bytes_per_node_of_every_change_grow_no_faster_than_the_cluster()
    {
        var text = new StringWriter();
        int exit = ScaleBench.Run(new ScaleOptions { Nodes = [2, 4, 8, 16, 32], Joins = 0, Check = true, Svg = _folder }, text);
        Assert.True(exit == 0, text.ToString());
        foreach (string row in new[] { "| crash | 2 |", "| leave | 32 |", "| join | 32 |", "| 10 % at once | 32 |", "| even split | 32 |", "| even split | 2 |" })
            Assert.Contains(row, text.ToString(), StringComparison.Ordinal);

        foreach (string file in new[] { "scale-messages.svg", "scale-bytes.svg", "scale-time.svg" })
        {
            XElement root = XDocument.Load(Path.Combine(_folder, file)).Root!;
            Assert.Equal(Svg + "svg", root.Name);
            Assert.Contains(root.Elements(Svg + "text"), static label => label.Value == "nodes");
            Assert.Contains("prefers-color-scheme: dark", root.Element(Svg + "style")!.Value, StringComparison.Ordinal);
            XElement[] lines = [.. root.Elements(Svg + "polyline")];
            Assert.Equal(5, lines.Length);
            foreach (double[] point in lines.SelectMany(static line => line.Attribute("points")!.Value.Split(' ')).Select(static pair => pair.Split(',').Select(static number => double.Parse(number, CultureInfo.InvariantCulture)).ToArray()))
            {
                Assert.InRange(point[0], 0, double.Parse(root.Attribute("width")!.Value, CultureInfo.InvariantCulture));
                Assert.InRange(point[1], 0, double.Parse(root.Attribute("height")!.Value, CultureInfo.InvariantCulture));
            }
        }
    }

    [Fact]
    public void Sizes_that_were_measured_before_count_in_the_growth()
    {
        Directory.CreateDirectory(_folder);
        string kept = Path.Combine(_folder, "rows");
        var former = new StringWriter();
        ScaleBench.Run(new ScaleOptions { Nodes = [2, 4], Joins = 0, Keep = kept }, former);
        Assert.Contains("| crash | 2 |", former.ToString(), StringComparison.Ordinal);
        // A thousand times the messages, measured by somebody before.
        string[] rows = File.ReadAllLines(kept);
        File.WriteAllLines(kept, rows.Select(static row => row.Replace("\"Nodes\":4,", "\"Nodes\":16,", StringComparison.Ordinal).Replace("\"Messages\":", "\"Messages\":9999", StringComparison.Ordinal)));
        Assert.Equal(1, ScaleBench.Run(new ScaleOptions { Nodes = [8], Joins = 0, Check = true, Keep = kept }, TextWriter.Null));
        Assert.Equal(0, ScaleBench.Run(new ScaleOptions { Nodes = [2, 8, 16], Joins = 0, Check = true, Keep = kept }, TextWriter.Null));
        // A view in every message: as many messages as ever, the bytes of each grow as the cluster.
        rows = File.ReadAllLines(kept);
        File.WriteAllLines(kept, rows.Select(static row => row.Replace("\"Nodes\":16,", "\"Nodes\":32,", StringComparison.Ordinal).Replace("\"Bytes\":", "\"Bytes\":9", StringComparison.Ordinal)));
        var text = new StringWriter();
        Assert.Equal(1, ScaleBench.Run(new ScaleOptions { Nodes = [4], Joins = 0, Check = true, Keep = kept }, text));
        Assert.Contains("MISSED: bytes per node", text.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(0.5, true)]
    [InlineData(1, true)]
    [InlineData(1.3, false)]
    [InlineData(2, false)]
    public void Growth_is_the_exponent_and_above_one_it_is_not_linear(double exponent, bool linear)
    {
        Growth growth = Growth.Of(new[] { 2, 4, 8, 16, 32, 64 }.Select(nodes => (nodes, 7 * Math.Pow(nodes, exponent))))!;
        Assert.Equal(exponent, growth.Exponent, 6);
        Assert.Equal(linear, growth.IsLinear);
    }

    [Fact]
    public void A_cost_that_leaps_at_the_last_size_only_is_not_linear()
        => Assert.False(Growth.Of(new[] { (16, 16.0), (32, 32), (64, 64), (128, 128), (256, 256), (512, 2048) })!.IsLinear);

    [Fact]
    public void What_the_meter_counts_is_what_the_node_would_send()
    {
        var bodies = new HashSet<MessageBody>(ReferenceEqualityComparer.Instance);
        var world = new ClusterWorld(WorldOptions.Calm(8), new Trace(null));
        world.Network.Watch = (in MessageHeader _, MessageBody? body) =>
        {
            if (body is not null) bodies.Add(body);
        };
        foreach (SimNode node in world.Nodes) node.Start();
        world.RunUntil(2 * world.Options.L);
        Assert.Null(world.Violation);
        Assert.Contains(bodies, static body => body is StatusMessage { Decision: not null });
        // One that takes more than a datagram.
        static ClusterView Large(int epoch) => new(new Epoch(epoch), Enumerable.Range(1, NodeId.MaxValue).Select(static number => new ClusterMember(new NodeId(number), new Incarnation(1), 1, 5)), WorldOptions.Calm(2).Rule, ClusterTiming.Default);
        bodies.Add(bodies.OfType<StatusMessage>().First() with { Pending = [Large(7), Large(8), Large(9)] });

        using var sealer = new DatagramSealer("meter", new NodeId(1), KeyRing.Generate());
        var message = new byte[MessageCodec.MaxMessageSize];
        var datagram = new byte[DatagramSealer.MaxDatagramSize];
        int most = 0;
        var header = new MessageHeader { From = new NodeId(1), To = new NodeId(2), FromIncarnation = new Incarnation(1) };
        foreach ((MessageBody? body, bool names) in bodies.SelectMany(static body => new (MessageBody?, bool)[] { (body, false), (body, true) }).Append((null, false)))
        {
            header.NamesViews = names;
            MessageForm form = body is not StatusMessage ? MessageForm.Plain : names ? MessageForm.Named : MessageForm.Brief;
            Assert.True(MessageCodec.TryEncodeBody(body, form, message, out int length));
            length += MessageCodec.HeaderSize;
            MessageCodec.EncodeHeader(in header, MessageCodec.KindOf(body, form), length - MessageCodec.HeaderSize, message);
            int fragments = DatagramSealer.FragmentCount(length), sealedBytes = 0;
            most = Math.Max(most, fragments);
            ulong first = sealer.Reserve(header.To, fragments);
            for (int i = 0; i < fragments; i++) sealedBytes += sealer.SealFragment(header.To, header.FromIncarnation, first, i, fragments, message.AsSpan(0, length), datagram);
            var meter = new WireMeter();
            meter.Count(in header, body);
            meter.Count(in header, body);
            Assert.Equal((2, 2 * fragments, 2 * sealedBytes), (meter.Messages, meter.Datagrams, meter.Bytes));
        }
        Assert.Equal(2, most);
    }

    /// <summary>Rows are relayed to whoever cannot hear their owner: without that stage 2 would end by its bound, and everybody would start over.</summary>
    [Fact]
    public void A_node_that_is_deaf_to_another_is_out_after_one_attempt_of_six_stages()
    {
        var cluster = new MeasuredCluster(WorldOptions.Calm(5));
        cluster.Start(Changes.First(5));
        cluster.Rest();
        Bill bill = cluster.Measure(Changes.First(5).Without(new NodeId(4)), () => cluster.World.Network.Cut(2, 4));
        Assert.Equal(1, bill.Views);
        Assert.InRange(bill.Stages, 4 * 6, 5 * 6);
    }

    [Fact]
    public void Twenty_nodes_join_one_after_another_or_all_at_once_and_form_at_once()
    {
        const int Joiners = 20;
        JoinRow[] rows = [.. Joins.Of(Joiners)];
        ClusterTiming timing = ClusterTiming.Default;
        Assert.Equal(["one after another", "all at once", "first forming"], rows.Select(static row => row.How));
        Assert.Equal(Joiners, rows[0].Bill.Views);
        Assert.InRange(rows[0].Bill.Time / Joiners, TimeSpan.Zero, TimeSpan.FromMilliseconds(10));
        // Whoever is not let in at once comes next, and need not ask again.
        Assert.InRange(rows[1].Bill.Views, 1, Joiners);
        Assert.InRange(rows[1].Bill.Time, TimeSpan.Zero, timing.ClockPeriod * 3);
        Assert.Equal(1, rows[2].Bill.Views);
        Assert.InRange(rows[2].Bill.Time, TimeSpan.Zero, timing.ClockPeriod);
    }

    [Theory]
    [InlineData("--nodes", "1")]
    [InlineData("--nodes", "8,4")]
    [InlineData("--nodes", "2000")]
    [InlineData("--joins", "2000")]
    [InlineData("--svg")]
    [InlineData("--speed", "9")]
    public void A_wrong_argument_is_answered_with_what_to_type_instead(params string[] args)
    {
        Assert.False(ScaleOptions.TryParse(args, out _, out string? error));
        Assert.Contains(args[0], error, StringComparison.Ordinal);
        Assert.Contains("usage: eng/bench scale", error, StringComparison.Ordinal);
    }
}
