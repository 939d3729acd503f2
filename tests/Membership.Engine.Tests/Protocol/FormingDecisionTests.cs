// Who may form, from what is on the disks (design 3.4, 4): each row is what was written before everybody went down, who is started, and the
// view that must come of it, or the reason why none may. The rows stand around the rule's edges: who is void, who testifies, who counts.
using System.Collections.Immutable;
using System.Globalization;
using Membership.Engine.Protocol;
using Membership.Engine.Tests.Seeds;
using Xunit;

namespace Membership.Engine.Tests.Protocol;

public sealed class FormingDecisionTests
{
    private const string Three = "V=5:123", Five = "V=5:12345";

    /// <param name="views">Letter, epoch, members and (behind &lt;) the epoch it was made from: "W=6:1245&lt;5". A first view was made from none.</param>
    /// <param name="disks">Node, view in force and pending ones: "1:V+W", "2:+W"; "3:" is as new, "3:new" replaced since; "4:V^9" wrote up to epoch 9 once, "4:V~9" only heard of it.</param>
    /// <param name="started">Who is started.</param>
    /// <param name="expected">Epoch and members of the view that is formed, or what stands in the journal of one of those who cannot.</param>
    [Theory]
    // The newest view in force counts, and every epoch that anybody promised or heard of is exceeded.
    [InlineData(Three, "1:V 2:V 3:V", "12", "6:12")]
    [InlineData(Three, "1:V 2:V 3:V", "23", "6:23")]
    [InlineData(Three, "1:V 2:V 3:V", "3", "no quorum over")]
    [InlineData(Three, "1:V 2:V~40 3:V", "12", "41:12")]
    [InlineData(Three, "1:V 2:V^50 3:V", "12", "51:12")]
    [InlineData("V=5:123 W=9:12<5", "1:V+W 2:W 3:V", "13", "no quorum over")]
    [InlineData("V=5:123 W=9:12<5", "1:V+W 2:W 3:V", "123", "10:12")]
    [InlineData("V=5:123 W=9:23<5", "1:V 2:W 3:W", "123", "10:23")]
    // A newer pending view must be carried, too, unless a member of it testifies that it never promised it, nor anything as high.
    [InlineData("V=5:12345 W=6:124<5", "1:V+W 2:V 3:V 4:V 5:V", "135", "no quorum over")]
    [InlineData("V=5:12345 W=6:1245<5", "1:V+W 2:V 3:V 4:V 5:V", "123", "7:123")]
    [InlineData("V=5:12345 W=6:1245<5", "1:V+W 2:V^6 3:V 4:V 5:V", "123", "no quorum over")]
    [InlineData("V=5:12345 W=6:1245<5", "1:V+W 2:V^7 3:V 4:V 5:V", "123", "no quorum over")]
    [InlineData("V=5:12345 W=6:1245<5", "1:V+W 2:V+W 3:V 4:V 5:V", "123", "no quorum over")]
    [InlineData("V=5:12345 W=6:1245<5", "1:V+W 2:V+W 3:V 4:V+W 5:V", "124", "7:124")]
    [InlineData("V=5:123 W=6:12<5", "1:V+W 2:V 3:V", "13", "no quorum over")]
    [InlineData("V=5:123 W=6:12<5", "1:V+W 2:new 3:V", "123", "no quorum over")]
    [InlineData("V=5:123 W=4:12<3", "1:V+W 2:V 3:V", "13", "6:13")]
    // Whom only the pending view names helps to carry it, and is not let in by forming.
    [InlineData("V=5:12 W=6:123<5", "1:V+W 2:V+W 3:+W", "13", "no quorum over")]
    [InlineData("V=5:12 W=6:123<5", "1:V+W 2:V 3:", "12", "7:12")]
    [InlineData("V=5:123 W=6:12345<5", "1:V+W 2:V+W 3:V+W 4:+W 5:+W", "1245", "7:12")]
    [InlineData("V=5:123 W=6:12345<5", "1:V+W 2:V+W 3:V+W 4:new 5:new", "1245", "no quorum over")]
    // An empty store has promised nothing, or it is new in the place of one that did: it counts only if the views known name that very store.
    [InlineData(Three, "1:V 2: 3:V", "12", "6:12")]
    [InlineData(Three, "1:V 2:new 3:V", "12", "the stores of {2} are empty and do not count")]
    [InlineData(Three, "1:V 2:new 3:V", "123", "6:13")]
    [InlineData("V=5:123 W=6:13<5", "1:V+W 2: 3:V", "123", "7:13")]
    [InlineData("V=5:123 W=6:13<5", "1:V+W 2: 3:V", "12", "the stores of {2} are empty and do not count")]
    [InlineData(Five, "1:V 2:new 3:V 4:new 5:V", "1234", "the stores of {2,4} are empty and do not count")]
    // First formings that were interrupted: one view that names the store will do, if no other names another store for it.
    [InlineData("", "1: 2: 3:", "12", "1:12")]
    [InlineData("", "1: 2: 3:", "1", "no quorum over the configured nodes {1,2,3}")]
    [InlineData("A=1:12", "1:+A 2: 3:", "12", "2:12")]
    [InlineData("A=1:12", "1:+A 2: 3:", "23", "1:23")]
    [InlineData("A=1:123", "1:+A 2: 3:", "13", "2:13")]
    [InlineData("A=1:123", "1:+A 2:new 3:new", "12", "do not count, because")]
    [InlineData("A=1:1234 B=1:4567", "1:+A 2: 3: 4: 5:+B 6: 7:", "1234567", "2:1234567")]
    [InlineData("A=1:1234 B=1:4567", "1:+A 2: 3: 4: 5:+B 6:new 7:new", "1567", "do not count, because")]
    [InlineData("A=1:12 B=4:13<3", "1:+A+B 2: 3: 4: 5:", "1245", "do not count, because")]
    [InlineData("A=1:12 B=4294967296:13", "1:+A+B 2: 3: 4: 5:", "1245", "do not count, because")]
    [InlineData("A=1:123 B=4:13<3", "1:+A 2: 3:+B 4: 5:", "123", "do not count, because")]
    [InlineData("A=1:123 B=4294967296:13", "1:+A 2: 3:+B 4: 5:", "123", "do not count, because")]
    [InlineData("V=5:123 W=6:13", "1:V+W 2: 3:V", "12", "the stores of {2} are empty and do not count")]
    // What an operator gave up by force is given up, also where only a view that goes on from the forced one is known.
    [InlineData("V=5:123 F=4294967301:4<5", "1:V~4294967301 2:V 3:V 4:F", "123", "formed by force in epoch 4294967301, and no node here knows its view: start")]
    [InlineData("V=5:123 P=4294967303:124<4294967302", "1:V 2:+P 3:V 4:", "123", "e4294967303{1,2,4} is promised here, but no node here knows the view that it was made from, of epoch 4294967302, nor")]
    [InlineData("V=5:123 F=4294967301:1<5", "1:V+F 2:V 3:V", "123", "4294967302:123")]
    [InlineData("V=5:123 F=4294967301:1<5", "1:V+F 2:V 3:V 4:V", "123", "4294967302:123")]
    // All stores are here, and the order was never carried out; what was promised under it is exceeded all the same.
    [InlineData(Three, "1:V 2:V~4294967340 3:V", "123", "6:123")]
    [InlineData(Three, "1:V 2:V^4294967400 3:V", "123", "4294967401:123")]
    // In the cluster that was formed by force the numbers go on as before.
    [InlineData("V=4294967301:123", "1:V 2:V~4294967340 3:V", "12", "4294967341:12")]
    public void A_view_is_formed_only_by_a_group_that_holds_all_that_was_promised(string views, string disks, string started, string expected)
    {
        SteppedCluster cluster = Written(views, disks, static options => options);
        int[] numbers = [.. started.Select(static digit => digit - '0')];
        foreach (int number in numbers) cluster[number].Start();
        Check(cluster, numbers, expected);
    }

