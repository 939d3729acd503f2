// A network namespace of a cluster's own with nothing but loopback in it, so that single ports can be cut: the membership of one silo,
// say, while the silos themselves go on talking. Needs root, iproute2, nftables and util-linux (./test installs them).
using System.Globalization;
using Membership.Testbed;

namespace Membership.Provider.Orleans.Tests.Live;

internal sealed class LoopbackNamespace : IDisposable
{
    private readonly string _name = NetworkNames.NextPrefix() + "silos";

    public LoopbackNamespace()
    {
        SystemTool.Run("ip", ["netns", "add", _name]);
        SystemTool.Run("ip", ["-netns", _name, "link", "set", "lo", "up"]);
    }

    /// <summary>What a program is started with to run in it; the process is the program itself.</summary>
    public IReadOnlyList<string> Enter => ["nsenter", $"--net={NetworkNames.Directory}/{_name}"];

    /// <summary>Nothing comes from or goes to a port any more.</summary>
    public void Cut(int port)
        => SystemTool.Run("nsenter", [.. Enter.Skip(1), "nft", "-f", "-"], string.Create(CultureInfo.InvariantCulture, $$"""
            table inet cut {
              chain in {
                type filter hook input priority 0; policy accept;
                th dport {{port}} drop
                th sport {{port}} drop
              }
            }

            """));

    public void Dispose() => SystemTool.Run("ip", ["netns", "delete", _name]);
}
