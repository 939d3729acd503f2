// A node of one of the four deployments: --config FILE, and this node's number and keys from the environment or the
// command line. The witness is chosen by the section that is there. --check only validates what is written.
using Membership.Arbiters.BlobLease;
using Membership.Arbiters.FileShare;
using Membership.Arbiters.Scsi;
using Membership.Provider;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

bool check = args.Contains("--check");
string[] rest = [.. args.Where(static argument => argument != "--check")];
HostApplicationBuilder builder = Host.CreateApplicationBuilder(rest);
if (builder.Configuration["config"] is not { } file)
{
    Console.Error.WriteLine("usage: Deployments --config FILE.json [--RegroupMembership:Self=N] [--RegroupMembership:Keys:0=KEY] [--check]");
    return 2;
}

// The environment and the command line have the last word.
builder.Configuration.AddJsonFile(Path.GetFullPath(file), optional: false).AddEnvironmentVariables().AddCommandLine(rest);

RegroupMembershipBuilder membership = builder.Services.AddRegroupMembership(builder.Configuration.GetSection(RegroupMembershipOptions.SectionName)).AddHealthChecks();
IConfigurationSection disk = builder.Configuration.GetSection(ScsiReservationOptions.SectionName);
IConfigurationSection share = builder.Configuration.GetSection(FileShareOptions.SectionName);
IConfigurationSection blob = builder.Configuration.GetSection(BlobLeaseOptions.SectionName);
if (disk.Exists()) membership.UseScsiReservation(disk);
else if (share.Exists()) membership.UseFileShareWitness(share);
else if (blob.Exists()) membership.UseBlobLease(blob);

using IHost host = builder.Build();
if (check)
{
    try
    {
        host.Services.GetRequiredService<IStartupValidator>().Validate();
        Console.WriteLine($"{Path.GetFileName(file)}: good");
        return 0;
    }
    catch (Exception bad) when (bad is OptionsValidationException or InvalidOperationException or AggregateException)
    {
        Console.Error.WriteLine(bad.Message);
        return 1;
    }
}
await host.RunAsync();
return Environment.ExitCode;