    // record: what the witness' record knows; "-" = there is no witness, "bare" = one that keeps none. bootstrap: the operator's word. The rest as above.
    [Theory]
    [InlineData(false, "-", "", "1: 2: 3:", "12", "no view on any disk and no witness")]
    [InlineData(true, "-", "", "1: 2: 3:", "12", "1:12")]
    [InlineData(false, "", "", "1: 2: 3:", "12", "1:12")]
    [InlineData(false, "bare", "", "1: 2: 3:", "12", "no view on any disk and no witness")]
    [InlineData(false, "-", Three, "1:V 2:V 3:V", "12", "6:12")]
    [InlineData(false, "-", "A=1:123", "1:+A 2: 3:", "12", "2:12")]
    [InlineData(false, "-", "A=1:134", "1:+A 2: 3: 4: 5:", "125", "do not count, because")]
    [InlineData(false, "-", "A=1:1234 B=1:4567", "1:+A 2: 3: 4: 5:+B 6: 7:", "1234567", "do not count, because")]
    [InlineData(true, "bare", "A=1:123 B=1:14", "1:+A 2: 3: 4:+B", "1234", "2:1234")]
    // Half and the witness' vote is enough over what it has a vote in, and the record is read before anything is formed.
    [InlineData(false, "", "V=5:1234", "1:V 2:V 3:V 4:V", "12", "6:12")]
    [InlineData(false, "", "V=5:1234", "1:V 2:V 3:V 4:V", "1", "no quorum over")]
    [InlineData(false, "W", "V=5:1234 W=6:34<5", "1:V 2:V 3:V 4:V", "12", "no quorum over")]
    [InlineData(false, "W", "V=5:1234 W=6:34<5", "1:V 2:V 3:V 4:V", "123", "6:123")]
    [InlineData(false, "W", "V=5:1234 W=6:123<5", "1:V 2:V 3:V 4:V", "12", "7:12")]
    [InlineData(false, "F", "V=5:1234 F=4294967301:12<5", "1:V 2:V 3:V 4:V", "12", "4294967302:12")]
    [InlineData(false, "bare", "V=5:1234", "1:V 2:V 3:V 4:V", "12", "no quorum over")]
    [InlineData(false, "V", "V=5:1234", "1: 2: 3: 4:", "1234", "6:1234")]
    [InlineData(false, "V", "V=5:1234", "1:new 2:new 3:new 4:new", "1234", "nobody with a vote would be in the view")]
    public void A_first_forming_needs_the_operators_word_or_a_witness_that_remembers(bool bootstrap, string record, string views, string disks, string started, string expected)
    {
        SteppedCluster cluster = Written(views, disks, options => options with
        {
            Bootstrap = bootstrap,
            HasWitness = record != "-",
            WitnessKeepsRecord = record != "bare",
            Rule = record == "-" ? default : new QuorumRule(QuorumPolicy.NodeAndWitnessMajority, TieBreaker.None, false),
        });
        if (record is not ("-" or "bare")) cluster.Record = [.. record.Select(letter => Views(views, cluster, cluster.OptionsOf(1).Rule)[letter])];
        int[] numbers = [.. started.Select(static digit => digit - '0')];
        foreach (int number in numbers) cluster[number].Start();
        Check(cluster, numbers, expected);
    }

