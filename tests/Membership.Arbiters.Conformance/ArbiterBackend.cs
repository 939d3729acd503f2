// What an arbiter's test project supplies: a real backend, how a process reaches it, and the bounds the documentation promises.
// The suite supplies the rest.
using System.Net;
using Membership.Engine.Arbitration;

namespace Membership.Arbiters.Conformance;

/// <summary>A set-up that cannot work, which <see cref="IQuorumArbiter.CheckAsync"/> must refuse in words.</summary>
/// <param name="What">For the failure message: what is wrong with it.</param>
/// <param name="Arguments">The arguments of an arbiter that is set up this way.</param>
/// <param name="Words">What the refusal must contain: the bad value, and what to do.</param>
public sealed record UnfitSetup(string What, string[] Arguments, params string[] Words);

/// <summary>One running backend, made anew for each test. Its type has a public constructor without parameters.</summary>
public abstract class ArbiterBackend : IAsyncDisposable
{
    /// <summary>The cluster that all contenders belong to.</summary>
    public const string ClusterId = "conformance";

    /// <summary>Arguments that <see cref="Create"/> makes an arbiter from, in this process or in a contender's.</summary>
    public abstract string[] Arguments { get; }

    /// <summary>The documented bound: how long after its last renewal a dead owner is replaced by a challenger that keeps trying.</summary>
    public abstract TimeSpan TakeoverBound { get; }

    /// <summary>The same for an owner that is stopped (SIGSTOP), whose connections and locks live on.</summary>
    public virtual TimeSpan FrozenTakeoverBound => TakeoverBound;

    /// <summary>The least time after its last renewal that an owner must be left alone.</summary>
    public abstract TimeSpan OwnershipPeriod { get; }

    /// <summary>How long disposing of an arbiter may take, whatever its backend does, and how long until the calls under way have ended: with <see cref="Arguments"/>.</summary>
    public abstract TimeSpan DisposalLimit { get; }

    /// <summary>Rounds of the race of eight.</summary>
    public virtual int Rounds => 100;

    /// <summary>How long processes contend while they are stopped and resumed at random.</summary>
    public virtual TimeSpan ContentionTime => TimeSpan.FromSeconds(12);

    /// <summary>Makes an arbiter. Called in contender processes too, where only the arguments are known: it must not use this object's state.</summary>
    public abstract IQuorumArbiter Create(IReadOnlyList<string> arguments);

    /// <summary>Starts the backend; ends when it answers.</summary>
    public abstract ValueTask StartAsync();

    /// <summary>Prepares set-ups that cannot work: wrong credentials, a missing path, a read-only place, a device that cannot do it.</summary>
    public abstract ValueTask<IReadOnlyList<UnfitSetup>> PrepareUnfitSetupsAsync();

    /// <summary>Stops and removes it.</summary>
    public abstract ValueTask DisposeAsync();
}

/// <summary>A backend that is a server of its own, reached over TCP.</summary>
public abstract class NetworkBackend : ArbiterBackend
{
    /// <summary>Where it listens.</summary>
    public abstract IPEndPoint EndPoint { get; }

    /// <summary>The arguments of an arbiter that reaches it through a proxy at <paramref name="proxy"/>.</summary>
    public abstract string[] ArgumentsVia(IPEndPoint proxy);

    /// <summary>
    /// The arguments of an arbiter whose own limits are all far longer than <see cref="ContenderProgram.CallLimit"/>: only its caller's token
    /// can end a call of it in time.
    /// </summary>
    public abstract string[] PatientArguments { get; }

    /// <summary>How long the longest call may take without any token, with <see cref="ArbiterBackend.Arguments"/>, while the server hangs.</summary>
    public abstract TimeSpan OwnCallLimit { get; }

    /// <summary>Stops the server: connections are closed, new ones refused.</summary>
    public abstract ValueTask StopAsync();

    /// <summary>Starts it again with what it had stored.</summary>
    public abstract ValueTask RestartAsync();

    /// <summary>Whether leases and locks of before <see cref="StopAsync"/> count after <see cref="RestartAsync"/>; a backend that forgets them is started blank.</summary>
    public virtual bool RemembersOwnersOverRestart => true;

    /// <summary>Stops the server with SIGSTOP, all its processes: connections stay and nothing is answered.</summary>
    public abstract ValueTask HangAsync();

    /// <summary>Lets it go on.</summary>
    public abstract ValueTask ResumeAsync();

    /// <summary>What a server in trouble answers to any request, or null: then the suite resets every connection.</summary>
    public virtual byte[]? ErrorAnswer => null;
}
