// The membership table's contract and its values, as documented.
using System.Net;
using Orleans.Runtime;

namespace Orleans
{
    public interface IMembershipTable
    {
        Task InitializeMembershipTable(bool tryInitTableVersion);

        Task DeleteMembershipTableEntries(string clusterId);

        Task CleanupDefunctSiloEntries(DateTimeOffset beforeDate);

        Task<MembershipTableData> ReadRow(SiloAddress key);

        Task<MembershipTableData> ReadAll();

        Task<bool> InsertRow(MembershipEntry entry, TableVersion tableVersion);

        Task<bool> UpdateRow(MembershipEntry entry, string etag, TableVersion tableVersion);

        Task UpdateIAmAlive(MembershipEntry entry);
    }

    public sealed class TableVersion(int version, string eTag)
    {
        public int Version { get; } = version;

        public string VersionEtag { get; } = eTag;

        public TableVersion Next() => new(Version + 1, VersionEtag);
    }

    public sealed class MembershipTableData
    {
        public MembershipTableData(List<Tuple<MembershipEntry, string>> list, TableVersion version) => (Members, Version) = (list, version);

        public IReadOnlyList<Tuple<MembershipEntry, string>> Members { get; }

        public TableVersion Version { get; }
    }

    public sealed class MembershipEntry
    {
        public SiloAddress SiloAddress { get; set; } = default!;

        public SiloStatus Status { get; set; }

        public List<Tuple<SiloAddress, DateTime>>? SuspectTimes { get; set; }

        public int ProxyPort { get; set; }

        public string HostName { get; set; } = default!;

        public string SiloName { get; set; } = default!;

        public string? RoleName { get; set; }

        public int UpdateZone { get; set; }

        public int FaultZone { get; set; }

        public DateTime StartTime { get; set; }

        public DateTime IAmAliveTime { get; set; }
    }
}

namespace Orleans.Runtime
{
    public enum SiloStatus
    {
        None = 0,
        Created = 1,
        Joining = 2,
        Active = 3,
        ShuttingDown = 4,
        Stopping = 5,
        Dead = 6,
    }

    public sealed class SiloAddress : IEquatable<SiloAddress>
    {
        private SiloAddress(IPEndPoint endpoint, int generation) => (Endpoint, Generation) = (endpoint, generation);

        public IPEndPoint Endpoint { get; }

        public int Generation { get; }

        public static SiloAddress New(IPEndPoint ep, int gen) => new(ep, gen);

        public static SiloAddress FromParsableString(string addr)
        {
            int at = addr.LastIndexOf('@');
            return new SiloAddress(IPEndPoint.Parse(addr.AsSpan(0, at)), int.Parse(addr.AsSpan(at + 1)));
        }

        public string ToParsableString() => $"{Endpoint}@{Generation}";

        public bool Equals(SiloAddress? other) => other is not null && Generation == other.Generation && Endpoint.Equals(other.Endpoint);

        public override bool Equals(object? obj) => Equals(obj as SiloAddress);

        public override int GetHashCode() => HashCode.Combine(Endpoint, Generation);

        public override string ToString() => $"S{Endpoint}:{Generation}";
    }

    public readonly struct MembershipVersion(long version)
    {
        public long Value { get; } = version;
    }

    public interface IClusterMembershipService
    {
        ValueTask Refresh(MembershipVersion minimumVersion = default, CancellationToken cancellationToken = default);
    }

    public interface ILocalSiloDetails
    {
        SiloAddress SiloAddress { get; }
    }

    public interface IFatalErrorHandler
    {
        bool IsUnexpected(Exception exception);

        void OnFatalException(object? sender = null, string? context = null, Exception? exception = null);
    }
}
