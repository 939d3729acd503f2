// Puts messages together that were too long for one datagram. Only authentic fragments get here; memory grows with what
// arrived, never with what a fragment claims, and is bounded per sender and in all.
using System.Buffers;

namespace Membership.Engine.Wire;

/// <summary>Reassembles fragmented messages. Safe from any thread.</summary>
/// <remarks>What is dropped when: of each sender the two newest incomplete messages are kept, a third one displaces the older (a
/// lost fragment is never sent again; the next status replaces the whole message). When all together hold more than the budget,
/// the one whose first fragment came longest ago is given up, whoever sent it. Every fragment given up is counted as
/// <see cref="DatagramDropReason.FragmentAbandoned"/>.</remarks>
internal sealed class FragmentAssembler(DatagramCounters counters, long budget = FragmentAssembler.DefaultBudget)
{
    /// <summary>Bytes held by all incomplete messages together: fragments of some hundred nodes' largest statuses.</summary>
    public const long DefaultBudget = 32L << 20;

    /// <summary>The most fragments a message has.</summary>
    public static readonly int MaxFragments = DatagramSealer.FragmentCount(MessageCodec.MaxMessageSize);

    private const int PerSender = 2;

    private readonly Lock _lock = new();
    private readonly Dictionary<NodeId, List<Partial>> _partials = [];
    private long _arrivals;

    /// <summary>Bytes held now.</summary>
    public long HeldBytes { get; private set; }

    /// <summary>Takes a fragment; when it is the last missing one, the whole message comes out.</summary>
    /// <param name="info">The opened datagram, of more than one fragment.</param>
    /// <param name="content">Its content.</param>
    /// <param name="message">The whole message in a pooled array that the caller gives back to <see cref="ArrayPool{T}.Shared"/>; null while incomplete.</param>
    /// <param name="length">Its length.</param>
    /// <returns>Why the fragment was refused, or None.</returns>
    public DatagramDropReason Add(in OpenedDatagram info, ReadOnlySpan<byte> content, out byte[]? message, out int length)
    {
        message = null;
        length = 0;
        if (info.FragmentCount > MaxFragments) return DatagramDropReason.TooLarge;
        if (info.Counter <= (ulong)info.FragmentIndex || content.IsEmpty) return DatagramDropReason.Malformed;
        lock (_lock)
        {
            if (!_partials.TryGetValue(info.Sender, out List<Partial>? ofSender)) _partials[info.Sender] = ofSender = new List<Partial>(PerSender);
            ulong first = info.Counter - (ulong)info.FragmentIndex;
            Partial? partial = null;
            foreach (Partial candidate in ofSender)
                if (candidate.FirstCounter == first && candidate.StartId == info.StartId) partial = candidate;
            if (partial is null)
            {
                if (ofSender.Count == PerSender) GiveUp(ofSender, ofSender[0].Arrival < ofSender[1].Arrival ? ofSender[0] : ofSender[1]);
                partial = new Partial(info.StartId, first, info.FragmentCount, ++_arrivals);
                ofSender.Add(partial);
            }
            else if (partial.Fragments.Length != info.FragmentCount) return DatagramDropReason.Malformed;
            if (partial.Fragments[info.FragmentIndex].Bytes is not null) return DatagramDropReason.Replayed;
            if (partial.Length + content.Length > MessageCodec.MaxMessageSize) return DatagramDropReason.TooLarge;

            byte[] copy = ArrayPool<byte>.Shared.Rent(content.Length);
            content.CopyTo(copy);
            partial.Fragments[info.FragmentIndex] = (copy, content.Length);
            partial.Length += content.Length;
            HeldBytes += content.Length;
            if (++partial.Received == partial.Fragments.Length)
            {
                (message, length) = (partial.Join(), partial.Length);
                Forget(ofSender, partial);
            }
            while (HeldBytes > budget) GiveUpOldest();
            return DatagramDropReason.None;
        }
    }

    private void GiveUpOldest()
    {
        (List<Partial> List, Partial Partial)? oldest = null;
        foreach (List<Partial> ofSender in _partials.Values)
            foreach (Partial partial in ofSender)
                if (oldest is null || partial.Arrival < oldest.Value.Partial.Arrival) oldest = (ofSender, partial);
        GiveUp(oldest!.Value.List, oldest.Value.Partial);
    }

    private void GiveUp(List<Partial> ofSender, Partial partial)
    {
        for (int i = 0; i < partial.Received; i++) counters.CountDropped(DatagramDropReason.FragmentAbandoned);
        Forget(ofSender, partial);
    }

    private void Forget(List<Partial> ofSender, Partial partial)
    {
        HeldBytes -= partial.Length;
        ofSender.Remove(partial);
        foreach ((byte[]? bytes, _) in partial.Fragments)
            if (bytes is not null) ArrayPool<byte>.Shared.Return(bytes);
    }

    private sealed class Partial(UInt128 startId, ulong firstCounter, int count, long arrival)
    {
        public UInt128 StartId { get; } = startId;

        public ulong FirstCounter { get; } = firstCounter;

        public long Arrival { get; } = arrival;

        public (byte[]? Bytes, int Length)[] Fragments { get; } = new (byte[]?, int)[count];

        public int Received { get; set; }

        public int Length { get; set; }

        public byte[] Join()
        {
            byte[] whole = ArrayPool<byte>.Shared.Rent(Length);
            int position = 0;
            foreach ((byte[]? bytes, int length) in Fragments)
            {
                bytes.AsSpan(0, length).CopyTo(whole.AsSpan(position));
                position += length;
            }
            return whole;
        }
    }
}
