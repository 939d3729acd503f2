// The three clock values of a cluster. The first node of a cluster sets them; joiners inherit them in the view.
namespace Membership.Engine;

/// <summary>The clock values a cluster runs on: clock period T, send rate S and receive rate R. All members of a cluster use the same.</summary>
/// <param name="ClockPeriod">T, the basic tick. 5 ms..10 s; default 300 ms (the header's <c>clockPeriod</c>).</param>
/// <param name="SendRate">S: a heartbeat every S*T. 1..100; default 4 (<c>sendHBRate</c>).</param>
/// <param name="ReceiveRate">R: a node is lost after R*S*T of silence. 2..100; default 2 (<c>rcvHBRate</c>).</param>
/// <remarks>Detection and lease period L = R*S*T: 2.4 s with the defaults.</remarks>
public readonly record struct ClusterTiming(TimeSpan ClockPeriod, int SendRate, int ReceiveRate)
{
    /// <summary>The header's timing: 300 ms, 4, 2; L = 2.4 s.</summary>
    public static readonly ClusterTiming Default = new(TimeSpan.FromMilliseconds(300), 4, 2);

    /// <summary>A quiet local network: 125 ms, 4, 2; L = 1 s.</summary>
    public static readonly ClusterTiming Lan = new(TimeSpan.FromMilliseconds(125), 4, 2);

    /// <summary>Several nodes on one machine, for tests and demos: 50 ms, 4, 2; L = 400 ms.</summary>
    public static readonly ClusterTiming Local = new(TimeSpan.FromMilliseconds(50), 4, 2);

    /// <summary>S*T: the time between two heartbeats to a peer.</summary>
    public TimeSpan HeartbeatInterval => new(ClockPeriod.Ticks * SendRate);

    /// <summary>L = R*S*T: silence after which a node is suspect, and the length of a lease.</summary>
    public TimeSpan LossPeriod => new(ClockPeriod.Ticks * SendRate * ReceiveRate);
}
