// What a silo's and a client's set-up offer: builders, options, lifecycle, call filters, gateway lists.
using Microsoft.Extensions.DependencyInjection;
using Orleans.Runtime;

namespace Orleans
{
    public interface ILifecycleObserver
    {
        Task OnStart(CancellationToken cancellationToken = default);

        Task OnStop(CancellationToken cancellationToken = default);
    }

    public interface ILifecycleObservable
    {
        IDisposable Subscribe(string observerName, int stage, ILifecycleObserver observer);
    }

    public interface ILifecycleParticipant<TLifecycleObservable>
        where TLifecycleObservable : ILifecycleObservable
    {
        void Participate(TLifecycleObservable lifecycle);
    }

    public static class ServiceLifecycleStage
    {
        public const int RuntimeInitialize = 2000;
        public const int RuntimeGrainServices = 8000;
        public const int AfterRuntimeGrainServices = 8100;
        public const int BecomeActive = Active - 1;
        public const int Active = 20000;
    }

    public interface IGrainCallContext
    {
        GrainId TargetId { get; }

        string InterfaceName { get; }

        Task Invoke();
    }

    public interface IIncomingGrainCallContext : IGrainCallContext;

    public interface IOutgoingGrainCallContext : IGrainCallContext;

    public interface IIncomingGrainCallFilter
    {
        Task Invoke(IIncomingGrainCallContext context);
    }

    public interface IOutgoingGrainCallFilter
    {
        Task Invoke(IOutgoingGrainCallContext context);
    }
}

namespace Orleans.Runtime
{
    public interface ISiloLifecycle : ILifecycleObservable;

    public readonly struct GrainId
    {
        private GrainId(string type) => Type = type;

        public string Type { get; }

        public static GrainId Create(string type, string key) => new(type);
    }

    public static class GrainTypePrefix
    {
        public static bool IsSystemTarget(this in GrainId id) => id.Type.StartsWith("sys.svc.", StringComparison.Ordinal);

        public static bool IsClient(this in GrainId id) => id.Type.StartsWith("sys.client", StringComparison.Ordinal);
    }

    public sealed class SiloUnavailableException(string msg) : Exception(msg);
}

namespace Orleans.Messaging
{
    public interface IGatewayListProvider
    {
        TimeSpan MaxStaleness { get; }

        bool IsUpdatable { get; }

        Task InitializeGatewayListProvider();

        Task<IList<Uri>> GetGateways();
    }
}

namespace Orleans.Configuration
{
    public class ClusterMembershipOptions
    {
        public int NumMissedProbesLimit { get; set; } = 3;

        public int NumProbedSilos { get; set; } = 10;

        public int NumVotesForDeathDeclaration { get; set; } = 2;

        public bool EnableIndirectProbes { get; set; } = true;

        public bool EvictWhenMaxJoinAttemptTimeExceeded { get; set; } = true;

        public bool UseLivenessGossip { get; set; } = true;

        public bool LivenessEnabled { get; set; } = true;
    }

    public class ClusterOptions
    {
        public string ClusterId { get; set; } = "default";

        public string ServiceId { get; set; } = "default";
    }

    public class GatewayOptions
    {
        public TimeSpan GatewayListRefreshPeriod { get; set; } = TimeSpan.FromMinutes(1);
    }
}

namespace Orleans.Hosting
{
    public interface ISiloBuilder
    {
        IServiceCollection Services { get; }
    }

    public interface IClientBuilder
    {
        IServiceCollection Services { get; }
    }
}
