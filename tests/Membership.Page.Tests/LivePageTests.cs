// The live page in a real browser on a real cluster: what it shows, that it changes as the cluster does, and who may act through it.
using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Failover.Demo;
using Membership.Provider.Inspection;
using Microsoft.Playwright;
using Xunit;
using static Microsoft.Playwright.Assertions;

namespace Membership.Page.Tests;

public sealed class LivePageTests(LiveCluster cluster, Browser browser) : IClassFixture<LiveCluster>, IClassFixture<Browser>
{
    private const string Contrast = """
        () => {
          const parse = c => { const m = c.match(/rgba?\(([^)]+)\)/); if (!m) return null; const [r, g, b, a = '1'] = m[1].split(/[ ,\/]+/).filter(Boolean); return [+r, +g, +b, +a]; };
          const paint = c => { const x = document.createElement('canvas').getContext('2d'); x.fillStyle = c; x.fillRect(0, 0, 1, 1); return [...x.getImageData(0, 0, 1, 1).data].map((v, i) => i === 3 ? v / 255 : v); };
          const over = (top, under) => [0, 1, 2].map(i => top[i] * top[3] + under[i] * (1 - top[3])).concat(1);
          const back = e => { let stack = []; for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor) ?? paint(getComputedStyle(e).backgroundColor); stack.push(c); if (c[3] === 1) break; } return stack.reverse().reduce((under, top) => over(top, under), [255, 255, 255, 1]); };
          const lum = ([r, g, b]) => { const f = v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; return .2126 * f(r) + .7152 * f(g) + .0722 * f(b); };
          const bad = [];
          // The slowest round trip there is a colour for.
          for (const cell of document.querySelectorAll('#matrix td.yes')) cell.style.background = 'color-mix(in srgb, var(--heat) 75%, var(--surface))';
          const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
          while (walk.nextNode()) {
            const e = walk.currentNode.parentElement;
            if (!walk.currentNode.data.trim() || e.closest('script,style,.hidden,[hidden],dialog:not([open]),[aria-hidden],.skip,td.self,button:disabled') || !e.checkVisibility()) continue;
            const fore = parse(getComputedStyle(e).color) ?? paint(getComputedStyle(e).color), under = back(e), one = lum(over(fore, under)), two = lum(under);
            const ratio = (Math.max(one, two) + .05) / (Math.min(one, two) + .05);
            if (ratio < 4.5) bad.push(`${e.tagName}.${e.className} "${walk.currentNode.data.trim().slice(0, 30)}" ${ratio.toFixed(2)}`);
          }
          return [...new Set(bad)];
        }
        """;

