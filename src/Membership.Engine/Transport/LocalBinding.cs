// Binds a socket to one of this node's own endpoints, and turns what goes wrong into an error a user can act on.
using System.Net;
using System.Net.Sockets;

namespace Membership.Engine.Transport;

internal static class LocalBinding
{
    /// <summary>Binds to the first address of the endpoint's host that is local.</summary>
    /// <param name="endpoint">Where.</param>
    /// <param name="what">For whom, for the error text: node, path, protocol.</param>
    /// <param name="type">The kind of socket.</param>
    /// <param name="protocol">UDP or TCP.</param>
    /// <param name="prepare">Sets options before the bind.</param>
    /// <param name="cancellationToken">Gives up a slow look-up.</param>
    /// <exception cref="TransportStartException">The name does not resolve, the port is in use, or the address is not local.</exception>
    public static async ValueTask<Socket> BindAsync(
        NodeEndpoint endpoint, string what, SocketType type, ProtocolType protocol, Action<Socket> prepare, CancellationToken cancellationToken)
    {
        IPAddress[] addresses;
        try
        {
            addresses = await endpoint.ResolveAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (SocketException failure)
        {
            throw new TransportStartException(
                $"The host name \"{endpoint.Host}\" in this node's own endpoint {endpoint} ({what}) does not resolve: {failure.Message}. "
                + "Correct the name, make it known to the resolver (DNS or the hosts file), or write the IP address.", failure);
        }
        SocketException? last = null;
        foreach (IPAddress address in addresses)
        {
            var socket = new Socket(address.AddressFamily, type, protocol);
            try
            {
                if (OperatingSystem.IsWindows()) socket.ExclusiveAddressUse = true;
                prepare(socket);
                socket.Bind(new IPEndPoint(address, endpoint.Port));
                return socket;
            }
            catch (SocketException failure)
            {
                socket.Dispose();
                last = failure;
                if (failure.SocketErrorCode != SocketError.AddressNotAvailable) break;
            }
        }
        throw last!.SocketErrorCode switch
        {
            SocketError.AddressAlreadyInUse => new TransportStartException(
                $"{endpoint} ({what}) is in use by another process, or by another node of this one. Stop that process, or give this node another port on every node.", last),
            SocketError.AddressNotAvailable => new TransportStartException(
                $"{endpoint} ({what}) is not an address of this machine. Correct the endpoint, or set the address to bind separately (for example 0.0.0.0:{endpoint.Port}).", last),
            SocketError.AccessDenied => new TransportStartException(
                $"This process may not bind {endpoint} ({what}). Use a port above 1023, or give the process the right to bind it.", last),
            _ => new TransportStartException($"{endpoint} ({what}) cannot be bound: {last.Message} ({last.SocketErrorCode}). Check the endpoint and this machine's network.", last),
        };
    }
}