    // A random run that shows it is found once in some ten thousand seeds, another one after each change of the core.
    [Theory]
    [InlineData("1:V+W 2:V^6 3:V 4:V 5:V")]
    [InlineData("1:V+W 2:V^7 3:V 4:V 5:V")]
    public void A_promise_that_is_only_gone_from_the_disk_would_be_void_if_absence_were_testimony(string disks)
    {
        SteppedCluster cluster = Written("V=5:12345 W=6:1245<5", disks, static options => options with { Defects = PlantedDefects.VoidByAbsence });
        foreach (int number in (int[])[1, 2, 3]) cluster[number].Start();
        cluster.Until(() => cluster[3].Core.Installed is not null, seconds: 12);
        Assert.Equal(NodeSet.Of(1, 2, 3), cluster[3].Core.Installed!.Nodes);
    }

    [Fact]
    public void A_node_whose_configuration_differs_forms_with_nobody()
    {
        SteppedCluster cluster = Written(Three, "1:V 2:V 3:V", static options => options.Self == new NodeId(2) ? options with { Nodes = [.. options.Nodes.Select(static node => node with { Votes = 1 + node.Node.Value / 3 })] } : options);
        cluster[1].Start();
        cluster[2].Start();
        Check(cluster, [1, 2], "the formers' configured nodes, weights or policy differ");
    }

