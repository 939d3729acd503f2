// A start error of the network side, with what was wrong, the value, and what to do.
namespace Membership.Engine.Transport;

/// <summary>A node could not open its network side: a host name does not resolve, a port is in use, an address is not local.</summary>
/// <remarks>The message names the node, the path, the endpoint and what to do.</remarks>
public sealed class TransportStartException : Exception
{
    /// <summary>Makes one.</summary>
    public TransportStartException()
    {
    }

    /// <summary>Makes one.</summary>
    /// <param name="message">What was wrong, the value, and what to do.</param>
    public TransportStartException(string message)
        : base(message)
    {
    }

    /// <summary>Makes one.</summary>
    /// <param name="message">What was wrong, the value, and what to do.</param>
    /// <param name="innerException">What the operating system said.</param>
    public TransportStartException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
