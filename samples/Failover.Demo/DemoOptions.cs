// The command line of the demo.
using System.Globalization;

namespace Failover.Demo;

[Flags]
internal enum Faults
{
    None = 0,
    Kill = 1,
    Stop = 2,
}

internal sealed record DemoOptions(int Nodes, bool Keep, Faults Faults, bool CrashEvidence, string NodeProgram, bool Web)
{
    public const string Usage = "usage: ./demo [--nodes N] [--fault kill|stop] [--keep] [--web] [--crash-evidence]\n   N: 3..16, default 3\n   --keep: leave the cluster running until Ctrl-C\n   --web: show the live page and leave the cluster running; faults only with --fault\n   --crash-evidence: trust a refused connection as proof of a crash, so that a kill need not wait for the lease";

    public static DemoOptions? Parse(string[] args, out string? problem)
    {
        int nodes = 3;
        bool keep = false, crashEvidence = false, web = false, faultsNamed = false;
        Faults faults = Faults.Kill | Faults.Stop;
        string program = Path.Combine(AppContext.BaseDirectory, "Failover");
        problem = null;
        for (int i = 0; i < args.Length && problem is null; i++)
        {
            string value = i + 1 < args.Length ? args[i + 1] : "";
            switch (args[i])
            {
                case "--nodes":
                    i++;
                    if (!int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out nodes) || nodes is < 3 or > 16)
                        problem = $"demo: --nodes is '{value}': use 3 to 16, so that a majority is left when one node fails\n{Usage}";
                    break;
                case "--fault":
                    i++;
                    faultsNamed = true;
                    faults = value switch { "kill" => Faults.Kill, "stop" => Faults.Stop, _ => Faults.None };
                    if (faults == Faults.None) problem = $"demo: --fault is '{value}': use kill or stop, or leave it out for both\n{Usage}";
                    break;
                case "--node-program":
                    i++;
                    program = value;
                    break;
                case "--crash-evidence":
                    crashEvidence = true;
                    break;
                case "--keep":
                    keep = true;
                    break;
                case "--web":
                    keep = web = true;
                    break;
                default:
                    problem = $"demo: unknown argument '{args[i]}'\n{Usage}";
                    break;
            }
        }
        return problem is null ? new DemoOptions(nodes, keep, web && !faultsNamed ? Faults.None : faults, crashEvidence, program, web) : null;
    }
}
