// Where the sources and pages are that tests read.
namespace Membership.Architecture.Tests;

internal static class RepositoryRoot
{
    public static string Path { get; } = Find();

    private static string Find()
    {
        string? directory = AppContext.BaseDirectory;
        while (directory is not null && !File.Exists(System.IO.Path.Combine(directory, "Membership.Plugins.sln"))) directory = System.IO.Path.GetDirectoryName(directory);
        return directory ?? throw new InvalidOperationException($"No Membership.Plugins.sln above {AppContext.BaseDirectory}.");
    }
}
