// The page's endpoints under those who mean no good or are too many: watchers are bounded, a flood of questions costs the node nothing
// that counts, and what is asked in a wrong way is answered.
using System.Net;
using System.Text.Json;
using Membership.Engine;
using Membership.Provider.Inspection;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Membership.Provider.AspNetCore.Tests;

public sealed class PageEndpointTests
{
    [Fact]
    public async Task Watchers_beyond_the_limit_are_told_to_come_back_and_one_that_goes_makes_room()
    {
        await using var nodes = new WebNodes(1);
        await nodes.StartAsync(static app => app.MapRegroupMembership("/membership", static page => page.MostWatchers = 2));
        using var client = new HttpClient();
        var events = new Uri(nodes.Url(1) + "/membership/events");
        Task<HttpResponseMessage> WatchAsync() => client.GetAsync(events, HttpCompletionOption.ResponseHeadersRead, WebNodes.Deadline);
        using HttpResponseMessage first = await WatchAsync();
        HttpResponseMessage second = await WatchAsync();
        Assert.Equal("text/event-stream", second.Content.Headers.ContentType!.MediaType);
        using (HttpResponseMessage third = await WatchAsync())
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, third.StatusCode);
            Assert.NotNull(third.Headers.RetryAfter);
        }
        second.Dispose();
        HttpStatusCode code = HttpStatusCode.ServiceUnavailable;
        await WebNodes.UntilAsync("there is room again", () =>
        {
            using HttpResponseMessage next = WatchAsync().Result;
            return (code = next.StatusCode) == HttpStatusCode.OK;
        });
        Assert.Equal(HttpStatusCode.OK, first.StatusCode);
    }

    [Fact]
    public async Task An_event_is_one_line_of_json_whatever_names_and_journal_hold()
    {
        await using var nodes = new WebNodes(1);
        await nodes.StartAsync(static app => app.MapRegroupMembership(), static options => options.ClusterId = "</script><img src=x>\n\nevent: snapshot\ndata: {}\u2028\0");
        using var client = new HttpClient();
        using HttpResponseMessage answer = await client.GetAsync(new Uri(nodes.Url(1) + "/membership/events"), HttpCompletionOption.ResponseHeadersRead, WebNodes.Deadline);
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync(WebNodes.Deadline));
        Assert.Equal("event: snapshot", await reader.ReadLineAsync(WebNodes.Deadline));
        string data = (await reader.ReadLineAsync(WebNodes.Deadline))!;
        Assert.Equal("", await reader.ReadLineAsync(WebNodes.Deadline));
        Assert.DoesNotContain("<img", data, StringComparison.Ordinal);
        Assert.Contains("<img src=x>\n\nevent", JsonSerializer.Deserialize(data["data: ".Length..], SnapshotJsonContext.Default.MembershipSnapshot)!.ClusterId, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_page_lets_nothing_but_its_own_script_and_style_run_and_is_kept_by_nobody()
    {
        await using var nodes = new WebNodes(1);
        await nodes.StartAsync(static app => app.MapRegroupMembership());
        (HttpResponseMessage one, string page) = await nodes.GetAsync(1, "/membership");
        (HttpResponseMessage two, _) = await nodes.GetAsync(1, "/membership");
        string policy = Assert.Single(one.Headers.GetValues("Content-Security-Policy"));
        Assert.StartsWith("default-src 'none'", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
        Assert.NotEqual(policy, Assert.Single(two.Headers.GetValues("Content-Security-Policy")));
        Assert.True(one.Headers.CacheControl!.NoStore);
        Assert.DoesNotContain("http://", page.Replace("http://www.w3.org/", "", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.DoesNotContain("https://", page, StringComparison.Ordinal);
        Assert.DoesNotContain("innerHTML", page, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("lines=abc", 0)]
    [InlineData("lines=-5", 0)]
    [InlineData("lines=99999999999999", 0)]
    [InlineData("lines=2000000000", 1024)]
    [InlineData("lines=3", 3)]
    public async Task A_number_of_lines_is_taken_within_its_bounds(string query, int most)
    {
        await using var nodes = new WebNodes(1);
        await nodes.StartAsync(static app => app.MapRegroupMembership());
        (HttpResponseMessage answer, string body) = await nodes.GetAsync(1, "/membership/snapshot?" + query);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.InRange(JsonSerializer.Deserialize(body, SnapshotJsonContext.Default.MembershipSnapshot)!.Journal.Count, Math.Min(most, 1), most);
    }

    [Fact]
    public async Task A_flood_of_questions_moves_no_view_and_loses_no_lease()
    {
        await using var nodes = new WebNodes(3);
        // A pause of the machine is not what this is about.
        await nodes.StartAsync(static app => app.MapRegroupMembership(), static options => options.Timing.ReceiveRate = 20);
        Epoch before = nodes.Membership(1).CurrentView!.Epoch;
        using var client = new HttpClient();
        var snapshot = new Uri(nodes.Url(1) + "/membership/snapshot?lines=1024");
        await Parallel.ForEachAsync(Enumerable.Range(0, 1500), new ParallelOptions { MaxDegreeOfParallelism = 32, CancellationToken = WebNodes.Deadline }, async (_, token) =>
        {
            using HttpResponseMessage answer = await client.GetAsync(snapshot, token);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        });
        await WebNodes.UntilAsync("the lease is valid", () => nodes.Membership(1).Lease.IsValid);
        Assert.Equal(before, nodes.Membership(1).CurrentView!.Epoch);
    }

    [Fact]
    public async Task A_guard_of_a_cluster_that_is_not_there_says_which_and_what_to_do()
    {
        await using var nodes = new WebNodes(1);
        var told = new TaskCompletionSource<string>();
        await nodes.StartAsync(app =>
        {
            app.Use(async (context, next) =>
            {
                try
                {
                    await next(context);
                }
                catch (InvalidOperationException wrong)
                {
                    told.TrySetResult(wrong.Message);
                }
            });
            app.MapGet("/other", static () => "served").RequireMembership(new RequiresMembershipAttribute { ClusterName = "other" });
        });
        await nodes.GetAsync(1, "/other");
        Assert.Contains("'other'", await told.Task.WaitAsync(WebNodes.Deadline), StringComparison.Ordinal);
    }
}
