// How far one message may lead this node. Epochs, attempts and lives only grow, and what is believed cannot be taken back: a number that no cluster
// comes to would leave no room above it. Whoever holds the key may lie; what nobody could mean is dropped or left out, and counted as malformed.
using System.Collections.Immutable;

namespace Membership.Engine.Protocol;

internal sealed partial class MembershipCore
{
    /// <summary>How far a forced forming goes beyond every epoch seen.</summary>
    private const long ForcedStep = 1L << 32;

    /// <summary>
    /// The next epoch is above all that were heard of, up to this far above the newest view known: a view change in every millisecond for weeks. What is
    /// farther is of another chain, which an operator began by force, and whose numbers are not this one's. One that is left out does
    /// no harm, since whoever has promised a view as high refuses what is lower.
    /// </summary>
    private const long FarthestOfSameChain = ForcedStep / 2;

    /// <summary>What is said to have been heard of is remembered up to this far above the newest view known: two hundred forced formings.</summary>
    private const long FarthestClaim = 1L << 40;

    /// <summary>A view that a message names may be this far above those known here: more than any number of claims that were believed elsewhere meanwhile.</summary>
    private const long FarthestView = 1L << 56;

    /// <summary>No epoch is above this: there is always room for a claim and the view that follows.</summary>
    private const long HighestEpoch = long.MaxValue - 4 * FarthestClaim;

    /// <summary>No life is above this. Lives begin with the seconds of a clock and grow by one at each start.</summary>
    private const long HighestLife = 1L << 62;

    /// <summary>Attempts of an incident grow by one per tick at most, until the halt deadline. Whoever comes to hear of an incident is not this far behind.</summary>
    private const int FarthestAttempt = 1 << 24;
    private const int HighestAttempt = 1 << 30;

    /// <summary>
    /// A forming that waits for its nodes begins another attempt in every loss period, or in every tick when it is contradicted, for as long as it takes: whoever
    /// starts late has to believe any number. This one is seven years at the shortest timing, and whoever comes to it begins at one again.
    /// </summary>
    private const int HighestFormingAttempt = 1 << 29;

    /// <summary>It began at one again: the upper half is what it left behind, and others still may be there (or are said to be) who follow.</summary>
    private bool _beganAgain;

    private ActivationId NextForming()
    {
        if (_formingAttempt >= HighestFormingAttempt)
        {
            Log($"attempt {_formingAttempt} to form is the last number there is: begins at 1 again");
            _beganAgain = true;
            return new ActivationId(Epoch.None, 1);
        }
        _beganAgain &= _formingAttempt + 1 < HighestFormingAttempt / 2;
        return new ActivationId(Epoch.None, _formingAttempt + 1);
    }

    /// <summary>An epoch that somebody says to have heard of.</summary>
    private void HearOf(Epoch epoch, NodeId from)
    {
        if (epoch.Value - _state.HighestEpochPersisted.Value > FarthestClaim)
        {
            _effects.Dropped(DropReason.Malformed, from);
            return;
        }
        // Whoever is in force obeys no order that it has only heard of, and remembers none: it would keep the next forming, long after.
        if (IsMember && IsForcedStep(_state.HighestEpochPersisted, epoch)) return;
        bool forced = Phase == NodePhase.Starting && IsForcedStep(HighestSeen, epoch);
        See(epoch);
        // A forming obeys it: not to be forgotten by another start.
        if (forced) SaveState();
    }

    private static bool IsForcedStep(Epoch from, Epoch to) => to.Value - from.Value > FarthestOfSameChain;

    /// <summary>What was heard of if it counts, else the newest view known.</summary>
    private static Epoch Within(Epoch newestView, Epoch heard, long farthest)
        => heard > newestView && heard.Value - newestView.Value <= farthest ? heard : newestView;

    /// <summary>For a view made from this one without a regroup.</summary>
    private Epoch NextEpoch(ClusterView current) => Within(Epoch.Max(current.Epoch, _state.HighestEpochPersisted), HighestSeen, FarthestOfSameChain).Next;

    /// <summary>Looked at before anything of a message is believed.</summary>
    private bool IsPossible(in MessageHeader header, MessageBody? body)
    {
        if (header.FromIncarnation.Value > HighestLife || !IsPossible(header.InForce.Epoch)) return false;
        return body switch
        {
            StatusMessage status => IsPossible(status.Activation) && IsPossible(status.StoredInForce) && IsPossible(status.Decision?.View) && ArePossible(status.Pending),
            PetitionMessage petition => IsPossible(petition.StoredInForce.Epoch),
            PetitionReplyMessage reply => reply.IncarnationFloor.Value <= HighestLife,
            JoinStartMessage start => start.JoinerIncarnation.Value <= HighestLife && IsPossible(start.Current),
            JoinPrepareMessage prepare => IsPossible(prepare.View),
            _ => true,
        };
    }

    private bool IsPossible(Epoch epoch) => epoch.Value - _state.HighestEpochPersisted.Value <= FarthestView && epoch.Value <= HighestEpoch;

    private bool IsPossible(ActivationId id)
    {
        if (id.Attempt < 0) return false;
        if (id.IsForming) return id.Attempt <= (_beganAgain ? HighestFormingAttempt / 2 : HighestFormingAttempt);
        return IsPossible(id.Epoch) && id.Attempt <= HighestAttempt && id.Attempt - Math.Max(_highestAttempt, _formingAttempt) <= FarthestAttempt;
    }

    private bool ArePossible(ImmutableArray<ClusterView> views)
    {
        foreach (ClusterView view in views)
            if (!IsPossible(view)) return false;
        return true;
    }

    private bool IsPossible(ClusterView? view)
    {
        // Most are known already.
        if (view is null || view.Epoch <= _state.HighestEpochPersisted) return true;
        if (!IsPossible(view.Epoch)) return false;
        foreach (ClusterMember member in view.Members)
            if (member.Incarnation.Value > HighestLife) return false;
        return true;
    }
}
