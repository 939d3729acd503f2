// What a supervisor sees: real processes, set up by nothing but the environment, that halt and end with the code of the halt.
using System.Collections.Concurrent;
using System.Diagnostics;
using Failover.Demo;
using Membership.Engine;
using Membership.Provider.Control;
using Membership.Provider.Inspection;
using Xunit;

namespace Membership.Provider.Tests;

public sealed class HaltProcessTests
{
    [Theory]
    [InlineData("StopHost", "Policy StopHost, exit code 102.")]
    [InlineData("FailFast", "The process ends now, exit code 102.")]
    public async Task A_halted_process_ends_with_the_code_of_its_halt(string policy, string said)
    {
        string directory = Directory.CreateTempSubdirectory("regroup-halt-tests-").FullName;
        int[] ports = FreePorts.Find(3);
        var lines = new ConcurrentQueue<string>();
        Process[] processes = [.. Enumerable.Range(1, 3).Select(node => Start(node, directory, ports, policy, lines))];
        try
        {
            MembershipControlClient? client = null;
            while (client is null)
            {
                TestHosts.Deadline.ThrowIfCancellationRequested();
                try
                {
                    client = await MembershipControlClient.ConnectToStoreAsync(Store(directory, 1), TestHosts.Deadline);
                }
                catch (IOException)
                {
                    await Task.Delay(20, TestContext.Current.CancellationToken);
                }
            }
            await using MembershipControlClient asked = client;
            await TestHosts.UntilAsync("all three are members", () => Ask(asked, new ControlRequest { Verb = ControlVerb.Status }).Snapshot?.View?.Members.Count == 3);
            await TestHosts.UntilAsync("node 3 was told to go", () => Ask(asked, new ControlRequest { Verb = ControlVerb.Eject, Node = new NodeId(3) }).Status is MembershipStatus.Ok or MembershipStatus.NotMember);
            await processes[2].WaitForExitAsync(TestHosts.Deadline);
            Assert.True(processes[2].ExitCode == 102, $"{processes[2].ExitCode}: {string.Join("\n", lines)}");
            Assert.Contains(lines, line => line.Contains(said, StringComparison.Ordinal));
            Assert.Contains(lines, static line => line.Contains("code Poisoned", StringComparison.Ordinal));
        }
        finally
        {
            foreach (Process process in processes)
            {
                if (!process.HasExited) process.Kill();
                await process.WaitForExitAsync(CancellationToken.None);
                process.Dispose();
            }
            Directory.Delete(directory, recursive: true);
        }
    }

    private static ControlResponse Ask(MembershipControlClient client, ControlRequest request) => client.AskAsync(request, TestHosts.Deadline).GetAwaiter().GetResult();

    private static string Store(string directory, int node) => Path.Combine(directory, $"node.{node}");

    private static Process Start(int node, string directory, int[] ports, string policy, ConcurrentQueue<string> lines)
    {
        ProcessStartInfo start = SamplesTests.Start("Failover", "--node", $"{node}", "--exit-with-parent", "true", "--Resource:File", Path.Combine(directory, "served.log"));
        start.RedirectStandardInput = true;
        void Set(string name, object value) => start.Environment["RegroupMembership__" + name] = $"{value}";
        Set("ClusterId", "halts");
        Set("Preset", "Lan");
        Set("Timing__ReceiveRate", 4);
        Set("DiscoveryTime", "00:00:01");
        Set("AllowPlainText", true);
        Set("Bootstrap", true);
        Set("OnHalt", policy);
        Set("WitnessFile__Directory", Path.Combine(directory, "witness"));
        Set("StoreDirectory", Path.Combine(directory, "node"));
        for (int other = 1; other <= 3; other++)
        {
            Set($"Nodes__{other - 1}__Number", other);
            Set($"Nodes__{other - 1}__Endpoints__0", $"127.0.0.1:{ports[other - 1]}");
        }
        Process process = Process.Start(start)!;
        process.OutputDataReceived += static (_, _) => { };
        process.ErrorDataReceived += (_, line) =>
        {
            if (node == 3 && line.Data is { } text) lines.Enqueue(text);
        };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return process;
    }
}
