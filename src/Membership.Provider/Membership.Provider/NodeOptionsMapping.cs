// From what a host writes down to what the engine runs on. Nothing is judged here.
using Membership.Engine;
using Membership.Engine.Arbitration;
using Membership.Engine.Runtime;
using Membership.Engine.Wire;

namespace Membership.Provider;

internal static class NodeOptionsMapping
{
    /// <summary>The configured keys, or null when there are none.</summary>
    /// <exception cref="ArgumentException">A key is not base64 of 32 bytes, or there are too many.</exception>
    public static KeyRing? ToKeyRing(RegroupMembershipOptions options)
        => options.Keys.Count > 0 ? KeyRing.FromBase64(options.Keys[0], options.Keys.Skip(1)) : null;

    public static MembershipNodeOptions ToNodeOptions(RegroupMembershipOptions options, KeyRing? keys) => new()
    {
        ClusterId = options.ClusterId,
        Self = options.Self,
        Nodes = [.. options.Nodes.Select(static node => new MembershipNodeAddress(node.Number, [.. node.Endpoints], node.Votes))],
        LocalEndpoints = [.. options.LocalEndpoints],
        StoreDirectory = options.StoreDirectory,
        Timing = options.EffectiveTiming,
        ClockRateBound = options.ClockRateBound,
        RoundTrip = options.RoundTrip,
        Policy = options.Policy,
        TieBreaker = options.TieBreaker,
        WitnessPinned = options.WitnessPinned,
        AllowTwoNodesWithoutTieBreaker = options.AllowTwoNodesWithoutTieBreaker,
        Bootstrap = options.Bootstrap,
        CrashEvidence = options.CrashEvidence,
        Keys = keys,
        AllowPlainText = options.AllowPlainText,
        ArbitrationTimeout = options.ArbitrationTimeout,
        ArbitrationEqualizer = options.ArbitrationEqualizer,
        DiscoveryTime = options.DiscoveryTime,
        JoinTimeout = options.JoinTimeout,
        CallbackLimit = options.CallbackLimit,
        Quarantine = new QuarantineOptions
        {
            After = options.Quarantine.After ?? QuarantineOptions.Default.After,
            Window = options.Quarantine.Window ?? QuarantineOptions.Default.Window,
            Time = options.Quarantine.Time ?? QuarantineOptions.Default.Time,
            Limit = options.Quarantine.Limit ?? QuarantineOptions.Default.Limit,
        },
        Qualified = options.Qualified,
        MembershipFrameInterval = options.MembershipFrameInterval,
        StaleAfter = options.StaleAfter,
        NotificationQueueLength = options.NotificationQueueLength,
    };

    /// <summary>The configured witness file, or null.</summary>
    public static WitnessFileOptions? ToWitnessFile(RegroupMembershipOptions options)
    {
        if (options.WitnessFile.Directory is not { } directory) return null;
        var witness = new WitnessFileOptions { Directory = directory };
        return witness with
        {
            OwnershipPeriod = options.WitnessFile.OwnershipPeriod ?? witness.OwnershipPeriod,
            RenewInterval = options.WitnessFile.RenewInterval ?? witness.RenewInterval,
        };
    }
}
