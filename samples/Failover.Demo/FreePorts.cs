// Ports on loopback that nobody uses, found at run time.
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Failover.Demo;

internal static class FreePorts
{
    // Below the range from which systems give ports to outgoing connections: those may come between the search and the use.
    private const int Lowest = 15_000;
    private const int Highest = 30_000;

    // No port is found twice by one process: it may be released here and not be bound yet where it is wanted.
    private static readonly ConcurrentDictionary<int, bool> Found = new();

    /// <summary>Finds ports to which both kinds of socket can be bound; all are held until the last one is found.</summary>
    public static int[] Find(int count)
    {
        var held = new List<Socket>();
        var ports = new List<int>();
        try
        {
            while (ports.Count < count)
            {
                var endpoint = new IPEndPoint(IPAddress.Loopback, Random.Shared.Next(Lowest, Highest));
                if (Found.TryAdd(endpoint.Port, true) && Hold(endpoint, SocketType.Dgram, ProtocolType.Udp, held) && Hold(endpoint, SocketType.Stream, ProtocolType.Tcp, held))
                    ports.Add(endpoint.Port);
            }
            return [.. ports];
        }
        finally
        {
            held.ForEach(static socket => socket.Dispose());
        }
    }

    private static bool Hold(IPEndPoint endpoint, SocketType type, ProtocolType protocol, List<Socket> held)
    {
        var socket = new Socket(AddressFamily.InterNetwork, type, protocol);
        held.Add(socket);
        try
        {
            socket.Bind(endpoint);
            return true;
        }
        catch (SocketException taken) when (taken.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            return false;
        }
    }
}
