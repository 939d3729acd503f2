// One command as the standards lay it out: the CDB, what goes out with it and how much may come back. Pure.
using System.Buffers.Binary;

namespace Membership.Arbiters.Scsi.Commands;

/// <summary>PERSISTENT RESERVE IN service actions (SPC-4, 6.15).</summary>
internal enum ReserveInAction : byte
{
    ReadKeys = 0,
    ReadReservation = 1,
    ReportCapabilities = 2,
    ReadFullStatus = 3,
}

/// <summary>PERSISTENT RESERVE OUT service actions (SPC-4, 6.16).</summary>
internal enum ReserveOutAction : byte
{
    Register = 0,
    Reserve = 1,
    Release = 2,
    Clear = 3,
    Preempt = 4,
    PreemptAndAbort = 5,
    RegisterAndIgnoreExistingKey = 6,
}

/// <summary>Persistent reservation types (SPC-4, table 61).</summary>
internal enum ReservationType : byte
{
    None = 0,
    WriteExclusive = 1,
    ExclusiveAccess = 3,
    WriteExclusiveRegistrantsOnly = 5,
    ExclusiveAccessRegistrantsOnly = 6,
    WriteExclusiveAllRegistrants = 7,
    ExclusiveAccessAllRegistrants = 8,
}

/// <summary>A SCSI command.</summary>
/// <param name="Cdb">6, 10 or 16 bytes.</param>
/// <param name="DataOut">What is sent with it; empty for none.</param>
/// <param name="DataInLength">The most that may come back; 0 for nothing.</param>
internal readonly record struct ScsiCommand(byte[] Cdb, byte[] DataOut, int DataInLength)
{
    private const byte ForceUnitAccess = 1 << 3;

    public byte OperationCode => Cdb[0];

    /// <summary>For people.</summary>
    public string Name => OperationCode switch
    {
        0x00 => "TEST UNIT READY",
        0x03 => "REQUEST SENSE",
        0x12 => "INQUIRY",
        0x16 => "RESERVE(6)",
        0x17 => "RELEASE(6)",
        0x1a => "MODE SENSE(6)",
        0x25 or 0x9e => "READ CAPACITY",
        0x28 or 0x88 => "READ",
        0x2a or 0x8a => "WRITE",
        0x35 => "SYNCHRONIZE CACHE",
        0x5e => $"PERSISTENT RESERVE IN ({(ReserveInAction)(Cdb[1] & 0x1f)})",
        0x5f => $"PERSISTENT RESERVE OUT ({(ReserveOutAction)(Cdb[1] & 0x1f)})",
        _ => $"command {OperationCode:x2}h",
    };

    public static ScsiCommand TestUnitReady() => new(new byte[6], [], 0);

    /// <summary>Standard inquiry data, or with <paramref name="page"/> a vital product data page.</summary>
    public static ScsiCommand Inquiry(ushort length, byte? page = null)
    {
        var cdb = new byte[6];
        cdb[0] = 0x12;
        cdb[1] = page is null ? (byte)0 : (byte)1;
        cdb[2] = page ?? 0;
        BinaryPrimitives.WriteUInt16BigEndian(cdb.AsSpan(3), length);
        return new ScsiCommand(cdb, [], length);
    }

    /// <summary>All mode pages, current values; only the header (with the write-protect bit) is of interest here.</summary>
    public static ScsiCommand ModeSense(byte length) => new([0x1a, 0, 0x3f, 0, length, 0], [], length);

    public static ScsiCommand ReadCapacity10() => new([0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0], [], 8);

    public static ScsiCommand ReadCapacity16()
    {
        var cdb = new byte[16];
        cdb[0] = 0x9e;
        cdb[1] = 0x10;
        BinaryPrimitives.WriteUInt32BigEndian(cdb.AsSpan(10), 32);
        return new ScsiCommand(cdb, [], 32);
    }

    /// <summary>READ(10), or READ(16) where the address or the count needs it.</summary>
    public static ScsiCommand Read(long block, int count, int blockSize) => new(Transfer(0x28, block, count, 0), [], checked(count * blockSize));

    /// <summary>WRITE(10), or WRITE(16) where the address or the count needs it.</summary>
    /// <param name="block">The first block.</param>
    /// <param name="data">A whole number of blocks.</param>
    /// <param name="blockSize">Bytes per block.</param>
    /// <param name="forceUnitAccess">Done only when it is on the medium.</param>
    public static ScsiCommand Write(long block, byte[] data, int blockSize, bool forceUnitAccess = false)
    {
        if (data.Length == 0 || data.Length % blockSize != 0)
            throw new ArgumentException($"{data.Length} bytes are no whole number of blocks of {blockSize}.", nameof(data));
        return new ScsiCommand(Transfer(0x2a, block, data.Length / blockSize, forceUnitAccess ? ForceUnitAccess : (byte)0), data, 0);
    }

    /// <summary>SYNCHRONIZE CACHE(10) for the whole unit.</summary>
    public static ScsiCommand SynchronizeCache() => new([0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0], [], 0);

    /// <summary>The classic reservation of the whole unit.</summary>
    public static ScsiCommand Reserve6() => new([0x16, 0, 0, 0, 0, 0], [], 0);

    public static ScsiCommand Release6() => new([0x17, 0, 0, 0, 0, 0], [], 0);

    public static ScsiCommand PersistentReserveIn(ReserveInAction action, ushort length)
    {
        var cdb = new byte[10];
        cdb[0] = 0x5e;
        cdb[1] = (byte)action;
        BinaryPrimitives.WriteUInt16BigEndian(cdb.AsSpan(7), length);
        return new ScsiCommand(cdb, [], length);
    }

    /// <summary>PERSISTENT RESERVE OUT over the whole unit with the basic 24-byte parameter list.</summary>
    /// <param name="action">What to do.</param>
    /// <param name="type">The type; ignored by the actions that have none.</param>
    /// <param name="key">The key this nexus is registered with (0 while it is not).</param>
    /// <param name="actionKey">The service action key: the new key to register, or whose registrations to preempt.</param>
    /// <param name="persistThroughPowerLoss">APTPL; only for the two register actions.</param>
    public static ScsiCommand PersistentReserveOut(
        ReserveOutAction action, ReservationType type, ulong key, ulong actionKey = 0, bool persistThroughPowerLoss = false)
    {
        var cdb = new byte[10];
        cdb[0] = 0x5f;
        cdb[1] = (byte)action;
        cdb[2] = (byte)type;
        BinaryPrimitives.WriteUInt32BigEndian(cdb.AsSpan(5), 24);
        var list = new byte[24];
        BinaryPrimitives.WriteUInt64BigEndian(list, key);
        BinaryPrimitives.WriteUInt64BigEndian(list.AsSpan(8), actionKey);
        if (persistThroughPowerLoss) list[20] = 1;
        return new ScsiCommand(cdb, list, 0);
    }

    private static byte[] Transfer(byte tenByteCode, long block, int count, byte flags)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(block);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        if (block + count - 1 > uint.MaxValue || count > ushort.MaxValue)
        {
            var wide = new byte[16];
            wide[0] = (byte)(tenByteCode + 0x60);
            wide[1] = flags;
            BinaryPrimitives.WriteInt64BigEndian(wide.AsSpan(2), block);
            BinaryPrimitives.WriteInt32BigEndian(wide.AsSpan(10), count);
            return wide;
        }
        var cdb = new byte[10];
        cdb[0] = tenByteCode;
        cdb[1] = flags;
        BinaryPrimitives.WriteUInt32BigEndian(cdb.AsSpan(2), (uint)block);
        BinaryPrimitives.WriteUInt16BigEndian(cdb.AsSpan(7), (ushort)count);
        return cdb;
    }
}
