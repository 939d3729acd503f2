// What a node keeps in mind to talk tersely: which minor version each peer speaks, and which views have been said. It chooses in which form a
// message goes to a peer, and reads messages that name views.
using Membership.Engine.Protocol;

namespace Membership.Engine.Wire;

/// <summary>The memory of one start of a node. Safe from any thread.</summary>
/// <param name="minorVersion">The minor version that this node speaks.</param>
/// <param name="capacity">How many views it remembers.</param>
internal sealed class WireMemory(byte minorVersion = MessageCodec.MinorVersion, int capacity = ViewMemory.DefaultCapacity)
{
    private readonly byte[] _minorOf = new byte[NodeId.MaxValue + 1];

    public byte MinorVersion => minorVersion;

    public ViewMemory Views { get; } = new(capacity);

    /// <summary>In which form a message goes to the node in its header. A peer that has not shown yet that it knows the brief status gets the one that every version knows.</summary>
    public MessageForm FormOf(in MessageHeader header, MessageBody? body)
        => body is not StatusMessage status || !BriefStatusCodec.CanWrite(status) || Math.Min(minorVersion, Volatile.Read(ref _minorOf[header.To.Value])) < BriefStatusCodec.SinceMinor ? MessageForm.Plain
            : header.NamesViews ? MessageForm.Named : MessageForm.Brief;

    /// <summary>Reads a message; see <see cref="MessageCodec"/>.</summary>
    public DecodeResult TryDecode(ReadOnlySpan<byte> message, out MessageHeader header, out MessageBody? body) => MessageCodec.TryDecode(message, Views, minorVersion, out header, out body);

    /// <summary>Learns from a message whose header was read and is its sender's.</summary>
    /// <param name="message">The bytes.</param>
    /// <param name="sender">Whose they are.</param>
    /// <param name="body">Its body, if it was read.</param>
    /// <returns>True when it carried a view that was not known before: messages that wait for one may be understood now.</returns>
    public bool Learn(ReadOnlySpan<byte> message, NodeId sender, MessageBody? body)
    {
        Volatile.Write(ref _minorOf[sender.Value], message[1]);
        return body is not null && Views.Note(body);
    }
}
