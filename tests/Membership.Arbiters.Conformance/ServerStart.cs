// Waits for a server that was just started: until it takes connections, or has ended.
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Failover.Demo;

namespace Membership.Arbiters.Conformance;

public static class ServerStart
{
    /// <summary>
    /// Where a server that is started later will listen. Not a port that the system gives to others by itself: the proxy of another test may get
    /// it while the server is still starting, and then answers in its place.
    /// </summary>
    public static IPEndPoint FreeEndPoint() => new(IPAddress.Loopback, FreePorts.Find(1)[0]);

    /// <param name="process">The server; its standard error is redirected.</param>
    /// <param name="name">For people.</param>
    /// <param name="endPoint">Where it will listen.</param>
    /// <exception cref="InvalidOperationException">It ended at once; with what it said.</exception>
    /// <exception cref="OperationCanceledException">It took no connection within a minute.</exception>
    public static async Task ListeningAsync(this Process process, string name, IPEndPoint endPoint)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (true)
        {
            if (process.HasExited) throw new InvalidOperationException($"{name} ended at once: {await process.StandardError.ReadToEndAsync(CancellationToken.None)}");
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                await socket.ConnectAsync(endPoint, deadline.Token);
                return;
            }
            catch (SocketException)
            {
                await Task.Delay(50, deadline.Token);
            }
        }
    }
}
