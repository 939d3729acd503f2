// The options of the SCSI arbiter: which LUN, by which way, and the periods.
using Microsoft.Extensions.Options;

namespace Membership.Arbiters.Scsi;

/// <summary>How ownership is serialised and fenced at the LUN.</summary>
public enum ScsiReservationMode
{
    /// <summary>SCSI-3 persistent reservation, Write Exclusive - Registrants Only. Default; losers are fenced at the disk.</summary>
    Persistent = 0,

    /// <summary>Classic SCSI-2: reserve, reset, wait, reserve. For units without persistent reservations; needs a way to reset the unit.</summary>
    Classic = 1,
}

/// <summary>Options of <see cref="ScsiReservationArbiter"/>. All nodes of a cluster use the same values, except for how they reach the LUN.</summary>
public sealed record ScsiReservationOptions
{
    /// <summary>The section that settings files put these options in: <c>ScsiReservation</c>.</summary>
    public const string SectionName = "ScsiReservation";

    /// <summary>The LUN as a disk of this machine: <c>/dev/disk/by-id/...</c> on Linux, <c>\\.\PhysicalDriveN</c> on Windows. Either this or <see cref="Portal"/>.</summary>
    public string? Device { get; set; }

    /// <summary>host:port of the iSCSI target (default port 3260); the session is the arbiter's own, through libiscsi. Either this or <see cref="Device"/>.</summary>
    public string? Portal { get; set; }

    /// <summary>The target's IQN; with <see cref="Portal"/>.</summary>
    public string? Target { get; set; }

    /// <summary>The logical unit, 0..16383; with <see cref="Portal"/>. Default 0.</summary>
    public int Lun { get; set; }

    /// <summary>This node's own IQN, different on every node; default <c>iqn.2026-11.org.regroup:CLUSTER.NODE</c>.</summary>
    public string? InitiatorName { get; set; }

    /// <summary>CHAP user, if the target asks for one.</summary>
    public string? ChapUser { get; set; }

    /// <summary>CHAP secret.</summary>
    public string? ChapPassword { get; set; }

    /// <summary>The user the target must prove to be (mutual CHAP); needs <see cref="ChapUser"/>.</summary>
    public string? MutualChapUser { get; set; }

    /// <summary>The secret of <see cref="MutualChapUser"/>.</summary>
    public string? MutualChapPassword { get; set; }

    /// <summary>The unit's identity as <c>CheckAsync</c> or the LUN's own tools show it (e.g. <c>naa.6001405...</c>); another unit is refused. Default: any.</summary>
    public string? ExpectedUnit { get; set; }

    /// <summary>Persistent or classic reservations; default <see cref="ScsiReservationMode.Persistent"/>.</summary>
    public ScsiReservationMode Mode { get; set; }

    /// <summary>Whether commands of a preempted node that are under way are aborted, where the target offers it (PREEMPT AND ABORT); default true.</summary>
    public bool AbortPreempted { get; set; } = true;

    /// <summary>How often the owner refreshes its defence, 50 ms or more and at most half of <see cref="OwnershipPeriod"/>; default 3 s, the classic defence interval.</summary>
    public TimeSpan RenewInterval { get; set; } = TimeSpan.FromSeconds(3);

    /// <summary>How long one claim or renewal holds, 0.5 s..60 s; default 6 s: a challenger watches two intervals and decides within 7 s.</summary>
    public TimeSpan OwnershipPeriod { get; set; } = TimeSpan.FromSeconds(6);

