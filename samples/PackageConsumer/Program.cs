// A host made from the packages alone: membership, a witness on a share, master-only work, the live page.
using Membership.Arbiters.FileShare;
using Membership.Provider;

WebApplicationBuilder builder = WebApplication.CreateBuilder(args);
builder.Services.AddRegroupMembership(builder.Configuration.GetSection(RegroupMembershipOptions.SectionName))
    .UseFileShareWitness(witness => witness.Path = "/mnt/witness/consumer")
    .AddMasterService<Work>();
if (args.Contains("--print"))
{
    Console.WriteLine($"{typeof(IClusterMembership).Assembly.GetName().Name} {typeof(MasterBackgroundService).Name}");
    return;
}
WebApplication app = builder.Build();
app.MapRegroupMembership();
app.Run();

internal sealed class Work : MasterBackgroundService
{
    protected override Task ExecuteAsMasterAsync(MasterLease lease, CancellationToken stoppingToken) => Task.Delay(Timeout.Infinite, stoppingToken);
}
