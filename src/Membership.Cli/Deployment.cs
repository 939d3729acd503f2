// A deployment's settings as its host would read them: the file, then the environment, then --set; and the witness they name, by the
// section that is there, as in samples/Deployments.
using Membership.Arbiters.BlobLease;
using Membership.Arbiters.FileShare;
using Membership.Arbiters.Scsi;
using Membership.Engine.Arbitration;
using Membership.Provider;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Membership.Cli;

internal sealed class Deployment
{
    public const string DiskSection = ScsiReservationOptions.SectionName, ShareSection = FileShareOptions.SectionName, BlobSection = BlobLeaseOptions.SectionName;

    private readonly string _section;

    private Deployment(IConfiguration configuration, string section, RegroupMembershipOptions options)
    {
        Configuration = configuration;
        _section = section;
        Options = options;
    }

    public IConfiguration Configuration { get; }

    public RegroupMembershipOptions Options { get; }

    /// <exception cref="CommandException">The file cannot be read, or says something that the options do not have.</exception>
    public static Deployment Read(string? file, string section, string[] set)
    {
        try
        {
            var builder = new ConfigurationBuilder();
            if (file is not null) builder.AddJsonFile(Path.GetFullPath(file), optional: false);
            var given = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase);
            foreach (string pair in set)
            {
                // Of two for one name the later one counts.
                if (pair.IndexOf('=', StringComparison.Ordinal) is > 0 and var at) given[pair[..at]] = pair[(at + 1)..];
                else throw new CommandException(ExitCode.Usage, $"--set is '{pair}': use NAME=VALUE, e.g. FileShareWitness:Path=/mnt/witness.");
            }
            IConfiguration configuration = builder.AddEnvironmentVariables().AddInMemoryCollection(given).Build();
            var options = new RegroupMembershipOptions();
            configuration.GetSection(section).Bind(options, static binder => binder.ErrorOnUnknownConfiguration = true);
            return new Deployment(configuration, section, options);
        }
        catch (Exception bad) when (bad is IOException or InvalidDataException or InvalidOperationException or UnauthorizedAccessException)
        {
            throw new CommandException(ExitCode.Usage, bad.InnerException is null ? bad.Message : $"{bad.Message} {bad.InnerException.Message}");
        }
    }

    /// <summary>Every failure of the options, the witness' own among them; empty when all is well.</summary>
    public IReadOnlyList<string> Validate()
    {
        var services = new ServiceCollection();
        services.AddLogging();
        RegroupMembershipBuilder membership = services.AddRegroupMembership(Configuration.GetSection(_section));
        if (Configuration.GetSection(DiskSection) is var disk && disk.Exists()) membership.UseScsiReservation(disk);
        else if (Configuration.GetSection(ShareSection) is var share && share.Exists()) membership.UseFileShareWitness(share);
        else if (Configuration.GetSection(BlobSection) is var blob && blob.Exists()) membership.UseBlobLease(blob);
        using ServiceProvider provider = services.BuildServiceProvider();
        var failures = new List<string>();
        Collect<RegroupMembershipOptions>(provider, failures);
        if (Configuration.GetSection(DiskSection).Exists()) Collect<ScsiReservationOptions>(provider, failures);
        else if (Configuration.GetSection(ShareSection).Exists()) Collect<FileShareOptions>(provider, failures);
        else if (Configuration.GetSection(BlobSection).Exists()) Collect<BlobLeaseOptions>(provider, failures);
        return failures;
    }

    private static void Collect<T>(ServiceProvider provider, List<string> failures)
        where T : class
    {
        try
        {
            _ = provider.GetRequiredService<IOptions<T>>().Value;
        }
        catch (OptionsValidationException bad)
        {
            failures.AddRange(bad.Failures);
        }
        catch (InvalidOperationException bad)
        {
            failures.Add(bad.Message);
        }
    }

    /// <summary>The witness that the settings name; null when there is none.</summary>
    /// <param name="second">The same settings as the second party of a contest has them; null = the same ones.</param>
    public WitnessPlace? Witness(Deployment? second = null)
    {
        if (Configuration.GetSection(DiskSection).Exists()) return new DiskPlace(Bound<ScsiReservationOptions>(DiskSection), (second ?? this).Bound<ScsiReservationOptions>(DiskSection));
        if (Configuration.GetSection(ShareSection).Exists()) return new SharePlace(Bound<FileShareOptions>(ShareSection));
        if (Configuration.GetSection(BlobSection).Exists()) return new BlobPlace(Bound<BlobLeaseOptions>(BlobSection));
        return Options.WitnessFile.Directory is null ? null : new FilePlace(NodeOptionsMapping.ToWitnessFile(Options)!);
    }

    private T Bound<T>(string section)
        where T : new()
    {
        var options = new T();
        try
        {
            Configuration.GetSection(section).Bind(options, static binder => binder.ErrorOnUnknownConfiguration = true);
        }
        catch (InvalidOperationException bad)
        {
            throw new CommandException(ExitCode.Usage, $"{section}: {bad.Message}");
        }
        return options;
    }
}
