// The page and the few addresses behind it: live silos, how many grains each has, accounts and transfers.
using System.Diagnostics;
using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Orleans.Runtime;

namespace OrleansCluster;

internal static class Page
{
    private static readonly TimeSpan RepeatLimit = TimeSpan.FromMinutes(1), RepeatPause = TimeSpan.FromMilliseconds(100);
    private static readonly string[] Accounts = ["alice", "bob", "carol", "dave", "erin", "frank"];

    public static void Map(WebApplication host)
    {
        host.MapGet("/", ShowAsync);
        host.MapGet("/silos", async (IGrainFactory grains) => Results.Text(string.Join('\n', (await Hosts(grains)).Where(static silo => silo.Value == SiloStatus.Active).Select(static silo => silo.Key.Endpoint.Port))));
        host.MapGet("/where/{account}", async (string account, IGrainFactory grains) => (await Account(grains, account).WhereAsync()).ToString(CultureInfo.InvariantCulture));
        host.MapGet("/balance/{account}", async (string account, IGrainFactory grains) => (await Account(grains, account).BalanceAsync()).ToString(CultureInfo.InvariantCulture));
        host.MapPost("/fund/{account}/{amount:long}", async (string account, long amount, IGrainFactory grains) => Results.Ok(await Account(grains, account).ChangeAsync(Guid.NewGuid(), amount)));
        host.MapPost("/transfer/{from}/{to}/{amount:long:min(1)}", async (string from, string to, long amount, IGrainFactory grains) => from == to
            ? Results.BadRequest($"from and to are both '{from}': name two accounts")
            : Results.Ok(await TransferAsync(grains, from, to, amount)));
    }

    /// <summary>A call whose silo died may have taken effect or not: it is repeated with its number until one is answered.</summary>
    private static async Task<bool> TransferAsync(IGrainFactory grains, string from, string to, long amount)
    {
        var number = Guid.NewGuid();
        for (long started = Stopwatch.GetTimestamp(); ;)
        {
            try
            {
                return await Account(grains, from).TransferAsync(number, to, amount);
            }
            catch (Exception trouble) when (trouble is OrleansException or TimeoutException && Stopwatch.GetElapsedTime(started) < RepeatLimit)
            {
                await Task.Delay(RepeatPause);
            }
        }
    }

    private static IAccountGrain Account(IGrainFactory grains, string account) => grains.GetGrain<IAccountGrain>(account);

    private static Task<Dictionary<SiloAddress, SiloStatus>> Hosts(IGrainFactory grains) => grains.GetGrain<IManagementGrain>(0).GetHosts(onlyActive: false);

    private static async Task<IResult> ShowAsync(IGrainFactory grains, SiloSetting setting)
    {
        var page = new StringBuilder($"<!doctype html><title>Accounts</title><meta http-equiv=refresh content=1><body style='font:15px sans-serif;margin:2em'><h1>Accounts</h1><p>told by silo {setting.Number}</p><table border=1 cellpadding=6><tr><th>silo<th>state<th>grains");
        SimpleGrainStatistic[] statistics = await grains.GetGrain<IManagementGrain>(0).GetSimpleGrainStatistics();
        foreach ((SiloAddress silo, SiloStatus state) in (await Hosts(grains)).OrderBy(static silo => silo.Key.Endpoint.Port))
            page.Append(CultureInfo.InvariantCulture, $"<tr><td>{silo.Endpoint}<td>{state}<td>{statistics.Where(one => one.SiloAddress.Equals(silo) && one.GrainType.Contains(nameof(AccountGrain), StringComparison.Ordinal)).Sum(static one => one.ActivationCount)}");
        page.Append("</table><h2>Balances</h2><table border=1 cellpadding=6><tr><th>account<th>balance<th>on silo");
        long total = 0;
        foreach (string account in Accounts)
        {
            long balance = await Account(grains, account).BalanceAsync();
            total += balance;
            page.Append(CultureInfo.InvariantCulture, $"<tr><td>{account}<td>{balance}<td>{await Account(grains, account).WhereAsync()}");
        }
        page.Append(CultureInfo.InvariantCulture, $"<tr><th>all<th>{total}<th></table>");
        return Results.Content(page.ToString(), "text/html");
    }
}
