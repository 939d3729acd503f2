// A host and a port as configuration writes them: "host:port", "10.0.0.1:7100", "[::1]:7100".
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Membership.Engine.Transport;

/// <summary>A host name or address, and a port 1..65535.</summary>
internal readonly record struct NodeEndpoint(string Host, int Port)
{
    private const string Expected = "expected \"host:port\", for example \"node1.example:7100\", \"10.0.0.1:7100\" or \"[fd00::1]:7100\"";

    /// <summary>Whether the host is an address, so that it needs no look-up.</summary>
    public bool IsAddress => IPAddress.TryParse(Host, out _);

    /// <summary>Reads an endpoint; <paramref name="error"/> says what is wrong with it and what was expected.</summary>
    public static bool TryParse(string? text, out NodeEndpoint endpoint, out string? error)
    {
        endpoint = default;
        if (string.IsNullOrWhiteSpace(text))
        {
            error = $"the endpoint is empty; {Expected}";
            return false;
        }
        text = text.Trim();
        int colon = text.LastIndexOf(':');
        string host = colon < 0 ? "" : text[..colon];
        bool bracketed = host.StartsWith('[') && host.EndsWith(']');
        if (bracketed) host = host[1..^1];
        if (host.Length == 0 || (!bracketed && host.Contains(':', StringComparison.Ordinal)))
        {
            error = $"\"{text}\" is not an endpoint; {Expected}";
            return false;
        }
        if (bracketed && !(IPAddress.TryParse(host, out IPAddress? address) && address.AddressFamily == AddressFamily.InterNetworkV6))
        {
            error = $"\"{host}\" in \"{text}\" is not an IPv6 address; {Expected}";
            return false;
        }
        if (!int.TryParse(text[(colon + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out int port) || port is < 1 or > ushort.MaxValue)
        {
            error = $"\"{text[(colon + 1)..]}\" in \"{text}\" is not a port (1..65535); {Expected}";
            return false;
        }
        endpoint = new NodeEndpoint(host, port);
        error = null;
        return true;
    }

    /// <summary>All addresses of the host now, in the resolver's order; for an address itself, just that.</summary>
    /// <exception cref="SocketException">The name does not resolve.</exception>
    public async ValueTask<IPAddress[]> ResolveAsync(CancellationToken cancellationToken)
    {
        if (IPAddress.TryParse(Host, out IPAddress? address)) return [address];
        IPAddress[] addresses = await Dns.GetHostAddressesAsync(Host, cancellationToken).ConfigureAwait(false);
        return addresses.Length > 0 ? addresses : throw new SocketException((int)SocketError.HostNotFound);
    }

    /// <summary>As configuration writes it.</summary>
    public override string ToString() => Host.Contains(':', StringComparison.Ordinal) ? $"[{Host}]:{Port}" : $"{Host}:{Port}";
}