    [Fact]
    public void Forming_by_force_goes_on_alone_far_above_every_epoch_and_waits_until_the_others_have_stopped()
    {
        SteppedCluster cluster = Written("V=5:12345 W=6:1245<5", "1:V+W 2:V 3:V 4:V 5:V", static options => options);
        cluster[3].Ask(static (core, id, now) => core.Start(id, forceForm: true, now));
        cluster.UntilInstalled(3);
        Assert.Equal(5 + (1L << 32), cluster[3].Core.Installed!.Epoch.Value);
        Assert.Equal(new Epoch(5), cluster[3].Core.Installed!.BaseEpoch);
        // Later the others are let in; the promise of one of them is overtaken.
        cluster[1].Start();
        cluster.UntilInstalled(1, 3);
        Assert.Empty(cluster.Disk(1).Pending);
    }

    [Fact]
    public void An_empty_store_outside_the_view_in_force_that_does_not_count_promises_nothing()
    {
        SteppedCluster cluster = Written("V=5:123 W=6:1234<5", "1:V+W 2:V+W 3:V+W 4:new", static options => options);
        foreach (Stepped node in cluster.Nodes.Values) node.Start();
        cluster.Until(() => cluster[1].Core.Installed is not null, seconds: 12);
        Assert.Equal((7, NodeSet.Of(1, 2, 3)), (cluster[1].Core.Installed!.Epoch.Value, cluster[1].Core.Installed!.Nodes));
        // With a promise its store would look like one that has kept everything.
        Assert.True(cluster.Disk(4).IsEmpty);
    }

    [Fact]
    public void Weights_that_are_configured_choose_among_those_who_hear_each_other_where_no_view_is_known()
    {
        int[] votes = [3, 1, 2];
        var cluster = new SteppedCluster(3, options => options with { DiscoveryTime = TimeSpan.FromSeconds(1), Nodes = [.. options.Nodes.Select(node => node with { Votes = votes[node.Node.Value - 1] })] });
        cluster.Cut(1, 3);
        foreach (Stepped node in cluster.Nodes.Values) node.Start();
        cluster.Until(() => cluster[1].Core.Installed is not null, seconds: 5);
        Assert.Equal(NodeSet.Of(1, 2), cluster[1].Core.Installed!.Nodes);
        Assert.Equal(4, cluster[1].Core.Installed!.VotesOf(NodeSet.Of(1, 2)));
    }

    [Fact]
    public void A_decider_whose_own_store_does_not_count_gives_the_witness_up_when_it_has_decided()
    {
        SteppedCluster cluster = Written("V=5:1234", "1:new 2:V 3:V 4:V", static options => options with
        {
            HasWitness = true, Rule = new QuorumRule(QuorumPolicy.NodeAndWitnessMajority, TieBreaker.None, false),
        });
        foreach (int number in (int[])[1, 2, 3]) cluster[number].Start();
        cluster.Until(() => cluster[2].Core.InForce is not null && cluster[3].Core.InForce is not null, seconds: 12);
        Assert.Equal(NodeSet.Of(2, 3), cluster[2].Core.InForce!.Nodes);
        Assert.Equal((1, NodeId.Invalid), (cluster[1].Releases, cluster[1].Core.QuorumOwner(cluster.Now)));
        cluster.Until(() => cluster[3].Core.QuorumOwner(cluster.Now) == new NodeId(2), seconds: 5);
    }

