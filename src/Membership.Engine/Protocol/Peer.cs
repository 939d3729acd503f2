// What this node knows of one other node: its life, what was sent to it and acknowledged by it, what was heard
// from it and acknowledged to it, and its latest regroup status.
namespace Membership.Engine.Protocol;

internal sealed class Peer(NodeId node, int votes, int paths, MonotonicTime start)
{
    private const int RingSize = 64;

    private readonly (ulong Sequence, MonotonicTime SentAt, ViewId View, StatusMessage? Status)[] _ring = new (ulong, MonotonicTime, ViewId, StatusMessage?)[RingSize];

    public NodeId Node { get; } = node;

    /// <summary>Its configured weight.</summary>
    public int Votes { get; } = votes;

    /// <summary>The newest life this node accepts messages from.</summary>
    public Incarnation Incarnation;

    /// <summary>The store of that life, when it said so (0 = unknown).</summary>
    public long StoreId;

    /// <summary>That life is starting and cannot vote in a regroup of the view in force.</summary>
    public bool CannotVote;

    // Sending: our sequence numbers to it and when each was sent.
    public ulong LastSequence;
    public MonotonicTime LastSentAt = MonotonicTime.MinValue;
    public MonotonicTime LastPingAt = MonotonicTime.MinValue;
    public MonotonicTime LastStateAskAt = MonotonicTime.MinValue;

    /// <summary>When an acknowledgement was last asked for: an answer asks again only after a quarter tick, so that two who may not acknowledge do not echo.</summary>
    public MonotonicTime LastRequestAt = MonotonicTime.MinValue;

    /// <summary>First transmission that nothing has come back for; MaxValue = none outstanding.</summary>
    public MonotonicTime UnansweredSince = MonotonicTime.MaxValue;
    public int UnansweredSends;

    // Acknowledged by it: the newest of our send times it has acknowledged under AckedView.
    public MonotonicTime AckedSentAt = MonotonicTime.MinValue;
    public ViewId AckedView;

    /// <summary>Until when it owns the witness, measured from the send time of our acknowledged message.</summary>
    public MonotonicTime WitnessUntil = MonotonicTime.MinValue;

    /// <summary>Until when its last claim of the witness stands, for choosing the decider only.</summary>
    public MonotonicTime OwnerClaimUntil = MonotonicTime.MinValue;

    // The last message to it that asked for an acknowledgement, and the round trip that came of it on each path (0 = none yet).
    public ulong AskedSequence;
    public MonotonicTime AskedAt;
    public readonly ulong[] MeasuredSequenceOnPath = new ulong[paths];
    public readonly TimeSpan[] RoundTripOnPath = new TimeSpan[paths];

    // Heard from it.
    public MonotonicTime LastHeard = start;
    public readonly MonotonicTime[] LastHeardOnPath = Enumerable.Repeat(start, paths).ToArray();
    public ulong HeardSequence;

    /// <summary>The view in force that its newest message showed.</summary>
    public ViewId HeardView;

    /// <summary>It said that it hears this life of ours.</summary>
    public MonotonicTime HeardByAt = MonotonicTime.MinValue;

    // Acknowledged to it: its highest sequence number received under AckableView, and when we last let it count on us.
    public ulong AckableSequence;
    public ViewId AckableView;

    /// <summary>The newest view of which we sent it an acknowledgement.</summary>
    public ViewId AckGivenView;

    /// <summary>When a message that this node acknowledged was last received; a starting node counts from its start (design 3.4).</summary>
    public MonotonicTime LastAcked = start;

    /// <summary>The life whose lease is known to be over (clean leave, acknowledged poison, restart with lock, crash evidence).</summary>
    public Incarnation Released;

    /// <summary>On which store: a replaced disk counts lives from the start again.</summary>
    public long ReleasedStore;

    public bool IsReleased(in ClusterMember member) => Released != Incarnation.None && Released == member.Incarnation && ReleasedStore == member.StoreId;

    /// <summary>The view under which this life's lease has run out for good, by its own word.</summary>
    public ViewId LeaseOverIn;

    public bool TripwireLost;
    public MonotonicTime TripwireLostAt = MonotonicTime.MinValue;

    /// <summary>The life whose tripwire broke although it was alive.</summary>
    public Incarnation FalseAlarmLife;

    /// <summary>When the tripwire of such a life broke again and it was asked; MinValue = nothing is open.</summary>
    public MonotonicTime AlarmAt = MonotonicTime.MinValue;