    [Fact]
    public async Task The_page_shows_nodes_matrix_lease_and_regroups_and_follows_a_kill_and_a_return()
    {
        (IPage page, List<string> requests) = await browser.OpenAsync(cluster.Url(1));
        await Expect(page.Locator("#state-text")).ToHaveTextAsync("stable");
        await Expect(page.Locator("#nodes tbody tr")).ToHaveCountAsync(3);
        await Expect(page.Locator("#nodes .pill[data-tone=ok]")).ToHaveCountAsync(3);
        await Expect(page.Locator("#matrix td.yes")).ToHaveCountAsync(6);
        await Expect(page.Locator("#f-members")).ToHaveTextAsync("3 of 3");
        await Expect(page.Locator("#regroups li").First).ToBeVisibleAsync();
        Assert.NotEqual(0, await page.Locator("#journal li").CountAsync());

        cluster.Kill(3);
        await Expect(page.Locator("#f-members")).ToHaveTextAsync("2 of 3");
        await Expect(page.Locator("#nodes tr[data-node='3'] .pill")).ToHaveTextAsync("out");
        await Expect(page.Locator("#nodes tr[data-node='3'] .role")).ToHaveTextAsync("Out");
        await Expect(page.Locator("#state-text")).ToHaveTextAsync("1 node out");
        await Expect(page.Locator("#regroups .gone").First).ToHaveTextAsync("− node 3");
        await Expect(page.Locator("#live")).ToContainTextAsync("Members: 1, 2.");
        await Expect(page.Locator("#changes li").First).ToContainTextAsync("Node 3 left");
        await Expect(page.Locator("#matrix td.no").First).ToBeVisibleAsync();
        await page.Locator("#regroups summary").First.ClickAsync();
        await Expect(page.Locator("#regroups li").First.Locator(".stages .s-Prune").First).ToBeVisibleAsync();
        await Browser.ScreenshotAsync(page, "node-out");

        cluster.Start(3);
        await Expect(page.Locator("#f-members")).ToHaveTextAsync("3 of 3");
        await Expect(page.Locator("#nodes tr[data-node='3'] .pill")).ToHaveTextAsync("up");
        await Expect(page.Locator("#regroups .came").First).ToHaveTextAsync("+ node 3");
        await Expect(page.Locator("#matrix td.yes")).ToHaveCountAsync(6);
        // What was opened stays open while the page goes on.
        Assert.Equal(1, await page.Locator("#regroups details[open]").CountAsync());

        Assert.DoesNotContain(requests, request => !request.StartsWith(cluster.Url(1), StringComparison.Ordinal) && !request.StartsWith("data:", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_page_is_legible_in_light_and_dark_and_on_a_phone()
    {
        await cluster.UntilAsync(1, "all three are members", static snapshot => snapshot.View?.Members.Count == 3);
        foreach (ColorScheme colors in (ColorScheme[])[ColorScheme.Light, ColorScheme.Dark])
        {
            (IPage page, _) = await browser.OpenAsync(cluster.Url(1), colors: colors);
            await Expect(page.Locator("#matrix td.yes")).ToHaveCountAsync(6);
            Assert.Empty(await page.EvaluateAsync<string[]>(Contrast));
            await Browser.ScreenshotAsync(page, colors == ColorScheme.Light ? "light" : "dark");
        }
        (IPage phone, _) = await browser.OpenAsync(cluster.Url(1), width: 360, height: 760, colors: ColorScheme.Dark);
        await Expect(phone.Locator("#matrix td.yes")).ToHaveCountAsync(6);
        Assert.InRange(await phone.EvaluateAsync<int>("document.scrollingElement.scrollWidth"), 300, 360);
        Assert.Empty(await phone.EvaluateAsync<string[]>(Contrast));
        await Browser.ScreenshotAsync(phone, "phone-dark");
        await phone.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = "Colours" }).ClickAsync();
        Assert.Equal("light", await phone.EvaluateAsync<string>("document.documentElement.dataset.theme"));
        await Browser.ScreenshotAsync(phone, "phone-light");
    }

    [Fact]
    public async Task Every_control_is_reached_by_keyboard_in_order_and_has_a_name_and_the_journal_can_be_filtered()
    {
        (IPage page, _) = await browser.OpenAsync(cluster.Url(2));
        await Expect(page.Locator("#journal li").First).ToBeVisibleAsync();
        var seen = new List<string>();
        for (int i = 0; i < 12; i++)
        {
            await page.Keyboard.PressAsync("Tab");
            seen.Add(await page.EvaluateAsync<string>("document.activeElement.id || document.activeElement.className || document.activeElement.tagName"));
        }
        Assert.Equal(["skip", "theme"], seen.Take(2));
        Assert.Contains("filter", seen);
        Assert.Empty(await page.EvaluateAsync<string[]>(
            "() => [...document.querySelectorAll('button,input,summary,[role=region]')].filter(e => e.checkVisibility() && !(e.getAttribute('aria-label') || e.labels?.[0]?.textContent || e.textContent.trim() || document.getElementById(e.getAttribute('aria-labelledby') ?? '')?.textContent)).map(e => e.outerHTML)"));
        await page.Locator("#filter").FillAsync("installed");
        await Expect(page.Locator("#journal mark").First).ToHaveTextAsync("installed");
        Assert.Equal(await page.Locator("#journal li").CountAsync(), await page.Locator("#journal mark").CountAsync());
        await page.Locator("#filter").FillAsync("no such line at all");
        await Expect(page.Locator("#journal li")).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task Names_and_journal_lines_that_look_like_markup_are_shown_and_not_run()
    {
        const string Hostile = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>";
        string directory = Directory.CreateTempSubdirectory("regroup-page-tests-").FullName;
        int[] ports = FreePorts.Find(6);
        string config = Path.Combine(directory, "cluster.json");
        await File.WriteAllTextAsync(config, JsonSerializer.Serialize(new
        {
            RegroupMembership = new
            {
                ClusterId = Hostile, Preset = "Lan", StoreDirectory = Path.Combine(directory, "node"), WitnessFile = new { Directory = Path.Combine(directory, "<b onclick=1>witness") },
                // The program's own settings have three: the others never start, and have no vote.
                Nodes = Enumerable.Range(1, 3).Select(number => new { Number = number, Votes = number == 1 ? 1 : 0, Endpoints = new[] { $"127.0.0.1:{ports[number - 1]}" } }),
            },
            Web = new { Ports = ports[3..] },
            Resource = new { File = Path.Combine(directory, "served.log") },
        }), LiveCluster.Deadline);
        using Process node = LiveCluster.StartProgram(directory, "--node", "1", "--config", config, "--exit-with-parent", "true");
        try
        {
            string url = $"http://127.0.0.1:{ports[3]}/membership";
            await LiveCluster.AnswersAsync(url);
            (IPage page, List<string> requests) = await browser.OpenAsync(url);
            await Expect(page.Locator("#f-members")).ToHaveTextAsync("1 of 3");
            await Expect(page.Locator("#cluster")).ToHaveTextAsync(Hostile);
            await Expect(page.Locator("#f-witness-sub")).ToContainTextAsync("<b onclick=1>");
            await page.Locator("#filter").FillAsync("<img");
            Assert.Equal(0, await page.Locator("img, #journal script, b[onclick]").CountAsync());
            Assert.NotEqual("owned", await page.TitleAsync());
            Assert.DoesNotContain(requests, request => !request.StartsWith(url, StringComparison.Ordinal) && !request.StartsWith("data:", StringComparison.Ordinal));
        }
        finally
        {
            node.Kill();
            await node.WaitForExitAsync(CancellationToken.None);
            Directory.Delete(directory, recursive: true);
        }
    }

    [Fact]
    public async Task Without_the_policy_the_page_only_shows_and_every_action_is_refused()
    {
        (IPage page, _) = await browser.OpenAsync(cluster.Url(2));
        await Expect(page.Locator("#mode")).ToHaveTextAsync("Read-only");
        Assert.False(await page.Locator("#do-regroup").IsVisibleAsync());
        Assert.Equal(0, await page.Locator("#nodes button:visible").CountAsync());
        MembershipSnapshot before = await cluster.SnapshotAsync(2);
        using var client = new HttpClient();
        foreach (string verb in (string[])["eject", "switchover", "qualify", "force-regroup"])
        {
            using HttpResponseMessage refused = await client.PostAsJsonAsync(new Uri($"{cluster.Url(2)}/actions/{verb}"), new { node = 1 }, LiveCluster.Deadline);
            Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        }
        Assert.Equal(before.View!.Epoch, (await cluster.SnapshotAsync(2)).View!.Epoch);
    }

    [Fact]
    public async Task With_the_policy_an_action_still_needs_the_antiforgery_token_and_bad_orders_are_refused()
    {
        using var client = new HttpClient();
        MembershipSnapshot before = await cluster.SnapshotAsync(1);
        using (HttpResponseMessage forged = await client.PostAsJsonAsync(new Uri(cluster.Url(1) + "/actions/force-regroup"), new { }, LiveCluster.Deadline))
            Assert.Equal(HttpStatusCode.BadRequest, forged.StatusCode);
        Assert.Equal(before.View!.Epoch, (await cluster.SnapshotAsync(1)).View!.Epoch);

        SnapshotRights rights = (await client.GetFromJsonAsync(new Uri(cluster.Url(1) + "/actions"), SnapshotJsonContext.Default.SnapshotRights, LiveCluster.Deadline))!;
        Assert.True(rights.Allowed);
        async Task<HttpStatusCode> PostAsync(string verb, string body)
        {
            using var order = new HttpRequestMessage(HttpMethod.Post, $"{cluster.Url(1)}/actions/{verb}") { Content = new StringContent(body) };
            order.Headers.Add(rights.Header!, rights.Token);
            using HttpResponseMessage answer = await client.SendAsync(order, LiveCluster.Deadline);
            return answer.StatusCode;
        }

        Assert.Equal(HttpStatusCode.NotFound, await PostAsync("leave", "{}"));
        Assert.Equal(HttpStatusCode.BadRequest, await PostAsync("eject", "not json"));
        Assert.Equal(HttpStatusCode.BadRequest, await PostAsync("eject", "{\"node\":99999}"));
        Assert.Equal(HttpStatusCode.BadRequest, await PostAsync("eject", new string('x', 5000)));
        Assert.Equal(HttpStatusCode.UnprocessableEntity, await PostAsync("eject", "{\"node\":9}"));
    }

    [Fact]
    public async Task With_the_policy_the_page_asks_before_it_acts_and_then_shows_the_new_epoch()
    {
        (IPage page, _) = await browser.OpenAsync(cluster.Url(1));
        await Expect(page.Locator("#state-text")).ToHaveTextAsync("stable");
        await Expect(page.Locator("#mode")).ToHaveTextAsync("You may act on the cluster");
        string before = await page.Locator("#f-epoch").InnerTextAsync();
        await page.Locator("#do-regroup").ClickAsync();
        await page.Locator("#ask button[value=no]").ClickAsync();
        await Expect(page.Locator("#f-epoch")).ToHaveTextAsync(before);
        await page.Locator("#do-regroup").ClickAsync();
        await Browser.ScreenshotAsync(page, "confirm");
        await page.Locator("#ask-yes").ClickAsync();
        await Expect(page.Locator("#mode")).ToContainTextAsync("A regroup has ended");
        await Expect(page.Locator("#f-epoch")).Not.ToHaveTextAsync(before);
        await Expect(page.Locator("#regroups .cause").First).ToHaveTextAsync("Forced");
    }
}
