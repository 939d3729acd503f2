// What all cases of the suite share: a real backend made for the one test, its contenders, and the checks at the end.
using Xunit;

namespace Membership.Arbiters.Conformance;

/// <summary>The base of the suite's classes. Each test has a backend and contenders of its own, so that classes may run side by side.</summary>
/// <typeparam name="TBackend">Makes and stops the real thing.</typeparam>
public abstract class ConformanceCase<TBackend> : IAsyncLifetime
    where TBackend : ArbiterBackend, new()
{
    /// <summary>What a loaded machine may add to any bound.</summary>
    protected static readonly TimeSpan Tolerance = TimeSpan.FromSeconds(2);

    protected TBackend Backend { get; } = new();

    protected Contenders Contenders { get; } = new();

    public async ValueTask InitializeAsync() => await Backend.StartAsync();

    public virtual async ValueTask DisposeAsync()
    {
        try
        {
            Contenders.Dispose();
        }
        finally
        {
            await Backend.DisposeAsync();
            GC.SuppressFinalize(this);
        }
    }

    /// <summary>A contender that has won and renews.</summary>
    protected async Task<ContenderProcess> OwnerAsync(IEnumerable<string>? arguments = null)
    {
        ContenderProcess owner = await Contenders.StartAsync(arguments ?? Backend.Arguments);
        Assert.StartsWith("Success", await owner.AskAsync("arbitrate 20000"), StringComparison.Ordinal);
        Assert.Equal("keeping", await owner.AskAsync("keep"));
        return owner;
    }

    protected void AssertSafeAndInTime()
    {
        OwnershipLog log = Contenders.ReadLog();
        log.AssertNeverTwoOwners();
        log.AssertNothingConfirmedIsForgotten();
        log.AssertCallsCameBackInTime(Tolerance);
    }
}
