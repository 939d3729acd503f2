// The names of the namespaces of one network: they carry the id of the process that made them, so that whoever comes next
// can tell what a dead one left behind, and removes exactly that.
using System.Globalization;

namespace Membership.Testbed;

internal static class NetworkNames
{
    public const string Directory = "/run/netns";

    private const string Mark = "regroup-";
    private static int _networks;

    /// <summary>A prefix that no other network has: <c>regroup-PID-COUNT-</c>.</summary>
    public static string NextPrefix()
        => string.Create(CultureInfo.InvariantCulture, $"{Mark}{Environment.ProcessId}-{Interlocked.Increment(ref _networks)}-");

    /// <summary>The namespaces that dead processes left behind, and those that a former process of this id did.</summary>
    public static IEnumerable<string> Stale(IEnumerable<string> namespaces, Func<int, bool> isAlive, bool ownToo)
        => namespaces.Where(name => OwnerOf(name) is { } owner && (owner == Environment.ProcessId ? ownToo : !isAlive(owner)));

    /// <summary>The process that made a namespace of the testbed, or null for anybody else's.</summary>
    public static int? OwnerOf(string name)
        => name.StartsWith(Mark, StringComparison.Ordinal) && name.Split('-') is { Length: >= 4 } words && int.TryParse(words[1], NumberStyles.None, CultureInfo.InvariantCulture, out int id) ? id : null;
}
