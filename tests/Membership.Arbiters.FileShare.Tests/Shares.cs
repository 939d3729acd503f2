// How contender processes of these tests make their arbiter: "mounted" PATH, or "smb" ADDRESS USER PASSWORD ["patient"].
using Membership.Engine.Arbitration;

namespace Membership.Arbiters.FileShare.Tests;

internal static class Shares
{
    /// <summary>Shorter than the defaults by four, so that the whole suite fits into a test run.</summary>
    public static readonly TimeSpan OwnershipPeriod = TimeSpan.FromSeconds(2.4), RenewInterval = TimeSpan.FromSeconds(0.6);

    public static readonly TimeSpan CallDeadline = TimeSpan.FromSeconds(2);

    public static IQuorumArbiter Make(IReadOnlyList<string> arguments)
    {
        var options = new FileShareOptions
        {
            Path = arguments[1],
            AllowLocalDirectory = arguments[0] == "mounted",
            OwnershipPeriod = OwnershipPeriod,
            RenewInterval = RenewInterval,
            CallDeadline = CallDeadline,
        };
        if (arguments[0] == "smb") (options.UserName, options.Password) = (arguments[2], arguments[3]);
        if (arguments[^1] == "patient") (options.OwnershipPeriod, options.CallDeadline) = (TimeSpan.FromSeconds(60), TimeSpan.FromSeconds(40));
        return new FileShareArbiter(options);
    }
}
