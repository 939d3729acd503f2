// What runs on the silos: a grain that says where it lives, and one whose calls and timer leave a trace in a file, so that two
// writers at a time would show.
using System.Diagnostics;
using Membership.Provider;
using Orleans.Placement;
using Orleans.Runtime;

namespace LiveSilo;

public interface IWhereGrain : IGrainWithStringKey
{
    /// <summary>The node the grain lives on and its process.</summary>
    Task<string> WhereAsync();
}

public interface IWritingGrain : IGrainWithStringKey
{
    /// <summary>Leaves a line in the file; from the first call on a timer leaves more.</summary>
    Task<string> WriteAsync();
}

/// <summary>When a call came to the guard: it is the first filter, and the guard the second.</summary>
internal sealed class ArrivalFilter : IIncomingGrainCallFilter
{
    private static readonly AsyncLocal<long> Arrival = new();

    public static long Arrived => Arrival.Value;

    public Task Invoke(IIncomingGrainCallContext context)
    {
        Arrival.Value = Stopwatch.GetTimestamp();
        return context.Invoke();
    }
}

/// <summary>Placed at random: by default a silo that knows no other's load yet keeps every grain to itself.</summary>
[RandomPlacement]
internal sealed class WhereGrain(SiloArguments silo) : Grain, IWhereGrain
{
    public Task<string> WhereAsync() => Task.FromResult(silo.Identity);
}

[RandomPlacement]
internal sealed class WritingGrain(SiloArguments silo, IServiceProvider services) : Grain, IWritingGrain
{
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(5);
    private readonly string _life = $"{silo.Identity}.{Guid.NewGuid():N}"[..20];
    private IGrainTimer? _timer;

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _timer = this.RegisterGrainTimer(_ => Append("tick"), new GrainTimerCreationOptions(Tick, Tick));
        return Task.CompletedTask;
    }

    public Task<string> WriteAsync()
    {
        Append("call");
        return Task.FromResult(silo.Identity);
    }

    private Task Append(string what)
    {
        // Read first: this is the moment at which the call began to have an effect.
        long began = Stopwatch.GetTimestamp();
        long epoch = (services.GetService(typeof(IClusterMembership)) as IClusterMembership)?.Lease.Epoch.Value ?? 0;
        string line = FormattableString.Invariant($"{this.GetPrimaryKeyString()} {_life} {epoch} {began} {what} {ArrivalFilter.Arrived}\n");
        File.AppendAllText(silo.EffectFile, line);
        return Task.CompletedTask;
    }
}
