// What released versions sent and wrote is read today as they meant it, and today's version still writes what the newest of them wrote.
using Membership.Fuzz.Golden;
using Membership.Tests;
using Xunit;

namespace Membership.Fuzz.Tests;

public sealed class GoldenTests
{
    /// <summary>The version whose bytes this program writes. A later minor version adds a directory and changes this line.</summary>
    private const string Current = "1.1";

    private static string Root => Path.Combine(RepositoryRoot.Path, "tests", "golden");

    public static TheoryData<string, string> Files()
    {
        var files = new TheoryData<string, string>();
        foreach (string version in Directory.GetDirectories(Root).Order(StringComparer.Ordinal))
            foreach (string file in Directory.GetFiles(version, "*.txt").Order(StringComparer.Ordinal)) files.Add(Path.GetFileName(version), Path.GetFileNameWithoutExtension(file));
        return files;
    }

    public static TheoryData<string> Samples => [.. GoldenSamples.All.Select(static sample => sample.Name)];

    [Theory]
    [MemberData(nameof(Files))]
    public void What_a_released_version_wrote_is_read_as_it_was_meant(string version, string name)
    {
        (byte[] bytes, string[] fields) = GoldenCorpus.Read(Path.Combine(Root, version, name + ".txt"));
        GoldenSample? sample = GoldenSamples.Find(name);
        Assert.True(sample is not null, $"nothing reads {name} of version {version} any more");
        HashSet<string> understood = [.. GoldenFields.Of(sample.Read(bytes))];
        Assert.DoesNotContain(fields, field => !understood.Contains(field));
    }

    [Theory]
    [MemberData(nameof(Samples))]
    public void Everything_that_is_sent_or_written_has_its_file_and_is_still_written_the_same_way(string name)
    {
        GoldenSample sample = GoldenSamples.Find(name)!;
        string file = Path.Combine(Root, Current, name + ".txt");
        Assert.True(File.Exists(file), $"{file} is missing: eng/fuzz --write-golden tests/golden/{Current}");
        if (sample.IsRepeatable) Assert.Equal(Convert.ToHexStringLower(GoldenCorpus.Read(file).Bytes), Convert.ToHexStringLower(sample.Bytes));
        else Assert.Equal(GoldenCorpus.Read(file).Bytes.Length, sample.Bytes.Length);
    }

    [Fact]
    public void Every_kind_of_message_has_a_sample()
        => Assert.Equal(Enum.GetNames<Engine.Protocol.MessageKind>().Select(static kind => $"message-{kind.ToLowerInvariant()}").Order(), GoldenSamples.All.Select(static sample => sample.Name).Where(static name => name.StartsWith("message-", StringComparison.Ordinal)).Order());

    [Fact]
    public void A_field_that_is_read_as_something_else_is_noticed()
    {
        (byte[] bytes, string[] fields) = GoldenCorpus.Read(Path.Combine(Root, Current, "message-status.txt"));
        bytes[8 + 64]++;
        HashSet<string> understood = [.. GoldenFields.Of(GoldenSamples.Find("message-status")!.Read(bytes))];
        Assert.Contains(fields, field => !understood.Contains(field));
    }
}
