// How the tests start it, all as --name=value.
using System.Globalization;

namespace LiveSilo;

internal sealed class SiloArguments
{
    private readonly Dictionary<string, string> _values;

    public SiloArguments(string[] arguments)
        => _values = arguments.Select(static argument => argument.TrimStart('-').Split('=', 2)).ToDictionary(static pair => pair[0], static pair => pair.Length > 1 ? pair[1] : "true");

    /// <summary>silo or client.</summary>
    public string Role => this["role", "silo"];

    /// <summary>regroup, or development: the framework's own, with silo 1 as its primary.</summary>
    public string Clustering => this["clustering", "regroup"];

    public int Node => Number("node", 1);

    /// <summary>Ports by node: membership, silo, gateway, directory.</summary>
    public int[] Membership => Ports("membership");

    public int[] Silos => Ports("silos");

    public int[] Gateways => Ports("gateways");

    public int[] Directories => Ports("directories");

    public string Store => this["store", ""];

    public string EffectFile => this["effects", "/dev/null"];

    public string Preset => this["preset", "Default"];

    public bool CrashEvidence => _values.ContainsKey("crash-evidence");

    public bool Guard => !_values.ContainsKey("no-guard");

    /// <summary>The framework's own detection tuned as hard as it goes.</summary>
    public bool Tuned => _values.ContainsKey("tuned");

    /// <summary>The witness' kind and what it is reached by, e.g. <c>scsi,127.0.0.1:3260,iqn...,1</c>; empty for none.</summary>
    public string[] Arbiter => this["arbiter", ""].Split(',', StringSplitOptions.RemoveEmptyEntries);

    public string Identity => string.Create(CultureInfo.InvariantCulture, $"{Node}.{Environment.ProcessId}");

    private int[] Ports(string name) => [.. this[name, ""].Split(',', StringSplitOptions.RemoveEmptyEntries).Select(static port => int.Parse(port, CultureInfo.InvariantCulture))];

    private int Number(string name, int otherwise) => int.Parse(this[name, otherwise.ToString(CultureInfo.InvariantCulture)], CultureInfo.InvariantCulture);

    private string this[string name, string otherwise] => _values.GetValueOrDefault(name, otherwise);
}
