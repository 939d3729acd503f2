// What came back for a command: status, data, sense. Parsing is total: any bytes give an answer, never an exception.
namespace Membership.Arbiters.Scsi.Commands;

/// <summary>SAM status codes.</summary>
internal enum ScsiStatus : byte
{
    Good = 0x00,
    CheckCondition = 0x02,
    ConditionMet = 0x04,
    Busy = 0x08,
    ReservationConflict = 0x18,
    TaskSetFull = 0x28,
    AcaActive = 0x30,
    TaskAborted = 0x40,
}

/// <summary>Sense keys of interest.</summary>
internal enum SenseKey : byte
{
    NoSense = 0x0,
    RecoveredError = 0x1,
    NotReady = 0x2,
    MediumError = 0x3,
    HardwareError = 0x4,
    IllegalRequest = 0x5,
    UnitAttention = 0x6,
    DataProtect = 0x7,
    BlankCheck = 0x8,
    VendorSpecific = 0x9,
    CopyAborted = 0xa,
    AbortedCommand = 0xb,
    VolumeOverflow = 0xd,
    Miscompare = 0xe,
    Completed = 0xf,
}

/// <summary>Decoded sense data.</summary>
/// <param name="Key">The sense key; NoSense when there is none.</param>
/// <param name="Code">Additional sense code.</param>
/// <param name="Qualifier">Its qualifier.</param>
internal readonly record struct SenseData(SenseKey Key, byte Code, byte Qualifier)
{
    /// <summary>Decodes fixed (70h, 71h) and descriptor (72h, 73h) format.</summary>
    /// <param name="sense">Any bytes.</param>
    /// <returns>No sense when the bytes are of neither format; missing bytes count as zero.</returns>
    public static SenseData Parse(ReadOnlySpan<byte> sense)
    {
        byte At(ReadOnlySpan<byte> bytes, int index) => index < bytes.Length ? bytes[index] : (byte)0;
        return (At(sense, 0) & 0x7f) switch
        {
            0x70 or 0x71 => new SenseData((SenseKey)(At(sense, 2) & 0x0f), At(sense, 12), At(sense, 13)),
            0x72 or 0x73 => new SenseData((SenseKey)(At(sense, 1) & 0x0f), At(sense, 2), At(sense, 3)),
            _ => default,
        };
    }

    /// <summary>A reset (29h) or the loss of reservations or registrations (2Ah/03h..05h): what was known about them must be read again.</summary>
    public bool TellsOfLostReservations => Key == SenseKey.UnitAttention && (Code == 0x29 || (Code == 0x2a && Qualifier is >= 0x03 and <= 0x05));

    /// <summary>The device does not know the command or a field of it.</summary>
    public bool IsUnsupported => Key == SenseKey.IllegalRequest && Code is 0x20 or 0x24 or 0x26;

    /// <summary>There is no such logical unit.</summary>
    public bool IsNoSuchUnit => Key == SenseKey.IllegalRequest && Code == 0x25;

    /// <summary>E.g. <c>UnitAttention 29h/00h</c>.</summary>
    public override string ToString() => $"{Key} {Code:x2}h/{Qualifier:x2}h";
}

/// <summary>The answer to a command.</summary>
internal readonly record struct ScsiReply(ScsiStatus Status, byte[] Data, SenseData Sense)
{
    public bool IsGood => Status is ScsiStatus.Good or ScsiStatus.ConditionMet || (Status == ScsiStatus.CheckCondition && Sense.Key == SenseKey.RecoveredError);

    public bool IsConflict => Status == ScsiStatus.ReservationConflict;

    /// <summary>Not now, but maybe soon.</summary>
    public bool IsTransient => Status is ScsiStatus.Busy or ScsiStatus.TaskSetFull or ScsiStatus.TaskAborted
        || (Status == ScsiStatus.CheckCondition && Sense.Key is SenseKey.UnitAttention or SenseKey.AbortedCommand);

    public override string ToString() => Status == ScsiStatus.CheckCondition ? $"check condition, {Sense}" : Status.ToString();
}
