// The packages as a user gets them: packed, looked into, and consumed from a local folder by a project that knows nothing of this repository.
using System.Diagnostics;
using System.IO.Compression;
using System.Reflection.PortableExecutable;
using System.Security.Cryptography;
using Failover.Demo;
using Membership.Tests;
using Xunit;

namespace Membership.Packages.Tests;

public sealed class PackageTests : IAsyncLifetime
{
    private static readonly string[] Packed =
    [
        "src/Membership.Engine", "src/Membership.Provider/Membership.Provider", "src/Membership.Provider/Membership.Provider.AspNetCore", "src/Arbiters/Membership.Arbiters.Scsi",
        "src/Arbiters/Membership.Arbiters.FileShare", "src/Arbiters/Membership.Arbiters.BlobLease", "src/Membership.Cli",
    ];

    private readonly string _directory = Directory.CreateTempSubdirectory("regroup-packages-").FullName;

    private string Feed => Path.Combine(_directory, "feed");

    public async ValueTask InitializeAsync()
    {
        foreach (string project in Packed) await DotnetAsync(RepositoryRoot.Path, "pack", project, "-c", "Release", "--no-build", "-o", Feed, "-v", "q", "-nologo");
    }

    [Fact]
    public async Task Packages_have_readme_icon_licence_documentation_and_symbols_and_a_project_outside_can_be_built_and_run_with_them()
    {
        string[] packages = Directory.GetFiles(Feed, "*.nupkg");
        Assert.Equal(Packed.Length, packages.Length);
        foreach (string package in packages)
        {
            using ZipArchive content = ZipFile.OpenRead(package);
            Assert.NotNull(content.GetEntry("README.md"));
            Assert.NotNull(content.GetEntry("icon.png"));
            ZipArchiveEntry nuspec = Assert.Single(content.Entries, static entry => entry.Name.EndsWith(".nuspec", StringComparison.Ordinal));
            using var reader = new StreamReader(nuspec.Open());
            Assert.Contains("<license type=\"expression\">MIT</license>", await reader.ReadToEndAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
            if (package.Contains("Membership.Cli.", StringComparison.Ordinal)) continue;
            Assert.True(File.Exists(Path.ChangeExtension(package, ".snupkg")), $"{package} has no symbols");
            Assert.Contains(content.Entries, static entry => entry.FullName.StartsWith("lib/net10.0/", StringComparison.Ordinal) && entry.Name.EndsWith(".xml", StringComparison.Ordinal));
            // What is packed is what was built and tested.
            ZipArchiveEntry assembly = Assert.Single(content.Entries, static entry => entry.FullName.StartsWith("lib/net10.0/", StringComparison.Ordinal) && entry.Name.EndsWith(".dll", StringComparison.Ordinal));
            string name = Path.GetFileNameWithoutExtension(assembly.Name);
            using (var whole = new MemoryStream())
            {
                await using (Stream compiled = assembly.Open()) await compiled.CopyToAsync(whole, TestContext.Current.CancellationToken);
                whole.Position = 0;
                using var image = new PEReader(whole);
                Assert.Contains(image.ReadDebugDirectory(), static entry => entry.Type == DebugDirectoryEntryType.Reproducible);
            }
            using Stream packed = assembly.Open();
            Assert.Equal(
                await SHA256.HashDataAsync(File.OpenRead(Path.Combine(RepositoryRoot.Path, "artifacts", "bin", name, "release", assembly.Name)), TestContext.Current.CancellationToken),
                await SHA256.HashDataAsync(packed, TestContext.Current.CancellationToken));
        }

        string consumer = Path.Combine(_directory, "consumer");
        Directory.CreateDirectory(consumer);
        foreach (string file in Directory.GetFiles(Path.Combine(RepositoryRoot.Path, "samples", "PackageConsumer"))) File.Copy(file, Path.Combine(consumer, Path.GetFileName(file)));
        string cache = Environment.GetEnvironmentVariable("NUGET_PACKAGES") ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        // Packages of their own version must not land in the shared cache, where the next build would find them again.
        await DotnetAsync(
            consumer, "build", "-c", "Release", "-v", "q", "-nologo", "-p:RestorePackagesPath=" + Path.Combine(_directory, "cache"), "-p:RestoreFallbackFolders=" + cache,
            "-p:RestoreAdditionalProjectSources=" + Feed, "-p:NuGetAudit=false", "-o", Path.Combine(_directory, "out"));
        string witness = Directory.CreateDirectory(Path.Combine(_directory, "witness")).FullName;
        string said = await DotnetAsync(
            consumer, Path.Combine(_directory, "out", "PackageConsumer.dll"), "--Once=true", "--urls=http://127.0.0.1:0", $"--FileShareWitness:Path={witness}", "--FileShareWitness:AllowLocalDirectory=true", "--RegroupMembership:ClusterId=consumer", "--RegroupMembership:Self=1",
            "--RegroupMembership:AllowPlainText=true", $"--RegroupMembership:StoreDirectory={Path.Combine(_directory, "store")}", "--RegroupMembership:Nodes:0:Number=1",
            $"--RegroupMembership:Nodes:0:Endpoints:0=127.0.0.1:{FreePorts.Find(1)[0]}");
        Assert.Contains("the master's work runs in epoch ", said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_tool_is_installed_from_its_package_and_runs()
    {
        string tools = Path.Combine(_directory, "tools");
        await DotnetAsync(_directory, "tool", "install", "Regroup.Membership.Cli", "--tool-path", tools, "--source", Feed, "--version", "0.1.0");
        Assert.Contains("witness", await RunAsync(Path.Combine(tools, "regroupctl"), _directory, "--help"), StringComparison.Ordinal);
    }

    public ValueTask DisposeAsync()
    {
        Directory.Delete(_directory, recursive: true);
        return default;
    }

    private static Task<string> DotnetAsync(string directory, params string[] arguments) => RunAsync("dotnet", directory, arguments);

    private static async Task<string> RunAsync(string program, string directory, params string[] arguments)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(TimeSpan.FromMinutes(3));
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { WorkingDirectory = directory, RedirectStandardOutput = true, RedirectStandardError = true })
            ?? throw new InvalidOperationException($"{program} could not be started");
        Task<string> output = process.StandardOutput.ReadToEndAsync(limit.Token), error = process.StandardError.ReadToEndAsync(limit.Token);
        try
        {
            await process.WaitForExitAsync(limit.Token);
            string told = await output + await error;
            Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', arguments)}: exit code {process.ExitCode}\n{told}");
            return told;
        }
        finally
        {
            if (!process.HasExited) process.Kill(entireProcessTree: true);
        }
    }
}
