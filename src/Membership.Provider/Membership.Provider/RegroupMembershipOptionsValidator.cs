// Checks the options once, at host start. What the engine can judge, its own validator judges; this adds what only
// the host's side knows. Every failure says what, which value, and what to do.
using System.Globalization;
using System.Net;
using Membership.Engine.Arbitration;
using Membership.Engine.Runtime;
using Membership.Engine.Transport;
using Membership.Engine.Wire;
using Membership.Provider.Control;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Membership.Provider;

internal sealed class RegroupMembershipOptionsValidator(IServiceProvider provider) : IValidateOptions<RegroupMembershipOptions>
{
    public ValidateOptionsResult Validate(string? name, RegroupMembershipOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var failures = new List<string>();
        bool hasArbiter = provider.GetKeyedService<ArbiterRegistration>(string.IsNullOrEmpty(name) ? null : name) is not null;
        WitnessFileOptions? witness = hasArbiter ? null : NodeOptionsMapping.ToWitnessFile(options);
        CheckEngine(options, hasArbiter || witness is not null, failures);
        if (witness is not null)
        {
            failures.AddRange(witness.Validate());
            if (!options.WitnessFile.AllowSeveralAddresses) CheckOneMachine(options, failures);
        }
        CheckHost(options, failures);
        return failures.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }

    private static void CheckEngine(RegroupMembershipOptions options, bool hasArbiter, List<string> failures)
    {
        KeyRing? keys = null;
        bool keysAreBad = false;
        try
        {
            keys = NodeOptionsMapping.ToKeyRing(options);
        }
        catch (ArgumentException bad)
        {
            keysAreBad = true;
            failures.Add($"Keys: {bad.Message}");
        }
        MembershipNodeOptions node = NodeOptionsMapping.ToNodeOptions(options, keys);
        // Bad keys are no missing keys: that failure is listed already.
        failures.AddRange((keysAreBad ? node with { AllowPlainText = true } : node).Validate(hasArbiter));
    }

    /// <summary>A directory is no witness between machines: each would own its own.</summary>
    private static void CheckOneMachine(RegroupMembershipOptions options, List<string> failures)
    {
        (int Number, string Host)[] hosts = [.. options.Nodes.Where(static node => node.Endpoints is { Count: > 0 }).Select(static node => (node.Number, HostOf(node.Endpoints[0])))];
        (int Number, string Host) other = hosts.FirstOrDefault(node => node.Host != hosts[0].Host);
        if (other.Host is null) return;
        failures.Add(Text($"WitnessFile.Directory is '{options.WitnessFile.Directory}', and node {hosts[0].Number} is at '{hosts[0].Host}' but node {other.Number} at '{other.Host}': on separate machines each would own a witness of its own and both would live. Use a SCSI reservation, a file share or a blob lease, or set WitnessFile.AllowSeveralAddresses if all these addresses are of one machine (containers, network namespaces)."));
    }

    /// <summary>All loopback addresses are the same one; what cannot be read the engine's validator refuses.</summary>
    private static string HostOf(string endpoint)
    {
        if (!NodeEndpoint.TryParse(endpoint, out NodeEndpoint parsed, out _)) return "";
        bool loopback = parsed.Host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || (IPAddress.TryParse(parsed.Host, out IPAddress? address) && IPAddress.IsLoopback(address));
        return loopback ? "localhost" : parsed.Host;
    }

    private static void CheckHost(RegroupMembershipOptions options, List<string> failures)
    {
        if (!Enum.IsDefined(options.Preset))
            failures.Add(Text($"Preset is {(int)options.Preset}: use Default, Lan or Local."));
        if (!Enum.IsDefined(options.OnHalt))
            failures.Add(Text($"OnHalt is {(int)options.OnHalt}: use StopHost, FailFast or Callback."));
        if (options.OnHalt == HaltPolicy.Callback && options.HaltCallback is null)
            failures.Add("OnHalt is Callback but HaltCallback is not set: set it in code, or use StopHost or FailFast.");
        if (options.LeaveTimeout < TimeSpan.Zero || options.LeaveTimeout > TimeSpan.FromMinutes(10))
            failures.Add(Text($"LeaveTimeout is {options.LeaveTimeout}: use 0 (do not leave cleanly) to 10 minutes."));
        if (options.ControlSocket.Path is { } socket && (string.IsNullOrWhiteSpace(socket) || (!OperatingSystem.IsWindows() && (!Path.IsPathFullyQualified(socket) || System.Text.Encoding.UTF8.GetByteCount(socket) > ControlAddress.LongestPath))))
            failures.Add(Text($"ControlSocket.Path is '{socket}': use a full path of at most {ControlAddress.LongestPath} bytes, or leave it out for {ControlAddress.FileName} in StoreDirectory."));
        if (options.MasterStopTime is { } stop && (stop <= TimeSpan.Zero || stop > options.EffectiveTiming.LossPeriod / 2))
            failures.Add(Text($"MasterStopTime is {stop}: use more than zero and at most half of L = R*S*T ({options.EffectiveTiming.LossPeriod}), or leave it out for L/8."));
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
