// The files of tests/golden/VERSION: the bytes of one sample and what is in them, as the version that wrote them read it.
namespace Membership.Fuzz.Golden;

internal static class GoldenCorpus
{
    private const string BytesMark = "bytes ";

    /// <summary>Writes all samples of this version; files that are there stay as they are.</summary>
    /// <returns>How many were written.</returns>
    public static int Write(string directory)
    {
        int written = 0;
        foreach (GoldenSample sample in GoldenSamples.All)
        {
            string file = Path.Combine(directory, sample.Name + ".txt");
            if (File.Exists(file)) continue;
            File.WriteAllText(file, $"{BytesMark}{Convert.ToHexStringLower(sample.Bytes)}\n{string.Join('\n', GoldenFields.Of(sample.Read(sample.Bytes)))}\n");
            written++;
        }
        return written;
    }

    /// <summary>The bytes and the lines of a file.</summary>
    /// <exception cref="FormatException">It is no such file.</exception>
    public static (byte[] Bytes, string[] Fields) Read(string file)
    {
        string[] lines = File.ReadAllLines(file);
        if (lines.Length < 2 || !lines[0].StartsWith(BytesMark, StringComparison.Ordinal)) throw new FormatException($"{file} is no golden file.");
        return (Convert.FromHexString(lines[0].AsSpan(BytesMark.Length)), lines[1..]);
    }
}