    /// <summary>How often this life was silent for a loss period and began a regroup that it outlived, and when last.</summary>
    public int Silences;
    public MonotonicTime SilentAt = MonotonicTime.MinValue;

    // The node, over all its lives: how often it lost its place in a row, when last, and until when it is not let in again.
    public int Removals;
    public MonotonicTime RemovedAt = MonotonicTime.MinValue;
    public MonotonicTime QuarantinedUntil = MonotonicTime.MinValue;

    /// <summary>How often this node's silence raised an attempt in the current incident.</summary>
    public int Trouble;

    // Regroup: the newest status of that life.
    public StatusMessage? Status;
    public ViewId StatusInForce;
    public ulong StatusSequence;
    public MonotonicTime StatusAt = MonotonicTime.MinValue;

    /// <summary>When it last said something new.</summary>
    public MonotonicTime StatusChangedAt = MonotonicTime.MinValue;

    /// <summary>Since when it says in this activation that its set is closed without this node, and its lease over; MaxValue = it does not.</summary>
    public MonotonicTime ApartSince = MonotonicTime.MaxValue;

    /// <summary>When it was first asked for its status since it said that one.</summary>
    public MonotonicTime StatusAskedAt = MonotonicTime.MinValue;

    /// <summary>The newest message to it that was a status, and the status that it last acknowledged to have got.</summary>
    public ulong SentStatusSequence;
    public MonotonicTime SentStatusAt = MonotonicTime.MinValue;
    public StatusMessage? HeldStatus;

    /// <summary>The first status to it whose views were only named since it was last seen to understand one; 0 = none. When that was said last, and whether that was a repeat.</summary>
    public ulong NamedSequence;
    public MonotonicTime NamedAt;
    public bool NamedAgain;

    /// <summary>Its life when a decision was accepted that counts on its vote although it is not in the view.</summary>
    public Incarnation LifeAtDecision;

    /// <summary>The view of a decision that it was told in full, and when last.</summary>
    public ViewId ToldView;
    public MonotonicTime ToldViewAt;

    public MonotonicTime LastPoisonAt = MonotonicTime.MinValue;
    public MonotonicTime LastNudgeAt = MonotonicTime.MinValue;

    public ulong RecordSend(MonotonicTime now, ViewId view, StatusMessage? status)
    {
        LastSequence++;
        _ring[LastSequence % RingSize] = (LastSequence, now, view, status);
        LastSentAt = now;
        if (status is not null) (SentStatusSequence, SentStatusAt) = (LastSequence, now);
        return LastSequence;
    }

    /// <summary>When the message with this number was sent under <paramref name="view"/>; false when unknown or sent under another.</summary>
    public bool TryGetSendTime(ulong sequence, ViewId view, bool anyView, out MonotonicTime sentAt)
    {
        ref readonly var entry = ref _ring[sequence % RingSize];
        sentAt = entry.SentAt;
        return sequence != 0 && entry.Sequence == sequence && (anyView || entry.View == view);
    }

    /// <summary>It got this very message; a higher number would say nothing about one before it.</summary>
    public void NoteAcknowledged(ulong sequence)
    {
        if (_ring[sequence % RingSize] is { Status: { } status } entry && entry.Sequence == sequence)
        {
            HeldStatus = status;
            if (sequence >= NamedSequence) NamedSequence = 0;
        }
    }

    /// <summary>What it asked, as which life, and when, while another join was under way.</summary>
    public (PetitionMessage Petition, Incarnation Life, MonotonicTime At)? Petition;

    /// <summary>Another life answers under this number from now on; what the old one acknowledged no longer counts.</summary>
    public void BeginLife(Incarnation incarnation)
    {
        Incarnation = incarnation;
        StoreId = 0;
        CannotVote = false;
        AckedSentAt = WitnessUntil = OwnerClaimUntil = HeardByAt = MonotonicTime.MinValue;
        HeardSequence = AckableSequence = StatusSequence = 0;
        AckedView = AckableView = AckGivenView = StatusInForce = HeardView = LeaseOverIn = ViewId.None;
        Status = HeldStatus = null;
        NamedSequence = 0;
        ToldView = ViewId.None;
        StatusAt = MonotonicTime.MinValue;
        ApartSince = MonotonicTime.MaxValue;
        TripwireLost = false;
        Silences = 0;
        AlarmAt = SilentAt = MonotonicTime.MinValue;
    }
}
