// How a client that is no member asks a node where the silos' gateways are: one line of text there, a few lines back, over TCP.
//   silos/1 <the silos' cluster>
//   ok <n>, then n lines with one gateway each; or: no <why>
using System.Text;

namespace Membership.Provider.Silos;

internal static class SiloDirectoryProtocol
{
    /// <summary>Bytes of a request.</summary>
    public const int MaxRequest = 512;

    /// <summary>Bytes of an answer: some thousands of gateways.</summary>
    public const int MaxAnswer = 256 * 1024;

    private const string Verb = "silos/1 ";

    public static byte[] Request(string silosCluster) => Encoding.UTF8.GetBytes($"{Verb}{silosCluster}\n");

    /// <summary>The cluster asked for; null when it is no request.</summary>
    public static string? ParseRequest(string line) => line.StartsWith(Verb, StringComparison.Ordinal) ? line[Verb.Length..] : null;

    public static byte[] Answer(IReadOnlyCollection<string> gateways) => Encoding.UTF8.GetBytes(string.Concat($"ok {gateways.Count}\n", string.Concat(gateways.Select(static gateway => gateway + "\n"))));

    public static byte[] Refuse(string why) => Encoding.UTF8.GetBytes($"no {why}\n");

    /// <exception cref="InvalidDataException">The answer is a refusal, or no answer.</exception>
    public static IReadOnlyList<Uri> ParseAnswer(string answer)
    {
        string[] lines = answer.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        if (lines.Length == 0) throw new InvalidDataException("it closed the connection without an answer");
        if (lines[0].StartsWith("no ", StringComparison.Ordinal)) throw new InvalidDataException($"it says: {lines[0][3..]}");
        if (!lines[0].StartsWith("ok ", StringComparison.Ordinal) || !int.TryParse(lines[0].AsSpan(3), out int count) || count != lines.Length - 1)
            throw new InvalidDataException($"it answered '{lines[0]}' and {lines.Length - 1} lines, which is no silo list");
        var gateways = new List<Uri>();
        foreach (string line in lines.AsSpan(1))
            gateways.Add(Uri.TryCreate(line, UriKind.Absolute, out Uri? gateway) ? gateway : throw new InvalidDataException($"it named a gateway '{line}', which is no address"));
        return gateways;
    }
}
