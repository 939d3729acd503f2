// The public surface is kept in a file per package, so that a change of it is seen and meant.
using System.Reflection;
using Membership.Engine;
using Membership.Provider;
using Membership.Provider.AspNetCore;
using Xunit;

namespace Membership.Packages.Tests;

public sealed class PublicApiTests
{
    private const string Update = "REGROUP_UPDATE_API";

    /// <summary>True once the surface is to be frozen: until then a new member may come without its line, and is only shown.</summary>
    private static readonly bool AdditionsNeedTheirLine = Environment.GetEnvironmentVariable("REGROUP_FREEZE_API") == "1";

    public static TheoryData<string> Packages => ["Membership.Engine", "Membership.Provider", "Membership.Provider.AspNetCore"];

    [Theory]
    [MemberData(nameof(Packages))]
    public void Nothing_public_goes_away_or_changes_unnoticed(string package)
    {
        Assembly assembly = package switch
        {
            "Membership.Engine" => typeof(NodeId).Assembly,
            "Membership.Provider" => typeof(IClusterMembership).Assembly,
            _ => typeof(MembershipPageOptions).Assembly,
        };
        string file = Path.Combine(PackageTests.Repository, "tests", "Membership.Packages.Tests", "api", package + ".txt");
        IReadOnlyList<string> now = PublicApi.Of(assembly);
        if (Environment.GetEnvironmentVariable(Update) == "1") File.WriteAllLines(file, now);
        string[] kept = File.ReadAllLines(file);
        string[] gone = [.. kept.Except(now)], added = [.. now.Except(kept)];
        Assert.True(gone.Length == 0, $"No longer in {package}, or changed:\n{string.Join('\n', gone)}\nIf that is meant: {Update}=1 ./test --only Packages, and commit {file}.");
        Assert.True(!AdditionsNeedTheirLine || added.Length == 0, $"New in {package}:\n{string.Join('\n', added)}\n{Update}=1 ./test --only Packages writes it down.");
        foreach (string line in added) TestContext.Current.SendDiagnosticMessage($"not yet in the file: {line}");
    }
}
