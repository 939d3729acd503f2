// The mounted kind on a real mount: the kernel's own client in a guest, a real smbd on this machine, and a way for each mount that can be cut.
using System.Globalization;
using Membership.Arbiters.Conformance;
using Xunit;

namespace Membership.Arbiters.FileShare.Tests;

[Trait("Run", "Full")]
[Trait("Category", "Arbiters")]
public sealed class CifsMountTests
{
    [Fact]
    public async Task The_contest_runs_on_cifs_mounts_and_an_owner_that_is_cut_off_loses_it_though_its_client_takes_the_lock_again()
    {
        await using var server = new Samba();
        await server.StartAsync();
        await using TcpProxy first = new(server.EndPoint), second = new(server.EndPoint);
        using Guest guest = Guest.Boot("share.cpio", string.Create(CultureInfo.InvariantCulture, $"share one={first.EndPoint.Port} two={second.EndPoint.Port} user={server.Arguments[2]} password={server.Arguments[3]}"), 1024);
        await guest.HearAsync(MountProgram.Cut);
        first.Cut();
        await guest.HearAsync(MountProgram.Heal);
        first.Heal();
        string end = await guest.HearAsync("GUEST-ENDED");
        foreach (string line in guest.Console.Split('\n').Where(static line => line.Contains("ok ", StringComparison.Ordinal))) TestContext.Current.TestOutputHelper?.WriteLine(line);
        Assert.True(end.Trim().EndsWith("GUEST-ENDED 0", StringComparison.Ordinal) && guest.Console.Contains("MOUNTS-PASSED", StringComparison.Ordinal), guest.Console);
    }
}
