// The table of design 7 row by row, and two properties over every pair of role assignments of three nodes:
// applying the sequence to the roles before gives the roles after, and no shorter sequence does.
using Membership.Engine.Protocol;
using Xunit;

namespace Membership.Engine.Tests.Protocol;

public sealed class ChangeNotificationTests
{
    [Trait("Category", "Seeds")]
    [Theory]
    [InlineData("- -", "M -", "MasterElected(1)")]
    [InlineData("M -", "M V", "ViceMasterElected(2)")]
    [InlineData("M -", "M I", "MemberJoined(2)")]
    [InlineData("M I", "M V", "ViceMasterElected(2)")]
    [InlineData("M V", "M -", "MemberLeft(2)")]
    [InlineData("M V", "M D", "ViceMasterDemoted(2)")]
    [InlineData("M I", "M -", "MemberLeft(2)")]
    [InlineData("M V", "V M", "MasterElected(2) ViceMasterElected(1)")]
    [InlineData("M V", "- M", "MasterElected(2) MemberLeft(1)")]
    [InlineData("M V", "D M", "MasterElected(2) MasterDemoted(1)")]
    [InlineData("M I", "D I", "MasterDemoted(1)")]
    public void Each_row_of_the_table_gives_its_notifications(string before, string after, string notifications)
    {
        var list = new List<ClusterChangeNotification>();
        ChangeNotifications.Append(list, Parse(before), Parse(after));
        Assert.Equal(notifications, string.Join(" ", list));
    }

    [Trait("Category", "Seeds")]
    [Fact]
    public void Applying_the_sequence_gives_the_roles_after_and_no_shorter_one_does()
    {
        int pairs = 0;
        List<string> all = [.. from a in "-IDMV" from b in "-IDMV" from c in "-IDMV" select $"{a} {b} {c}"];
        List<string> states = [.. all.Where(static state => state.Count(static role => role == 'M') <= 1 && state.Count(static role => role == 'V') <= 1
            && (state.Contains('M', StringComparison.Ordinal) || !state.Contains('V', StringComparison.Ordinal)))];
        foreach (string before in states.Where(static state => !state.Contains('D', StringComparison.Ordinal)))
        {
            foreach (string after in states)
            {
                (MemberRoles from, MemberRoles to) = (Parse(before), Parse(after));
                // Who holds a role gives it up only to somebody else, by leaving, or by being disqualified; a disqualification of a plain
                // member is no change of roles.
                if (!Possible(before, after)) continue;
                pairs++;
                var list = new List<ClusterChangeNotification>();
                ChangeNotifications.Append(list, from, to);
                string start = before, end = Marked(before, after);
                Assert.Equal(end, list.Aggregate(start, Apply));
                Assert.Equal(Shortest(start, end), list.Count);
            }
        }
        Assert.True(pairs > 300, $"only {pairs} pairs");
    }

    private static bool Possible(string before, string after)
    {
        for (int i = 0; i < 5; i += 2)
        {
            bool hadRole = before[i] is 'M' or 'V';
            if (after[i] == 'D' && !hadRole) return false;
            if (before[i] == 'M' && after[i] == 'I' && !after.Contains('M', StringComparison.Ordinal)) return false;
            if (before[i] == 'V' && after[i] == 'I' && !after.Contains('V', StringComparison.Ordinal)) return false;
        }
        return true;
    }

    // A former holder that was disqualified is told apart from one that only quit: the demotion must be said.
    private static string Marked(string before, string after)
    {
        char[] roles = after.ToCharArray();
        for (int i = 0; i < 5; i += 2)
            if (roles[i] == 'D' && before[i] is not ('M' or 'V')) roles[i] = 'I';
        return new string(roles);
    }

    /// <summary>What a listener concludes from one notification.</summary>
    private static string Apply(string state, ClusterChangeNotification notification)
    {
        char[] roles = state.ToCharArray();
        int place = 2 * (notification.Node.Value - 1);
        char role = notification.Change switch
        {
            ClusterChange.MasterElected => 'M',
            ClusterChange.ViceMasterElected => 'V',
            ClusterChange.MemberJoined => 'I',
            ClusterChange.MemberLeft => '-',
            _ => 'D',
        };
        if (role is 'M' or 'V')
            for (int i = 0; i < 5; i += 2)
                if (roles[i] == role) roles[i] = 'I';
        roles[place] = role;
        return new string(roles);
    }

    private static int Shortest(string start, string end)
    {
        var steps = new Dictionary<string, int> { [start] = 0 };
        var queue = new Queue<string>([start]);
        ClusterChange[] changes = [ClusterChange.MasterElected, ClusterChange.ViceMasterElected, ClusterChange.MemberJoined, ClusterChange.MemberLeft, ClusterChange.MasterDemoted, ClusterChange.ViceMasterDemoted];
        while (queue.TryDequeue(out string? state))
        {
            if (state == end) return steps[state];
            foreach (ClusterChange change in changes)
                for (int node = 1; node <= 3; node++)
                {
                    char role = state[2 * (node - 1)];
                    if (change == ClusterChange.MemberJoined && role != '-') continue;
                    if (change == ClusterChange.MemberLeft && role == '-') continue;
                    if (change is ClusterChange.MasterDemoted or ClusterChange.ViceMasterDemoted && role == '-') continue;
                    string next = Apply(state, new ClusterChangeNotification(change, new NodeId(node)));
                    if (steps.TryAdd(next, steps[state] + 1)) queue.Enqueue(next);
                }
        }
        throw new InvalidOperationException($"{end} cannot be reached from {start}");
    }

    private static MemberRoles Parse(string text)
    {
        string[] roles = text.Split(' ');
        NodeSet Having(string which) => NodeSet.From(Enumerable.Range(0, roles.Length).Where(i => which.Contains(roles[i], StringComparison.Ordinal)).Select(static i => new NodeId(i + 1)));
        return new MemberRoles(Having("MVID"), Having("M").Lowest, Having("V").Lowest, Having("D"));
    }
}
