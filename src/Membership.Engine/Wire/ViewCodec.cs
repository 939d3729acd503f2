// A view as bytes: the same record on the wire, in the view store and in the witness record. Everything that a view's
// constructor would refuse is refused here first, so that garbage costs no exception.
namespace Membership.Engine.Wire;

/// <summary>Encodes and decodes <see cref="ClusterView"/>. Stateless; safe from any thread.</summary>
/// <remarks>A record: u32 length; i64 epoch; i64 base epoch; u8 policy; u8 tie-breaker; u8 witness pinned; i64 clock period (100 ns); i32 send rate;
/// i32 receive rate; u16 master, vice-master, quorum owner, former master; disqualified set; u32 member count; per member, by rising number, u16 number,
/// i64 incarnation, i32 votes, i64 store id. The hash is not written: the reader computes it.</remarks>
internal static class ViewCodec
{
    /// <summary>Bytes of one member.</summary>
    public const int MemberBytes = 22;

    /// <summary>Bytes of a record with one member: the least a view takes.</summary>
    public const int MinBytes = 4 + 48 + MemberBytes;

    private static readonly TimeSpan MaxClockPeriod = TimeSpan.FromHours(1);
    private const int MaxRate = 10_000;

    /// <summary>The bytes that <see cref="Write(ClusterView, Span{byte})"/> needs.</summary>
    public static int Measure(ClusterView view) => MinBytes + view.Disqualified.WordCount * sizeof(ulong) + (view.Members.Length - 1) * MemberBytes;

    /// <summary>Writes a view.</summary>
    /// <returns>The bytes written.</returns>
    /// <exception cref="ArgumentException">The destination is smaller than <see cref="Measure"/>.</exception>
    public static int Write(ClusterView view, Span<byte> destination)
    {
        var writer = new WireWriter(destination);
        Write(ref writer, view);
        return writer.Overflowed ? throw new ArgumentException($"A view of {writer.Position} bytes does not fit in {destination.Length}.", nameof(destination)) : writer.Position;
    }

    public static void Write(ref WireWriter writer, ClusterView view)
    {
        int start = writer.BeginRecord();
        writer.I64(view.Epoch.Value);
        writer.I64(view.BaseEpoch.Value);
        writer.U8((byte)view.Rule.Policy);
        writer.U8((byte)view.Rule.TieBreaker);
        writer.Bool(view.Rule.WitnessPinned);
        writer.I64(view.Timing.ClockPeriod.Ticks);
        writer.I32(view.Timing.SendRate);
        writer.I32(view.Timing.ReceiveRate);
        writer.Node(view.Master);
        writer.Node(view.ViceMaster);
        writer.Node(view.QuorumOwner);
        writer.Node(view.FormerMaster);
        writer.NodeSet(view.Disqualified);
        writer.U32((uint)view.Members.Length);
        foreach (ClusterMember member in view.Members)
        {
            writer.Node(member.Node);
            writer.I64(member.Incarnation.Value);
            writer.I32(member.Votes);
            writer.I64(member.StoreId);
        }
        writer.EndRecord(start);
    }

    /// <summary>Reads one view from the start of <paramref name="source"/>.</summary>
    /// <param name="source">Any bytes.</param>
    /// <param name="view">The view, or null.</param>
    /// <param name="consumed">How many bytes it took; 0 on failure.</param>
    /// <returns>False when the bytes are no valid view.</returns>
    public static bool TryRead(ReadOnlySpan<byte> source, out ClusterView? view, out int consumed)
    {
        var reader = new WireReader(source);
        bool read = TryRead(ref reader, out view);
        consumed = read ? source.Length - reader.Remaining : 0;
        return read;
    }

    /// <summary>Reads a view; on failure the reader has failed, too.</summary>
    public static bool TryRead(ref WireReader reader, out ClusterView? view)
    {
        view = null;
        WireReader record = reader.Record();
        Epoch epoch = new(record.I64()), baseEpoch = new(record.I64());
        byte policy = record.U8(), tieBreaker = record.U8();
        bool pinned = record.Bool();
        long period = record.I64();
        int sendRate = record.I32(), receiveRate = record.I32();
        NodeId master = record.Node(), viceMaster = record.Node(), quorumOwner = record.Node(), formerMaster = record.Node();
        NodeSet disqualified = record.NodeSet();
        int count = record.Count(MemberBytes);
        bool possible = !record.Failed
            && epoch.Value >= 0 && baseEpoch.Value >= 0
            && !(formerMaster.IsValid && master.IsValid)
            && policy <= (byte)QuorumPolicy.TwoNodeWitness && tieBreaker <= (byte)TieBreaker.LowestNode
            && period > 0 && period <= MaxClockPeriod.Ticks
            && sendRate is > 0 and <= MaxRate && receiveRate is > 0 and <= MaxRate
            && count is > 0 and <= NodeId.MaxValue;
        if (possible)
        {
            var members = new ClusterMember[count];
            possible = ReadMembers(ref record, members) && record.AtEnd;
            if (possible)
            {
                var rule = new QuorumRule((QuorumPolicy)policy, (TieBreaker)tieBreaker, pinned);
                view = new ClusterView(epoch, members, rule, new ClusterTiming(new TimeSpan(period), sendRate, receiveRate), master, viceMaster, quorumOwner, disqualified, formerMaster, baseEpoch);
            }
        }
        if (!possible) reader.Fail();
        return possible;
    }

    private static bool ReadMembers(ref WireReader record, ClusterMember[] members)
    {
        NodeId previous = NodeId.Invalid;
        long votes = 0;
        for (int i = 0; i < members.Length; i++)
        {
            var member = new ClusterMember(record.Node(), new Incarnation(record.I64()), record.I32(), record.I64());
            votes += member.Votes;
            if (member.Node <= previous || member.Votes < 0 || votes > int.MaxValue) return false;
            previous = member.Node;
            members[i] = member;
        }
        return true;
    }
}
