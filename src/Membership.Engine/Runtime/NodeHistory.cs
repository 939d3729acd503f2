// What a node went through lately, kept for people: its regroups with their stages, and its change notifications.
using System.Collections.Immutable;
using Membership.Engine.Protocol;

namespace Membership.Engine.Runtime;

/// <summary>A stage of an incident, entered so long after the incident began.</summary>
internal readonly record struct IncidentStage(ActivationId Activation, RegroupStage Stage, TimeSpan Since);

/// <summary>A regroup, or a view that was installed without one (a join, a change of roles).</summary>
/// <param name="Began">Wall time, for people.</param>
/// <param name="Stages">The stages in order; a restart begins again at the first one with another activation.</param>
/// <param name="Duration">Until it ended, or until now while it is going on.</param>
/// <param name="Ended">Whether it has ended.</param>
/// <param name="Cause">None for a view without a regroup.</param>
/// <param name="View">The view it ended with; null before that.</param>
/// <param name="Before">The view before it; null for a forming or a join of this node.</param>
internal sealed record Incident(
    DateTimeOffset Began, RegroupCause Cause, ImmutableArray<IncidentStage> Stages, TimeSpan Duration, bool Ended, ClusterView? View, ClusterView? Before);

/// <summary>A change notification with its time, for people.</summary>
internal readonly record struct NotedChange(DateTimeOffset Time, ClusterChangeNotification Change);

/// <summary>Bounded: the oldest go first. Written by the loop; read by any thread.</summary>
internal sealed class NodeHistory(MonotonicClock clock)
{
    public const int Incidents = 32;
    public const int Changes = 128;

    // A regroup that restarts again and again, as a forming that waits for the others, shows its last stages.
    private const int StagesPerIncident = 48;

    private readonly Lock _gate = new();
    private readonly Queue<Incident> _past = new();
    private readonly Queue<NotedChange> _changes = new();
    private readonly List<IncidentStage> _stages = [];
    private DateTimeOffset _began;
    private MonotonicTime _beganAt;
    private RegroupCause _cause;
    private bool _running;
    private ClusterView? _view;
    private ClusterView? _before;

    public void StageEntered(ActivationId activation, RegroupStage stage, RegroupCause cause)
    {
        lock (_gate)
        {
            if (stage == RegroupStage.None)
            {
                End();
                return;
            }
            if (!_running) Begin(cause);
            if (_stages.Count == StagesPerIncident) _stages.RemoveAt(0);
            _stages.Add(new IncidentStage(activation, stage, clock.Now - _beganAt));
        }
    }

    public void ViewInstalled(ClusterView view)
    {
        lock (_gate)
        {
            bool alone = !_running;
            if (alone) Begin(RegroupCause.None);
            _view = view;
            if (alone) End();
        }
    }

    public void Noted(ClusterChangeNotification change)
    {
        lock (_gate)
        {
            if (_changes.Count == Changes) _changes.Dequeue();
            _changes.Enqueue(new NotedChange(clock.Provider.GetUtcNow(), change));
        }
    }

    /// <summary>The incidents, oldest first, the one that is going on last; and the notifications, oldest first.</summary>
    public (ImmutableArray<Incident> Incidents, ImmutableArray<NotedChange> Changes) Snapshot()
    {
        lock (_gate)
        {
            ImmutableArray<Incident> incidents = _running ? [.. _past, Current(ended: false)] : [.. _past];
            return (incidents, [.. _changes]);
        }
    }

    private void Begin(RegroupCause cause)
    {
        (_running, _cause, _before, _view) = (true, cause, _view, null);
        (_began, _beganAt) = (clock.Provider.GetUtcNow(), clock.Now);
        _stages.Clear();
    }

    private void End()
    {
        if (!_running) return;
        if (_past.Count == Incidents) _past.Dequeue();
        _past.Enqueue(Current(ended: true));
        _running = false;
        _view ??= _before;
    }

    private Incident Current(bool ended) => new(_began, _cause, [.. _stages], clock.Now - _beganAt, ended, _view, _before);
}
