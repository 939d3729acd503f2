// Where the sources, pages and programs are that tests use; compiled into each project that has such a test.
namespace Membership.Tests;

internal static class RepositoryRoot
{
    public static string Path { get; } = Find();

    private static string Find()
    {
        string? directory = AppContext.BaseDirectory;
        while (directory is not null && !File.Exists(System.IO.Path.Combine(directory, "Membership.Plugins.sln"))) directory = System.IO.Path.GetDirectoryName(directory);
        return directory ?? throw new InvalidOperationException($"{AppContext.BaseDirectory} is not inside the repository.");
    }
}
