// Real nodes behind the header's own functions, with callbacks that record what they were called with.
using Membership.Engine.Compat;
using Membership.Engine.Runtime;
using Membership.Engine.Tests.Runtime;

namespace Membership.Engine.Tests.Seeds;

internal sealed class HeaderCluster(int count, Func<MembershipNodeOptions, MembershipNodeOptions>? change = null) : IAsyncDisposable
{
    public static readonly MembershipManagerCallbacks NoCallbacks = new(null, null, null, null, null, null, null, null, null);

    private readonly Dictionary<uint, ClusterMembershipManager> _managers = [];
    private readonly Dictionary<uint, List<string>> _calls = [];

    public LocalCluster Local { get; } = new(count, change);

    public ClusterMembershipManager this[uint number] => _managers[number];

    public static async Task<HeaderCluster> FormedAsync(int count, Func<MembershipNodeOptions, MembershipNodeOptions>? change = null)
    {
        var cluster = new HeaderCluster(count, change);
        for (uint number = 1; number <= count; number++) _ = cluster.Init(number).Petition();
        await cluster.Local.AllSeeAsync([.. Enumerable.Range(1, count)]);
        return cluster;
    }

    public ClusterMembershipManager Init(uint number, Action<string>? called = null, MMQuorumSelect? select = null)
    {
        var calls = _calls[number] = [];
        void Add(string call)
        {
            lock (calls) calls.Add(call);
            called?.Invoke(call);
        }

        var manager = new ClusterMembershipManager(Local.OptionsOf((int)number));
        uint status = manager.MMInit(number, 16, new MembershipManagerCallbacks(
            (node, up) =>
            {
                Add($"change {node} {up}");
                return 0;
            },
            select, () => Add("hold"), () => Add("resume"), node => Add($"cleanup1 {node}"), nodes => Add($"cleanup2 {nodes}"), code => Add($"halt {code}"),
            () => Add("join failed"),
            nodes =>
            {
                Add($"down {nodes}");
                return 0;
            }));
        if (status != MembershipManagerCodes.MM_OK) throw new InvalidOperationException($"MMInit said {status}.");
        Local.Nodes[number - 1] = manager.Node!;
        return _managers[number] = manager;
    }

    public List<string> Calls(uint number)
    {
        lock (_calls[number]) return [.. _calls[number]];
    }

    public Task EventuallyAsync(Func<bool> condition) => Local.EventuallyAsync(condition);

    public async ValueTask DisposeAsync()
    {
        foreach (ClusterMembershipManager manager in _managers.Values) await manager.DisposeAsync();
        await Local.DisposeAsync();
    }
}
