// Regroups as others see them: one span per regroup with an event per stage, and how long each stage took.
using System.Diagnostics;
using Membership.Engine.Protocol;

namespace Membership.Engine.Runtime;

/// <summary>Called by the loop only.</summary>
internal sealed class RegroupTrace(string cluster, NodeId self, MonotonicClock clock, NodeMetrics metrics)
{
    private static readonly ActivitySource Source = new(NodeMetrics.Name, typeof(RegroupTrace).Assembly.GetName().Version?.ToString(3));

    private Activity? _span;
    private RegroupStage _stage;
    private RegroupCause _cause;
    private ActivationId _activation;
    private MonotonicTime _began;
    private MonotonicTime _entered;

    public void StageEntered(ActivationId activation, RegroupStage stage, RegroupCause cause)
    {
        MonotonicTime now = clock.Now;
        if (_stage == RegroupStage.None)
        {
            _began = now;
            _cause = cause;
            _activation = activation;
            Begin(activation, cause);
        }
        else
        {
            metrics.StageEnded(_stage, now - _entered);
            if (activation != _activation) _span?.AddEvent(new ActivityEvent("restarted", tags: new ActivityTagsCollection { ["membership.activation"] = activation.ToString(), ["membership.cause"] = cause.ToString() }));
            _activation = activation;
        }
        (_stage, _entered) = (stage, now);
        if (stage != RegroupStage.None) _span?.AddEvent(new ActivityEvent(stage.ToString()));
        else End("installed");
    }

    public void ViewInForce(ClusterView view)
        => _span?.AddEvent(new ActivityEvent("view in force", tags: new ActivityTagsCollection { ["membership.epoch"] = view.Epoch.Value, ["membership.members"] = view.Nodes.ToString() }));

    /// <summary>The node halts or goes down; a regroup that it was in has no end here.</summary>
    public void Stop(string why)
    {
        if (_stage == RegroupStage.None) return;
        _span?.SetStatus(ActivityStatusCode.Error, why);
        _stage = RegroupStage.None;
        End(why);
    }

    private void Begin(ActivationId activation, RegroupCause cause)
    {
        // The loop's thread has no span of its own that others could become children of.
        Activity? around = Activity.Current;
        _span = Source.StartActivity("regroup", ActivityKind.Internal, parentContext: default, tags:
        [
            new("membership.cluster", cluster), new("membership.node", self.Value), new("membership.activation", activation.ToString()), new("membership.cause", cause.ToString()),
        ]);
        Activity.Current = around;
    }

    private void End(string outcome)
    {
        metrics.RegroupEnded(_cause, clock.Now - _began);
        if (_span is null) return;
        Activity? around = Activity.Current;
        _span.SetTag("membership.outcome", outcome);
        _span.Dispose();
        _span = null;
        Activity.Current = around;
    }
}
