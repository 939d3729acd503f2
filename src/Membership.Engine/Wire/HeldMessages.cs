// Messages that name a view which this node has not read yet: another's word overtook the decider's. They wait a moment for it, as if the
// network had been slower. One of each sender, short ones only, never for long.
namespace Membership.Engine.Wire;

/// <summary>A message that waits for a view.</summary>
/// <param name="Opened">The datagram it came in.</param>
/// <param name="Message">Its bytes.</param>
/// <param name="Path">The path.</param>
/// <param name="At">When it came, in milliseconds.</param>
internal sealed record HeldMessage(OpenedDatagram Opened, byte[] Message, int Path, long At);

/// <summary>The newest message of each sender that could not be understood yet. Safe from any thread.</summary>
internal sealed class HeldMessages
{
    /// <summary>Milliseconds: a message that comes later than this after it was sent would say for too long that its sender lives.</summary>
    public const int Patience = 100;

    /// <summary>Bytes: a status that names its views is a few hundred; with many rows it is said again instead.</summary>
    public const int Longest = 2048;

    private readonly Lock _lock = new();
    private Dictionary<NodeId, HeldMessage> _held = [];

    /// <summary>Keeps a message.</summary>
    /// <returns>How many messages are lost by this: the one kept before of the same sender, or this one when it is too long.</returns>
    public int Hold(HeldMessage message)
    {
        if (message.Message.Length > Longest) return 1;
        lock (_lock)
        {
            int lost = _held.ContainsKey(message.Opened.Sender) ? 1 : 0;
            _held[message.Opened.Sender] = message;
            return lost;
        }
    }

    /// <summary>Takes all that wait, to be tried again after a view was learnt.</summary>
    public IReadOnlyCollection<HeldMessage> TakeAll()
    {
        lock (_lock)
        {
            if (_held.Count == 0) return [];
            Dictionary<NodeId, HeldMessage> taken = _held;
            _held = [];
            return taken.Values;
        }
    }
}
