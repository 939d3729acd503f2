// Roles (design 7), by the checker's own account: never two masters with valid leases; nobody is elected while another living
// member's master work goes on; and what each process is told adds up to the roles of the view it has installed, the same for all,
// a second cluster (an operator's forced forming) included: its masters are none of this one's.
using Membership.Engine;
using Membership.Engine.Protocol;
using Membership.Simulator.World;

namespace Membership.Simulator.Checkers;

internal sealed class RoleChecker(ClusterWorld world, ViewChainChecker chain)
{
    private readonly Dictionary<SimProcess, Account> _accounts = [];
    private readonly Dictionary<ViewId, List<ClusterChangeNotification>> _told = [];
    private readonly Dictionary<ViewId, SimProcess> _toldFirst = [];

    /// <summary>One process' roles as its notifications say, and what it does as master.</summary>
    private sealed class Account
    {
        public Incarnation Life;
        public bool Begun;
        public NodeSet Members;
        public NodeId Master;
        public NodeId Vice;
        public ViewId View;
        public int CountInView;
        public ClusterView? Installed;
        public Epoch ServesIn;
        public long ServesUntil;
        public bool Works;
    }

    public void LeasePublished(SimProcess process, in LeaseState lease)
    {
        Account account = Of(process);
        bool valid = !lease.Held && lease.ValidUntil > process.LocalNow;
        if (!valid || process.Core.InForce is not { } view || view.Epoch != lease.Epoch || view.Master.Value != process.Number)
        {
            account.ServesUntil = 0;
            return;
        }
        account.ServesIn = view.Epoch;
        account.ServesUntil = process.Node.Clock.FirstInstantAt(lease.ValidUntil);
        foreach ((SimProcess other, Account theirs) in _accounts)
        {
            if (other == process || theirs.ServesUntil <= world.Now || !other.Alive || !chain.SameChain(theirs.ServesIn, view.Epoch)) continue;
            world.Violate("two-masters", $"node {process.Number} is master with a valid lease in epoch {view.Epoch} while node {other.Number} is it in epoch {theirs.ServesIn} for another {(theirs.ServesUntil - world.Now) / 1e4:F1} ms.");
        }
    }

    public void ViewInForce(SimProcess process, ClusterView view)
    {
        Account account = Of(process);
        if (view.Master.Value != process.Number) account.ServesUntil = 0;
        if (view.Master.IsValid && view.Disqualified.Contains(view.Master)) world.Violate("roles", $"{view} has the disqualified node {view.Master} as its master.");
        if (view.Master.IsValid && !view.Contains(view.Master)) world.Violate("roles", $"{view} has node {view.Master} as its master, which is no member.");
        // Whoever is late to an older view gets no lease in it.
        if (chain.NewestInChainOf(view.Epoch) is { } newest && newest.Epoch > view.Epoch) return;
        foreach ((SimProcess other, Account theirs) in _accounts)
        {
            if (!theirs.Works || !other.Alive || other.Node.Process != other || !view.Master.IsValid || view.Master.Value == other.Number) continue;
            if (view.Contains(new NodeId(other.Number), other.Incarnation))
                world.Violate("handover", $"{view} with master {view.Master} comes into force at node {process.Number} while the master-only work of node {other.Number} goes on.");
        }
    }

    public void ViewInstalled(SimProcess process, ClusterView view)
    {
        Account account = Of(process);
        CheckSum(process, account);
        account.Installed = view;
        if (view.Master.Value == process.Number) account.Works = true;
    }

    /// <summary>The callback that stops the master-only work has returned.</summary>
    public void HandedOver(SimProcess process) => Of(process).Works = false;

    public void Notified(SimProcess process, ClusterChangeNotification change, ViewId viewId)
    {
        if (change.Change is ClusterChange.StaleCluster or ClusterChange.ValidState) return;
        Account account = Of(process);
        if (!account.Begun) Begin(process, account, viewId);
        if (account.View != viewId)
        {
            CheckCount(process, account);
            account.View = viewId;
            account.CountInView = 0;
        }
        if (!_told.TryGetValue(viewId, out List<ClusterChangeNotification>? told)) _told.Add(viewId, told = []);
        if (account.CountInView == told.Count)
        {
            // A view is told in one go: whoever is told more than the first one was is told something else.
            if (change.Change != ClusterChange.InvalidCluster && told.Count > 0 && _toldFirst[viewId] != process)
                world.Violate("notifications", $"node {process.Number} is told {change} about epoch {viewId.Epoch} beside what others were told, {string.Join(" ", told)}.");
            _toldFirst.TryAdd(viewId, process);
            told.Add(change);
        }
        else if (told[account.CountInView] != change)
            world.Violate("notifications", $"node {process.Number} is told {change} as number {account.CountInView + 1} about epoch {viewId.Epoch}, where others were told {told[account.CountInView]}.");
        account.CountInView++;
        if (change.Change != ClusterChange.InvalidCluster) Apply(account, change, process);
    }

