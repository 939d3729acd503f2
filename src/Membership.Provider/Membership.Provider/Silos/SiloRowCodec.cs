// A silo's row as bytes: a version, then the fields in order. Later versions append fields; a reader skips what it does not know.
using System.Collections.Immutable;
using System.Text;
using Membership.Engine;

namespace Membership.Provider.Silos;

internal static class SiloRowCodec
{
    private const byte Version = 1;

    public static byte[] Encode(SiloRow row)
    {
        using var bytes = new MemoryStream();
        using (var writer = new BinaryWriter(bytes, Encoding.UTF8, leaveOpen: true))
        {
            writer.Write(Version);
            writer.Write(row.Silo);
            writer.Write((byte)row.Status);
            writer.Write((ushort)row.Node.Value);
            writer.Write(row.Life.Value);
            writer.Write(row.Since.Value);
            writer.Write((ushort)row.Writer.Value);
            writer.Write(row.Gateway);
            writer.Write(row.ProxyPort);
            Write(writer, row.HostName);
            Write(writer, row.SiloName);
            Write(writer, row.RoleName);
            writer.Write(row.UpdateZone);
            writer.Write(row.FaultZone);
            Write(writer, row.StartTime);
            writer.Write(row.Suspects.IsDefault ? -1 : row.Suspects.Length);
            if (!row.Suspects.IsDefault)
                foreach (SiloVote vote in row.Suspects)
                {
                    writer.Write(vote.Silo);
                    Write(writer, vote.Time);
                }
        }
        return bytes.ToArray();
    }

    /// <summary>The last sign of life has a row of its own, so that renewing it touches nothing that a condition rests on.</summary>
    public static byte[] EncodeTime(DateTime time)
    {
        byte[] bytes = new byte[9];
        BitConverter.TryWriteBytes(bytes, time.Ticks);
        bytes[8] = (byte)time.Kind;
        return bytes;
    }

    /// <exception cref="InvalidDataException">The bytes are no row.</exception>
    public static SiloRow Decode(ReadOnlyMemory<byte> value, ReadOnlyMemory<byte> alive)
    {
        try
        {
            using var reader = new BinaryReader(new MemoryStream(value.ToArray()), Encoding.UTF8);
            byte version = reader.ReadByte();
            if (version == 0) throw new InvalidDataException("A silo's row has version 0.");
            return new SiloRow
            {
                Silo = reader.ReadString(),
                Status = (SiloRowStatus)reader.ReadByte(),
                Node = new NodeId(reader.ReadUInt16()),
                Life = new Incarnation(reader.ReadInt64()),
                Since = new Epoch(reader.ReadInt64()),
                Writer = new NodeId(reader.ReadUInt16()),
                Gateway = reader.ReadString(),
                ProxyPort = reader.ReadInt32(),
                HostName = ReadText(reader),
                SiloName = ReadText(reader),
                RoleName = ReadText(reader),
                UpdateZone = reader.ReadInt32(),
                FaultZone = reader.ReadInt32(),
                StartTime = ReadTime(reader.ReadBytes(9)),
                Suspects = ReadVotes(reader),
                IAmAliveTime = ReadTime(alive.Span),
            };
        }
        catch (Exception malformed) when (malformed is EndOfStreamException or ArgumentException or FormatException)
        {
            throw new InvalidDataException($"A row of {value.Length} bytes is no silo's row: {malformed.Message}", malformed);
        }
    }

    private static ImmutableArray<SiloVote> ReadVotes(BinaryReader reader)
    {
        int count = reader.ReadInt32();
        if (count < 0) return default;
        var votes = ImmutableArray.CreateBuilder<SiloVote>();
        for (int vote = 0; vote < count; vote++) votes.Add(new SiloVote(reader.ReadString(), ReadTime(reader.ReadBytes(9))));
        return votes.ToImmutable();
    }

    private static void Write(BinaryWriter writer, string? text)
    {
        writer.Write(text is not null);
        if (text is not null) writer.Write(text);
    }

    private static string? ReadText(BinaryReader reader) => reader.ReadBoolean() ? reader.ReadString() : null;

    private static void Write(BinaryWriter writer, DateTime time) => writer.Write(EncodeTime(time));

    private static DateTime ReadTime(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < 9) throw new EndOfStreamException("A time has 9 bytes.");
        return new DateTime(BitConverter.ToInt64(bytes), (DateTimeKind)bytes[8]);
    }
}
