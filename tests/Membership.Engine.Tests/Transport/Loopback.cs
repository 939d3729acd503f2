// Ports and conditions for tests with real sockets on 127.0.0.1 and ::1.
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Membership.Engine.Transport;
using Xunit;

namespace Membership.Engine.Tests.Transport;

internal static class Loopback
{
    private static readonly Lock Gate = new();
    private static readonly HashSet<int> Given = [];

    /// <summary>An endpoint whose port is free for UDP and TCP, and that no other test of this process was given.</summary>
    public static NodeEndpoint Free(string host = "127.0.0.1")
    {
        IPAddress address = IPAddress.Parse(host);
        lock (Gate)
        {
            while (true)
            {
                // Below the range from which outgoing connections take their ports.
                int port = Random.Shared.Next(20_000, 32_000);
                if (!Given.Add(port)) continue;
                try
                {
                    using var udp = new Socket(address.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
                    udp.Bind(new IPEndPoint(address, port));
                    using var tcp = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
                    tcp.Bind(new IPEndPoint(address, port));
                    return new NodeEndpoint(host, port);
                }
                catch (SocketException)
                {
                    // Taken by somebody else: try another one.
                }
            }
        }
    }

    /// <summary>Waits until a condition holds; fails with its name when it does not within 20 s.</summary>
    public static async Task Until(string what, Func<bool> holds)
    {
        long start = Stopwatch.GetTimestamp();
        while (!holds())
        {
            if (Stopwatch.GetElapsedTime(start) > TimeSpan.FromSeconds(20)) Assert.Fail($"Not within 20 s: {what}");
            await Task.Delay(2, TestContext.Current.CancellationToken);
        }
    }
}