    private static ProtocolOptions Witnessed(ProtocolOptions options)
        => options with { HasWitness = true, Rule = new QuorumRule(QuorumPolicy.NodeAndWitnessMajority, TieBreaker.None, false) };

    [Fact]
    public void However_slow_the_witness_is_one_answer_is_enough_to_form()
    {
        SteppedCluster cluster = Written("V=5:12", "1:V 2:V", Witnessed);
        cluster[1].ArbitrationTakes = ClusterTiming.Local.LossPeriod * 3;
        cluster[1].Start();
        cluster.Until(() => cluster[1].Core.InForce is not null, seconds: 5);
        Assert.Equal((NodeSet.Of(1), 1), (cluster[1].Core.InForce!.Nodes, cluster[1].Arbitrations));
        // The same where a winner waits for the equalizer.
        SteppedCluster equalized = Written("V=5:12", "1:V 2:V", static options => Witnessed(options) with { ArbitrationEqualizer = ClusterTiming.Local.LossPeriod * 3 });
        equalized[1].Start();
        equalized.Until(() => equalized[1].Core.InForce is not null, seconds: 5);
        Assert.Equal((NodeSet.Of(1), 1), (equalized[1].Core.InForce!.Nodes, equalized[1].Arbitrations));
        // And where it is only asked what its record knows.
        var first = new SteppedCluster(2, static options => Witnessed(options) with { DiscoveryTime = TimeSpan.FromSeconds(1) });
        first[1].ArbitrationTakes = ClusterTiming.Local.LossPeriod * 3;
        first[1].Start();
        first[2].Start();
        first.Until(() => first[1].Core.InForce is not null, seconds: 5);
        Assert.Equal((NodeSet.Of(1, 2), 1, new Epoch(1)), (first[1].Core.InForce!.Nodes, first[1].Arbitrations, first[1].Core.InForce!.Epoch));
    }

    [Fact]
    public void Who_has_enough_votes_and_has_read_the_record_need_not_own_the_witness_any_more()
    {
        var cluster = new SteppedCluster(2, static options => Witnessed(options) with { ArbitrationEqualizer = TimeSpan.FromMilliseconds(300), DiscoveryTime = TimeSpan.FromSeconds(1) }) { Ownership = TimeSpan.FromMilliseconds(100) };
        cluster[1].Start();
        cluster[2].Start();
        cluster.Until(() => cluster[1].Core.InForce is not null, seconds: 5);
        Assert.Equal((1, 0), (cluster[1].Arbitrations, cluster[1].RecordWrites.Count));
    }

    [Fact]
    public void Who_hears_a_running_cluster_while_it_forms_gives_the_witness_back_and_waits()
    {
        SteppedCluster cluster = Written("V=5:12", "1:V 2:V", static options => Witnessed(options) with { ArbitrationEqualizer = TimeSpan.FromMilliseconds(300) });
        cluster[1].Start();
        cluster.Until(() => cluster[1].Log.Exists(static line => line.Contains("won the witness", StringComparison.Ordinal)), seconds: 5);
        cluster.Run(0.1);
        cluster.Say(2, 1, null, cluster.Disk(2).InForceId);
        MonotonicTime heard = cluster.Now;
        cluster.Until(() => cluster[1].Releases > 0, seconds: 1);
        Assert.True(cluster.Now - heard < ClusterTiming.Local.LossPeriod);
        Assert.Equal((1, NodeId.Invalid, 0), (cluster[1].Releases, cluster[1].Core.QuorumOwner(cluster.Now), cluster[1].RecordWrites.Count));
        Assert.Contains(cluster[1].Log, static line => line.Contains("a member of a running cluster was heard", StringComparison.Ordinal));
        Assert.DoesNotContain(cluster[1].Log, static line => line.Contains("the witness was lost", StringComparison.Ordinal));
        // It was nobody in the end.
        cluster.UntilInstalled(1);
        Assert.True(cluster.Now - heard >= ClusterTiming.Local.LossPeriod);
    }

