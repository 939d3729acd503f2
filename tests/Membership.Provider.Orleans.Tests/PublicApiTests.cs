// The adapter's public surface; the same against the stand-in and against the real packages.
using Membership.Packages.Tests;
using Xunit;

namespace Membership.Provider.Orleans.Tests;

public sealed class PublicApiTests
{
    [Fact]
    public void Nothing_public_comes_or_goes_or_changes_unnoticed() => PublicApi.AssertKept(typeof(RegroupSiloOptions).Assembly);
}
