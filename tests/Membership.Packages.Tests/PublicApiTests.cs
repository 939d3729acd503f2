// The public surface is kept in a file per package, so that a change of it is seen and meant.
using System.Reflection;
using Membership.Arbiters.BlobLease;
using Membership.Arbiters.FileShare;
using Membership.Arbiters.Scsi;
using Membership.Engine;
using Membership.Provider;
using Membership.Provider.AspNetCore;
using Membership.Tests;
using Xunit;

namespace Membership.Packages.Tests;

public sealed class PublicApiTests
{
    private static readonly Assembly[] Assemblies =
    [
        typeof(NodeId).Assembly, typeof(IClusterMembership).Assembly, typeof(MembershipPageOptions).Assembly,
        typeof(ScsiReservationArbiter).Assembly, typeof(FileShareArbiter).Assembly, typeof(BlobLeaseArbiter).Assembly,
    ];

    public static TheoryData<string> Packages => [.. Assemblies.Select(static assembly => assembly.GetName().Name!)];

    [Theory]
    [MemberData(nameof(Packages))]
    public void Nothing_public_comes_or_goes_or_changes_unnoticed(string package) => PublicApi.AssertKept(Assemblies.Single(assembly => assembly.GetName().Name == package));

    [Fact]
    public void Every_package_that_is_made_for_programs_has_its_file()
    {
        string[] packed = [.. Directory.EnumerateFiles(Path.Combine(RepositoryRoot.Path, "src"), "*.csproj", SearchOption.AllDirectories)
            .Select(static project => Path.GetFileNameWithoutExtension(project)).Where(static name => name != "Membership.Cli").Order(StringComparer.Ordinal)];
        Assert.Equal(packed, Directory.EnumerateFiles(PublicApi.Folder).Select(static file => Path.GetFileNameWithoutExtension(file)).Order(StringComparer.Ordinal));
        // The adapter's is looked at where its packages may come from a folder of their own.
        Assert.Equal(packed, Packages.Select(static row => row.Data).Append("Membership.Provider.Orleans").Order(StringComparer.Ordinal));
    }
}