    public void Left(SimProcess process)
    {
        if (_accounts.TryGetValue(process, out Account? account)) CheckSum(process, account);
        _accounts.Remove(process);
    }

    /// <summary>Whoever was let into a view starts from the one before; whoever formed starts from nothing.</summary>
    private void Begin(SimProcess process, Account account, ViewId viewId)
    {
        account.Begun = true;
        ClusterView? first = chain.Find(viewId);
        if (first is null)
        {
            world.Violate("notifications", $"node {process.Number} is told about a view of epoch {viewId.Epoch} that is in force nowhere.");
            return;
        }
        // Who was let in is not in the view before. Formers may be: only the disk of a voter outside it took it as being in force.
        if (chain.Find(first.BaseEpoch) is not { } before || before.Contains(new NodeId(process.Number), process.Incarnation)) return;
        foreach (ClusterMember member in before.Members)
            if (!first.Contains(member.Node, member.Incarnation)) return;
        (account.Members, account.Master, account.Vice) = (before.Nodes, before.Master, before.ViceMaster);
    }

    private void Apply(Account account, ClusterChangeNotification change, SimProcess process)
    {
        NodeId node = change.Node;
        bool possible = node.IsValid && change.Change switch
        {
            ClusterChange.MemberJoined => !account.Members.Contains(node),
            ClusterChange.MasterDemoted or ClusterChange.ViceMasterDemoted => account.Members.Contains(node),
            ClusterChange.MemberLeft => account.Members.Contains(node),
            _ => true,
        };
        if (!possible) world.Violate("notifications", $"node {process.Number} is told {change}, but by what it was told before the members are {account.Members}, master {account.Master}, vice-master {account.Vice}.");
        switch (change.Change)
        {
            case ClusterChange.MasterElected:
                account.Members = account.Members.With(node);
                account.Master = node;
                if (account.Vice == node) account.Vice = default;
                break;
            case ClusterChange.ViceMasterElected:
                account.Members = account.Members.With(node);
                account.Vice = node;
                if (account.Master == node) account.Master = default;
                break;
            case ClusterChange.MemberJoined:
                account.Members = account.Members.With(node);
                break;
            case ClusterChange.MemberLeft:
                account.Members = account.Members.Without(node);
                if (account.Master == node) account.Master = default;
                if (account.Vice == node) account.Vice = default;
                break;
            case ClusterChange.MasterDemoted when account.Master == node:
                account.Master = default;
                break;
            case ClusterChange.ViceMasterDemoted when account.Vice == node:
                account.Vice = default;
                break;
        }
    }

    // Looked at before the next installation: by then everything about the last one was told.
    private void CheckSum(SimProcess process, Account account)
    {
        if (account.Installed is not { IsHandover: false } view) return;
        if (account.Members == view.Nodes && account.Master == view.Master && account.Vice == view.ViceMaster) return;
        world.Violate("notifications", $"what node {process.Number} was told adds up to {account.Members}, master {account.Master}, vice-master {account.Vice}; "
            + $"it has installed {view}, master {view.Master}, vice-master {view.ViceMaster}.");
    }

    // What others were told before this one left the view behind, a second cluster apart.
    private void CheckCount(SimProcess process, Account account)
    {
        if (!_told.TryGetValue(account.View, out List<ClusterChangeNotification>? told)) return;
        for (int i = account.CountInView; i < told.Count; i++)
            if (told[i].Change != ClusterChange.InvalidCluster)
                world.Violate("notifications", $"node {process.Number} is not told {told[i]} about epoch {account.View.Epoch}, which others were told.");
    }

    private Account Of(SimProcess process)
    {
        if (_accounts.TryGetValue(process, out Account? account) && (account.Life == process.Incarnation || account.Installed is not null)) return account;
        _accounts[process] = account = new Account { Life = process.Incarnation };
        return account;
    }
}
