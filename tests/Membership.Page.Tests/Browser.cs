// A real Chromium, Debian's, driven through Playwright. A machine without it fails: ./test installs it.
using Membership.Tests;
using Microsoft.Playwright;
using Xunit;

namespace Membership.Page.Tests;

public sealed class Browser : IAsyncLifetime
{
    private IPlaywright? _playwright;
    private IBrowser? _browser;

    public static string Screenshots => Directory.CreateDirectory(Path.Combine(RepositoryRoot.Path, "artifacts", "screenshots")).FullName;

    public async ValueTask InitializeAsync()
    {
        Assertions.SetDefaultExpectTimeout(45_000);
        _playwright = await Playwright.CreateAsync();
        _browser = await _playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
        {
            ExecutablePath = "/usr/bin/chromium",
            // Tests run as root in a container: Chromium's own sandbox needs an ordinary user.
            Args = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
            Timeout = 60_000,
        });
    }

    /// <summary>A page of its own profile, whose every request is noted.</summary>
    public async Task<(IPage Page, List<string> Requests)> OpenAsync(string url, int width = 1280, int height = 1000, ColorScheme colors = ColorScheme.Light)
    {
        IBrowserContext context = await _browser!.NewContextAsync(new BrowserNewContextOptions { ViewportSize = new ViewportSize { Width = width, Height = height }, ColorScheme = colors, ReducedMotion = ReducedMotion.Reduce });
        context.SetDefaultTimeout(45_000);
        IPage page = await context.NewPageAsync();
        var requests = new List<string>();
        page.Request += (_, request) => requests.Add(request.Url);
        page.PageError += (_, error) => requests.Add("error: " + error);
        page.Console += (_, line) =>
        {
            if (line.Type == "error") requests.Add("console: " + line.Text);
        };
        await page.GotoAsync(url);
        await page.Locator("#nodes tbody tr").First.WaitForAsync();
        return (page, requests);
    }

    public static Task ScreenshotAsync(IPage page, string name) => page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(Screenshots, name + ".png"), FullPage = true });

    public async ValueTask DisposeAsync()
    {
        if (_browser is not null) await _browser.CloseAsync();
        _playwright?.Dispose();
    }
}
