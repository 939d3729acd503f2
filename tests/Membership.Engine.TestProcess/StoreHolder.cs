// Holds a view store open until its standard input ends.
using Membership.Engine.Storage;

namespace Membership.Engine.TestProcess;

internal static class StoreHolder
{
    public static int Run(string directory, string clusterId, int node)
    {
        using ViewStore store = ViewStore.Open(directory, clusterId, new NodeId(node));
        Console.WriteLine("held");
        while (Console.ReadLine() is not null)
        {
        }
        return 0;
    }
}
