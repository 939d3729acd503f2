// Where a life of a node records what it did; the harness gives each life its own prefix.
using Microsoft.Extensions.Configuration;

namespace Membership.Testbed.Node;

internal static class Recordings
{
    public const string PrefixKey = "record";

    public static string Serving(IConfiguration configuration) => Serving(Prefix(configuration));

    /// <summary>In which the membership lease was valid at the point of use.</summary>
    public static string Serving(string prefix) => prefix + ".serving";

    public static string MasterServing(IConfiguration configuration) => MasterServing(Prefix(configuration));

    /// <summary>In which master-only work ran and its lease was valid at the point of use.</summary>
    public static string MasterServing(string prefix) => prefix + ".master-serving";

    public static string MasterRunning(IConfiguration configuration) => MasterRunning(Prefix(configuration));

    /// <summary>In which master-only work ran, holds aside, whether it asked its lease or not.</summary>
    public static string MasterRunning(string prefix) => prefix + ".master-running";

    private static string Prefix(IConfiguration configuration)
        => configuration[PrefixKey] ?? throw new InvalidOperationException($"--{PrefixKey} PREFIX is missing: the path that the files of this life begin with.");
}
