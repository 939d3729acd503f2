// A host made from the packages alone: membership, a witness on a share, master-only work, the live page.
using Membership.Arbiters.FileShare;
using Membership.Provider;

WebApplicationBuilder builder = WebApplication.CreateBuilder(args);
builder.Services.AddRegroupMembership(builder.Configuration.GetSection(RegroupMembershipOptions.SectionName))
    .UseFileShareWitness(builder.Configuration.GetSection(FileShareOptions.SectionName))
    .AddMasterService<Work>();
WebApplication app = builder.Build();
app.MapRegroupMembership();
app.Run();

// --Once=true: one term, and the host has done what it was started for.
internal sealed class Work(IConfiguration configuration, IHostApplicationLifetime host) : MasterBackgroundService
{
    protected override async Task ExecuteAsMasterAsync(MasterLease lease, CancellationToken stoppingToken)
    {
        Console.WriteLine($"the master's work runs in epoch {await lease.WaitUntilValidAsync(stoppingToken)}");
        if (configuration.GetValue<bool>("Once")) host.StopApplication();
        await Task.Delay(Timeout.Infinite, stoppingToken);
    }
}
