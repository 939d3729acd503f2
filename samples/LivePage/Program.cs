// One node of a small cluster, as samples/Failover, in a web application that shows the live page at /membership.
// Run it three times, with --node 1, --node 2 and --node 3; the page of node N is at http://127.0.0.1:808N/membership.
using System.Globalization;
using System.Net;
using Failover;
using Membership.Provider;

WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { Args = args, ContentRootPath = AppContext.BaseDirectory });
if (builder.Configuration["config"] is { } file) builder.Configuration.AddJsonFile(Path.GetFullPath(file), optional: false);
if (!int.TryParse(builder.Configuration["node"], NumberStyles.None, CultureInfo.InvariantCulture, out int node))
{
    Console.Error.WriteLine("usage: LivePage --node NUMBER [--config FILE.json]");
    return 2;
}

IConfigurationSection membership = builder.Configuration.GetSection(RegroupMembershipOptions.SectionName);
membership["Self"] = node.ToString(CultureInfo.InvariantCulture);
membership["StoreDirectory"] += "." + membership["Self"];
int[] ports = builder.Configuration.GetSection("Web:Ports").Get<int[]>() ?? throw new InvalidOperationException("Web:Ports lists no ports.");
builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, ports[node - 1]));

builder.Logging.AddConsole(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
builder.Services.AddRegroupMembership(membership).AddMasterService<SharedResource>();
builder.Services.AddHostedService<EventLines>();
if (builder.Configuration.GetValue<bool>("exit-with-parent")) builder.Services.AddHostedService<ParentWatch>();

// Who may act on the cluster is the host's to say. Here: whoever sits at this machine, and only if the settings say so at all.
bool actions = builder.Configuration.GetValue<bool>("Web:Actions");
builder.Services.AddAntiforgery(antiforgery => antiforgery.Cookie.Name = $"regroup-{node}");
builder.Services.AddAuthorization(authorization => authorization.AddPolicy("operators", policy => policy.RequireAssertion(
    context => actions && context.Resource is HttpContext { Connection.RemoteIpAddress: { } address } && IPAddress.IsLoopback(address))));
builder.Services.AddAuthentication();

WebApplication app = builder.Build();
app.MapRegroupMembership("/membership", page =>
{
    page.ActionPolicy = "operators";
    for (int other = 1; other <= ports.Length; other++)
        if (other != node) page.Peers[other] = new Uri($"http://127.0.0.1:{ports[other - 1]}/membership");
});
app.MapGet("/", () => Results.LocalRedirect("/membership"));
await app.RunAsync();
return Environment.ExitCode;
