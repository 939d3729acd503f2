// Everything that judges a change: the simulator's stories, tables and bounds, the seeds that ./test plays and some of each family, and the
// unit tests of the protocol. Left out: what meets real time or other processes, what is random on purpose, and what is about a rule taken out.
using System.Reflection;
using Membership.Engine.Tests.Replication;
using Membership.Engine.Tests.Seeds;
using Membership.Simulator.Scenarios;
using Membership.Simulator.Tests;
using Membership.Simulator.Workload;
using Xunit;
using Xunit.Sdk;
using Xunit.v3;

namespace Membership.Mutation.Worker;

internal static class Cases
{
    private static readonly Type[] Simulated = [typeof(NotificationTableTests), typeof(QuietWaitTests), typeof(GrayTests)];

    /// <summary>Tests of the protocol core stepped by hand that stand elsewhere.</summary>
    private static readonly Type[] Stepped = [typeof(CallbackOrderTests), typeof(JoinAndLeaveTests), typeof(QuorumResourceTests), typeof(CoordinatorDeathTests), typeof(StateMessageTests), typeof(EntrySizeTests), typeof(FarFetchedClaimTests), typeof(LyingMemberTests), typeof(CleanUpReportTests), typeof(ReplacedDiskLeaseTests)];

    /// <summary>The first two numbers are what SeedTests plays.</summary>
    private const int PlainSeeds = 300, MixedSeeds = 60, SeedsOfEachFamily = 25;

    public static IReadOnlyList<Case> All()
    {
        var cases = new List<Case>();
        // Each run of a story by itself: a quick look takes at least the first of every one.
        foreach (string file in Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "scenarios"), "*.txt").Order(StringComparer.Ordinal))
        {
            Scenario scenario = Scenario.Parse(Path.GetFileNameWithoutExtension(file), File.ReadAllLines(file));
            for (int i = 0; i < scenario.PlainSweep; i++) cases.Add(new StoryCase($"story {scenario.Name} +{i}", scenario, i));
        }
        // Short, and every change of behaviour shows in them: where one has been seen first, nobody else need look.
        foreach (string file in Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "transcripts"), "*.txt").Order(StringComparer.Ordinal))
            cases.Add(new TranscriptCase($"transcript {Path.GetFileNameWithoutExtension(file)}", File.ReadAllLines(file)));
        foreach (Type type in Simulated) AddTests(cases, type);
        foreach (Type type in Stepped) AddTests(cases, type);
        foreach (Type type in typeof(CallbackOrderTests).Assembly.GetTypes().Where(static type => type.Namespace == "Membership.Engine.Tests.Protocol").OrderBy(static type => type.Name, StringComparer.Ordinal)) AddTests(cases, type);
        for (int seed = 1; seed <= PlainSeeds; seed++) cases.Add(new SeedCase($"seed {seed}", (ulong)seed, new RunFilter()));
        for (int seed = 1; seed <= MixedSeeds; seed++) cases.Add(new SeedCase($"seed {seed} of two versions", (ulong)seed, new RunFilter { MixedVersions = true }));
        foreach (FaultFocus focus in Enum.GetValues<FaultFocus>())
            for (int seed = 1001; seed <= 1000 + SeedsOfEachFamily; seed++) cases.Add(new SeedCase($"seed {seed} of {focus}", (ulong)seed, new RunFilter { Focus = focus }));
        return cases;
    }

    private static void AddTests(List<Case> cases, Type type)
    {
        foreach (MethodInfo method in type.GetMethods().OrderBy(static method => method.Name, StringComparer.Ordinal))
        {
            if (!method.GetCustomAttributes().Any(static attribute => attribute is IFactAttribute) || method.Name.StartsWith("Without_its_rule", StringComparison.Ordinal)) continue;
            IDataAttribute[] data = [.. method.GetCustomAttributes().OfType<IDataAttribute>()];
            if (data.Length == 0) cases.Add(new TestCase($"{type.Name}.{method.Name}", method, []));
            foreach (IDataAttribute rows in data)
            {
                if (rows is MemberDataAttributeBase { MemberType: null } member) member.MemberType = type;
                IReadOnlyCollection<ITheoryDataRow> all = rows.GetData(method, new DisposalTracker()).AsTask().GetAwaiter().GetResult();
                // A theory that nobody plays would notice nothing, in silence.
                if (all.Count == 0) throw new InvalidOperationException($"{type.Name}.{method.Name} has no rows");
                foreach (ITheoryDataRow row in all)
                    cases.Add(new TestCase($"{type.Name}.{method.Name}({string.Join(", ", row.GetData())})".ReplaceLineEndings(" "), method, row.GetData()));
            }
        }
    }
}
