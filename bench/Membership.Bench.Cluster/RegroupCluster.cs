// Our side: processes that do nothing but be members, of the very program that the tests of partitions use.
using Membership.Testbed;

namespace Membership.Bench.Cluster;

internal sealed class RegroupCluster : BenchCluster
{
    private static readonly TimeSpan LongestClaim = TimeSpan.FromSeconds(1.5);

    private readonly TestbedCluster _cluster;

    public RegroupCluster(int nodes, TimeSpan clockPeriod, bool crashEvidence, bool traced = false, string? program = null)
        : base(nodes)
        => _cluster = new TestbedCluster(new ClusterPlan
        {
            Nodes = nodes,
            ClockPeriod = clockPeriod,
            CrashEvidence = crashEvidence,
            Recorded = false,
            Traced = traced,
            Program = program,
            // Two cannot outvote one: something has to say which half goes on.
            Witness = nodes == 2 ? WitnessBackend.File : WitnessBackend.None,
            // Loss detection of L is that of the owner's claim, too: what holds longer than L is waited for longer.
            FilePeriod = LongestClaim < clockPeriod * 8 ? LongestClaim : clockPeriod * 8,
        });

    public override string Name => "regroup";

    public override BridgedNetwork Network => _cluster.Network;

    public TimeSpan LossPeriod => _cluster.Plan.LossPeriod;

    public override Task FormAsync(CancellationToken cancellationToken) => _cluster.FormAsync(cancellationToken);

    /// <summary>The newest life of a node.</summary>
    public NodeLife Life(int node) => _cluster[node];

    public override int ProcessOf(int node) => _cluster[node].Id;

    public override ValueTask DisposeAsync() => _cluster.DisposeAsync();

    // Two that lose each other: either may win, whoever was cut off by the bridge.
    protected override bool WitnessChooses(BenchFault fault) => Nodes == 2 && fault is (BenchFault.Cut or BenchFault.OneWay);

    protected override void Send(int node, Signal signal) => _cluster[node].Send(signal);

    // A node that was killed, or that halted because it had lost its place, is started again, as its service manager would.
    protected override async Task ReviveAsync(int node, BenchFault fault, CancellationToken cancellationToken)
    {
        if (fault == BenchFault.Kill) await _cluster[node].WaitForExitAsync(cancellationToken);
        else await _cluster.HaltAsync(_cluster[node], cancellationToken);
        _cluster.Start(node);
    }

    protected override (int[] Members, long At)? LastSaid(int node) => _cluster[node] is { HasExited: false, LastView: { } view } ? ([.. view.Members.Keys], view.ReadAt) : null;
}
