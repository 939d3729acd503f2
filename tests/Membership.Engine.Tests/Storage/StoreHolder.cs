// Holds a view store open until its standard input ends.
using System.Globalization;
using Membership.Engine.Storage;

namespace Membership.Engine.Tests.Storage;

internal static class StoreHolder
{
    /// <summary>Arguments: directory, cluster, node.</summary>
    public static void ChildMain(string[] args)
    {
        using ViewStore store = ViewStore.Open(args[0], args[1], new NodeId(int.Parse(args[2], CultureInfo.InvariantCulture)));
        Console.WriteLine("held");
        while (Console.ReadLine() is not null)
        {
        }
    }
}