    [Fact]
    public void Nobody_forms_beside_a_running_cluster_that_is_heard_while_the_record_is_read()
    {
        var cluster = new SteppedCluster(3, static options => Witnessed(options) with { DiscoveryTime = TimeSpan.FromSeconds(1) });
        cluster.Write(3, cluster.Disk(3) with { Incarnation = new Incarnation(1) });
        cluster.Restart(3);
        cluster[1].HoldArbitrations = true;
        cluster[1].Start();
        cluster[2].Start();
        cluster.Until(() => cluster[1].Arbitrations > 0);
        cluster.Say(3, 1, null, new ClusterView(new Epoch(7), [new ClusterMember(new NodeId(3), new Incarnation(1), 1, 1003)], cluster.OptionsOf(1).Rule, ClusterTiming.Local).Id);
        MonotonicTime heard = cluster.Now;
        cluster[1].ReleaseArbitrations();
        while (cluster.Now - heard < ClusterTiming.Local.LossPeriod)
        {
            Assert.All(cluster.Nodes.Values, node => Assert.True(cluster.Disk(node.Number).IsEmpty));
            cluster.Step();
        }
        cluster.UntilInstalled(1, 2);
    }

    [Fact]
    public void A_former_that_restarts_while_the_record_is_read_is_counted_when_its_new_life_has_said_what_it_holds()
    {
        var cluster = new SteppedCluster(3, static options => Witnessed(options) with { DiscoveryTime = TimeSpan.FromSeconds(1) });
        cluster[1].HoldArbitrations = true;
        foreach (Stepped node in cluster.Nodes.Values) node.Start();
        cluster.Until(() => cluster[1].Arbitrations > 0);
        cluster[3].Alive = false;
        cluster.CutOneWay(3, 1);
        cluster.Restart(3).Start();
        cluster.Run(0.01);
        cluster.Say(3, 1, new PetitionMessage(MembershipCore.ProtocolVersion, 0, cluster.Disk(3).StoreId, true, true, ViewId.None, Epoch.None, false));
        cluster[1].ReleaseArbitrations();
        cluster.Run(0.003);
        Assert.Equal((RegroupStage.Prune, true), (cluster[1].Core.Stage, cluster.Disk(1).IsEmpty));
        cluster.Heal();
        Assert.Equal(cluster[3].Core.Incarnation, cluster.UntilInstalled(1, 2, 3).Find(new NodeId(3)).Incarnation);
    }

    [Fact]
    public void Who_learns_of_a_newer_view_in_force_while_it_forms_gives_the_witness_back_at_once()
    {
        SteppedCluster cluster = Written("V=5:12 W=6:12<5", "1:V+W 2:W", static options => Witnessed(options) with { ArbitrationEqualizer = TimeSpan.FromMilliseconds(300) });
        cluster[1].Start();
        cluster.Until(() => cluster[1].Log.Exists(static line => line.Contains("won the witness", StringComparison.Ordinal)), seconds: 5);
        cluster.Say(2, 1, null, cluster.Disk(2).InForceId);
        cluster.Run(0.002);
        Assert.Equal(cluster.Disk(2).InForceId, cluster.Disk(1).InForceId);
        Assert.Equal((1, 0), (cluster[1].Releases, cluster.WitnessOwner));
    }

