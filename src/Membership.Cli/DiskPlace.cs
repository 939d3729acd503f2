// A LUN as a witness. It has room for one witness only, so a contest is held on it itself, and only when nobody uses it: no key is
// registered, nothing is reserved, and no claim in its record moves for as long as a claim holds.
using System.Collections.Immutable;
using Membership.Arbiters.Scsi;
using Membership.Arbiters.Scsi.Transports;
using Membership.Engine;
using Membership.Engine.Arbitration;

namespace Membership.Cli;

/// <param name="options">The LUN, as the first party reaches it.</param>
/// <param name="other">The same, as the second party reaches it, who must be another nexus to the target.</param>
internal sealed class DiskPlace(ScsiReservationOptions options, ScsiReservationOptions other) : WitnessPlace("SCSI reservation", options.Validate(), options.OwnershipPeriod)
{
    /// <summary>Its session is not that of the node whose initiator name it has: a target would end that one.</summary>
    private readonly ScsiReservationOptions _visitor = options with { Visitor = "regroupctl" };

    public override bool HasRoomBeside => false;

    public override IQuorumArbiter Make() => new ScsiReservationArbiter(_visitor);

    public override async Task<Arena> OpenAsync(string clusterId, bool inPlace, CancellationToken cancellationToken)
    {
        var party = new ArbiterIdentity(clusterId, new NodeId(1), new Incarnation(1));
        UnitUse use;
        try
        {
            use = await VisitAsync(_visitor, party, static visit => visit.Look());
            if (!inPlace)
            {
                Refuse(use.Users);
                await Task.Delay(use.LongestClaim, cancellationToken);
                Refuse((await VisitAsync(_visitor, party, static visit => visit.Look())).UsersSince(use));
            }
        }
        catch (Exception failure) when (failure is ScsiException or OperationCanceledException && !cancellationToken.IsCancellationRequested)
        {
            throw new NoArenaException(failure.Message);
        }
        if (options.Device is not null && options.Device == other.Device)
            throw new NoArenaException($"this machine is one party only on {options.Device}, and a contest needs two. If the LUN has a second path or is visible here a second time, name it: --other ScsiReservation:Device=...");
        // Two sessions under one initiator name are one and a half to some targets.
        ScsiReservationOptions rival = other.InitiatorName is { } name && name == options.InitiatorName ? other with { InitiatorName = $"{name}-other" } : other;
        bool erase = use.IsBlank || clusterId == WitnessCommands.NoCluster;
        return new Arena(
            erase ? $"on {options} itself, which is blank and nobody uses" : $"on {options} itself, which nobody uses", () => new ScsiReservationArbiter(options), () => new ScsiReservationArbiter(rival),
            erase ? TrialRecord.Written : TrialRecord.Kept, async () => erase ? await VisitAsync(options, party, static visit => visit.Erase()) : null);
    }

    public override async Task<string?> InitializeAsync(ArbiterIdentity identity, CancellationToken cancellationToken)
    {
        await using var arbiter = new ScsiReservationArbiter(options);
        return await arbiter.InitializeAsync(identity, clearReservations: true, cancellationToken);
    }

    private static Task<T> VisitAsync<T>(ScsiReservationOptions unit, ArbiterIdentity visitor, Func<UnitVisit, T> visit) => Task.Run(() =>
    {
        using var there = new UnitVisit(unit, visitor);
        return visit(there);
    });

    private static void Refuse(ImmutableArray<string> users)
    {
        if (users.IsEmpty) return;
        throw new NoArenaException($"it is in use, by {string.Join(", ", users)}, and a LUN has no room beside. Stop all nodes of the cluster and check again; if only registrations of nodes that are stopped are left, add --in-place.");
    }
}
