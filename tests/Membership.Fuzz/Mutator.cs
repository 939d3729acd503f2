// Makes inputs out of the corpus: bytes, whole integer fields, chunks moved, doubled, cut and taken from another input. From a
// seed, so that every input can be made again.
using System.Buffers.Binary;

namespace Membership.Fuzz;

internal sealed class Mutator(Random random)
{
    private static readonly long[] Interesting =
        [0, 1, 2, 7, 8, 63, 64, 65, 127, 128, 255, 256, 1023, 1024, 1025, short.MaxValue, ushort.MaxValue, int.MaxValue, uint.MaxValue, int.MinValue, long.MaxValue, long.MinValue, -1, -2];

    public const int MaxLength = 4096;

    public byte[] Next(IReadOnlyList<byte[]> corpus)
    {
        if (random.Next(50) == 0)
        {
            var noise = new byte[random.Next(200)];
            random.NextBytes(noise);
            return noise;
        }
        byte[] bytes = [.. corpus[random.Next(corpus.Count)]];
        for (int changes = 1 << random.Next(5); changes > 0; changes--) bytes = Change(bytes, corpus);
        return bytes;
    }

    private byte[] Change(byte[] bytes, IReadOnlyList<byte[]> corpus)
    {
        if (bytes.Length == 0) return [(byte)random.Next(256)];
        int at = random.Next(bytes.Length);
        switch (random.Next(8))
        {
            case 0:
                bytes[at] ^= (byte)(1 << random.Next(8));
                return bytes;
            case 1:
                bytes[at] = (byte)random.Next(256);
                return bytes;
            case 2:
            case 3:
                WriteNumber(bytes.AsSpan(at), Interesting[random.Next(Interesting.Length)]);
                return bytes;
            case 4:
                // A length or a count that is off by a little.
                bytes[at] += (byte)(random.Next(9) - 4);
                return bytes;
            case 5:
                return bytes[..at];
            case 6:
                int length = random.Next(1, Math.Min(64, bytes.Length - at) + 1);
                return bytes.Length + length > MaxLength ? bytes : [.. bytes[..at], .. bytes[at..(at + length)], .. bytes[at..]];
            default:
                byte[] other = corpus[random.Next(corpus.Count)];
                if (other.Length == 0) return bytes;
                int from = random.Next(other.Length), take = Math.Min(random.Next(64), other.Length - from);
                other.AsSpan(from, Math.Min(take, bytes.Length - at)).CopyTo(bytes.AsSpan(at));
                return bytes;
        }
    }

    private void WriteNumber(Span<byte> to, long value)
    {
        Span<byte> number = stackalloc byte[sizeof(long)];
        bool reversed = random.Next(4) == 0;
        if (reversed) BinaryPrimitives.WriteInt64BigEndian(number, value);
        else BinaryPrimitives.WriteInt64LittleEndian(number, value);
        int width = Math.Min(1 << random.Next(4), to.Length);
        (reversed ? number[^width..] : number[..width]).CopyTo(to);
    }
}