    /// <summary>How long one SCSI command or one login may take before its effect is unknown, 50 ms..30 s and below <see cref="OwnershipPeriod"/>; default 1 s.</summary>
    public TimeSpan CommandTimeout { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>The highest node number there is room for on a blank LUN, 2..1024; default 64, which takes 1.2 MB. A written LUN keeps what it was made with.</summary>
    public int MaxNodes { get; set; } = 64;

    /// <summary>Over iSCSI, a session of its own beside the node's, under the same initiator name: for who only visits. Null for nodes.</summary>
    internal string? Visitor { get; set; }

    /// <summary>Checks the values.</summary>
    /// <returns>Every failure (what, which value, what to do); empty when all is well.</returns>
    public IReadOnlyList<string> Validate()
    {
        var failures = new List<string>();
        void Refuse(bool wrong, string message)
        {
            if (wrong) failures.Add("ScsiReservation." + message);
        }

        bool hasDevice = !string.IsNullOrWhiteSpace(Device), hasPortal = !string.IsNullOrWhiteSpace(Portal);
        Refuse(!hasDevice && !hasPortal, "Device and Portal are both empty: name the disk (Device) or the iSCSI target (Portal, Target, Lun).");
        Refuse(hasDevice && hasPortal, $"Device ('{Device}') and Portal ('{Portal}') are both set: use one way to the LUN.");
        // It is shown wherever the unit is named, and here it might be a credential.
        Refuse(Portal?.Contains('@', StringComparison.Ordinal) ?? false, "Portal has something before an @, which is not repeated here: use host:port alone, with the user in ChapUser and ChapPassword.");
        Refuse(hasPortal && string.IsNullOrWhiteSpace(Target), "Target is empty: name the target's IQN, e.g. iqn.2026-11.example:witness.");
        Refuse(Lun is < 0 or > 16383, $"Lun is {Lun}: use 0 to 16383.");
        Refuse(InitiatorName is not null && !IsIscsiName(InitiatorName), $"InitiatorName is '{InitiatorName}': use a name such as iqn.2026-11.example:node1 (at most 223 characters).");
        Refuse(!string.IsNullOrWhiteSpace(Target) && !IsIscsiName(Target), $"Target is '{Target}': use a name such as iqn.2026-11.example:witness (at most 223 characters).");
        Refuse(ChapUser is null != ChapPassword is null, "ChapUser and ChapPassword belong together: set both or neither.");
        Refuse(MutualChapUser is null != MutualChapPassword is null, "MutualChapUser and MutualChapPassword belong together: set both or neither.");
        Refuse(MutualChapUser is not null && ChapUser is null, "MutualChapUser is set without ChapUser: mutual CHAP needs both directions.");
        Refuse(!Enum.IsDefined(Mode), $"Mode is {Mode}: use Persistent or Classic.");
        Refuse(OwnershipPeriod < TimeSpan.FromMilliseconds(500) || OwnershipPeriod > TimeSpan.FromSeconds(60), $"OwnershipPeriod is {OwnershipPeriod}: use 0.5 s to 60 s (default 6 s).");
        Refuse(RenewInterval < TimeSpan.FromMilliseconds(50) || RenewInterval * 2 > OwnershipPeriod, $"RenewInterval is {RenewInterval}: use 50 ms or more and at most half of OwnershipPeriod ({OwnershipPeriod}), or a single late renewal loses the witness.");
        Refuse(CommandTimeout < TimeSpan.FromMilliseconds(50) || CommandTimeout > TimeSpan.FromSeconds(30) || CommandTimeout >= OwnershipPeriod, $"CommandTimeout is {CommandTimeout}: use 50 ms to 30 s, and less than OwnershipPeriod ({OwnershipPeriod}).");
        Refuse(MaxNodes is < 2 or > Engine.NodeId.MaxValue, $"MaxNodes is {MaxNodes}: use 2 to {Engine.NodeId.MaxValue}.");
        return failures;
    }

    /// <summary>The options without the secrets.</summary>
    /// <returns>The way to the unit.</returns>
    public override string ToString() => Device ?? $"LUN {Lun} of {Target} at {Portal}";

    private static bool IsIscsiName(string name)
        => name.Length is > 4 and <= 223
            && (name.StartsWith("iqn.", StringComparison.Ordinal) || name.StartsWith("eui.", StringComparison.Ordinal) || name.StartsWith("naa.", StringComparison.Ordinal))
            && name.All(static letter => char.IsAsciiLetterOrDigit(letter) || letter is '.' or ':' or '-' or '_');
}

/// <summary>Refuses wrong options when the host starts.</summary>
internal sealed class ScsiReservationOptionsValidator : IValidateOptions<ScsiReservationOptions>
{
    public ValidateOptionsResult Validate(string? name, ScsiReservationOptions options)
        => options.Validate() is { Count: > 0 } failures ? ValidateOptionsResult.Fail(failures) : ValidateOptionsResult.Success;
}