    private static void Check(SteppedCluster cluster, int[] numbers, string expected)
    {
        bool Formed() => numbers.Any(number => cluster[number].Core.Installed is not null);
        if (!char.IsDigit(expected[0]))
        {
            cluster.Run(12);
            Assert.False(Formed(), $"{cluster[numbers[0]].Core.Installed}");
            Assert.Contains(numbers, number => cluster[number].Log.Any(line => line.Contains(expected, StringComparison.Ordinal)));
            return;
        }
        (long epoch, NodeSet members) = (long.Parse(expected.Split(':')[0], CultureInfo.InvariantCulture), NodeSet.Of([.. expected.Split(':')[1].Select(static digit => digit - '0')]));
        cluster.Until(Formed, seconds: 12);
        ClusterView formed = numbers.Select(number => cluster[number].Core.Installed).OfType<ClusterView>().First();
        Assert.Equal((epoch, members), (formed.Epoch.Value, formed.Nodes));
        // Every one of it has it on its disk, none has more, and it was formed by those alone.
        cluster.UntilInstalled([.. members.Select(static node => node.Value)]);
        foreach (NodeId node in members)
        {
            Assert.Equal(formed.Id, cluster.Disk(node.Value).InForceId);
            Assert.Empty(cluster.Disk(node.Value).Pending);
            Assert.Equal((cluster[node.Value].Core.Incarnation, cluster.Disk(node.Value).StoreId), (formed.Find(node).Incarnation, formed.Find(node).StoreId));
        }
    }

    private static SteppedCluster Written(string views, string disks, Func<ProtocolOptions, ProtocolOptions> change)
    {
        string[] each = disks.Split(' ');
        var cluster = new SteppedCluster(each.Length, options => change(options) with { DiscoveryTime = TimeSpan.FromSeconds(1) });
        Dictionary<char, ClusterView> known = Views(views, cluster, cluster.OptionsOf(1).Rule);
        foreach (string disk in each)
        {
            int number = disk[0] - '0';
            string what = disk[2..];
            StoredState state = StoredState.Empty(what == "new" ? 9000 + number : 1000 + number) with { Incarnation = new Incarnation(3) };
            if (what.Length > 0 && what != "new")
            {
                string[] parts = what.Split('^', '~')[0].Split('+');
                if (parts[0].Length > 0) state = state.WithInForce(known[parts[0][0]]) with { HighestEpochPersisted = known[parts[0][0]].Epoch };
                ImmutableArray<ClusterView> pending = [.. parts.Skip(1).Select(letter => known[letter[0]])];
                foreach (ClusterView view in pending) state = state.WithPending(view);
                if (what.Split('~') is [_, var heard]) state = state with { HighestEpochSeen = new Epoch(long.Parse(heard, CultureInfo.InvariantCulture)) };
                if (what.Split('^') is [_, var wrote]) state = state with { HighestEpochSeen = new Epoch(long.Parse(wrote, CultureInfo.InvariantCulture)), HighestEpochPersisted = new Epoch(long.Parse(wrote, CultureInfo.InvariantCulture)) };
            }
            cluster.Write(number, state);
            cluster.Restart(number);
        }
        return cluster;
    }

    private static Dictionary<char, ClusterView> Views(string text, SteppedCluster cluster, QuorumRule rule)
    {
        var views = new Dictionary<char, ClusterView>();
        foreach (string view in text.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] parts = view[2..].Split(':', '<');
            var epoch = new Epoch(long.Parse(parts[0], CultureInfo.InvariantCulture));
            Epoch from = parts.Length > 2 ? new Epoch(long.Parse(parts[2], CultureInfo.InvariantCulture)) : Epoch.None;
            views[view[0]] = new ClusterView(epoch, parts[1].Select(static digit => new ClusterMember(new NodeId(digit - '0'), new Incarnation(3), 1, 1000 + digit - '0')), rule, cluster.OptionsOf(1).Timing, baseEpoch: from);
        }
        return views;
    }
}
