// What one silo is told: its number, everybody's ports, where files go, and whose membership it uses.
using System.Globalization;

namespace OrleansCluster;

internal sealed record SiloSetting(int Number, SiloPorts Ports, string Directory, string Clustering);

/// <summary>Four ports for each silo: membership, silo, gateway, page.</summary>
internal sealed record SiloPorts(int[] All)
{
    public const int Silos = 3;

    public int Membership(int silo) => All[silo - 1];

    public int Silo(int silo) => All[Silos + silo - 1];

    public int Gateway(int silo) => All[2 * Silos + silo - 1];

    public int Page(int silo) => All[3 * Silos + silo - 1];

    public static SiloPorts Parse(string text) => new([.. text.Split(',').Select(static port => int.Parse(port, CultureInfo.InvariantCulture))]);

    public override string ToString() => string.Join(',', All);
}
