// regroupctl as a process against real nodes, real files and real ports: what it prints and what it ends with.
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text.Json;
using Failover.Demo;
using Membership.Engine;
using Membership.Provider.Control;
using Membership.Provider.Inspection;
using Membership.Provider.Tests;
using Xunit;

namespace Membership.Cli.Tests;

public sealed class RegroupctlTests
{
    [Fact]
    public async Task It_shows_a_running_node_as_text_and_as_json_and_says_by_its_exit_code_whether_it_may_serve()
    {
        await using var hosts = new TestHosts(2);
        await hosts.StartAsync(static options => options.AllowTwoNodesWithoutTieBreaker = true);
        string[] at = ["--store", hosts.Store(1)];
        (int code, string text, _) = await Regroupctl.RunAsync(["status", .. at]);
        Assert.Equal(0, code);
        Assert.Contains("members 1,2 of 2", text, StringComparison.Ordinal);
        (code, text, _) = await Regroupctl.RunAsync(["status", "--json", .. at]);
        MembershipSnapshot shown = JsonSerializer.Deserialize(text, SnapshotJsonContext.Default.MembershipSnapshot)!;
        Assert.Equal((0, hosts.Membership(1).CurrentView!.Epoch), (code, shown.View!.Epoch));
        foreach (string verb in (string[])["nodes", "view", "matrix", "journal", "diag"]) Assert.Equal(0, (await Regroupctl.RunAsync([verb, .. at])).Code);

        Assert.Equal(1, (await Regroupctl.RunAsync(["eject", "9", .. at])).Code);
        Assert.Equal(0, (await Regroupctl.RunAsync(["force-regroup", .. at])).Code);
        Assert.Equal(0, (await Regroupctl.RunAsync(["leave", .. at])).Code);
        (code, text, _) = await Regroupctl.RunAsync(["status", .. at]);
        Assert.Equal(1, code);
        Assert.Contains("not a member", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_wrong_command_line_ends_with_2_and_a_node_that_is_not_there_with_3()
    {
        Assert.Equal(2, (await Regroupctl.RunAsync(["stat"])).Code);
        Assert.Equal(2, (await Regroupctl.RunAsync(["eject", "0", "--socket", "/nowhere"])).Code);
        Assert.Equal(2, (await Regroupctl.RunAsync(["status"])).Code);
        (int code, _, string error) = await Regroupctl.RunAsync(["status", "--socket", "/nowhere/control.sock"]);
        Assert.Equal(3, code);
        Assert.Contains("There is no control socket", error, StringComparison.Ordinal);
        Assert.Equal(3, (await Regroupctl.RunAsync(["status", "--url", "http://127.0.0.1:1/membership"])).Code);
        Assert.Contains("regroupctl", (await Regroupctl.RunAsync(["completion", "bash"])).Output, StringComparison.Ordinal);
        Assert.Contains("switchover", (await Regroupctl.RunAsync(["[suggest:15]", "regroupctl swit"])).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Keys_are_rotated_on_running_nodes()
    {
        string first = Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));
        string second = (await Regroupctl.RunAsync(["keys", "generate"])).Output.Trim();
        await using var hosts = new TestHosts(2);
        await hosts.StartAsync(options =>
        {
            options.AllowTwoNodesWithoutTieBreaker = true;
            options.AllowPlainText = false;
            options.Keys = [first];
        });
        uint old = hosts.Membership(1).Keys!.Current.Id;
        (int code, string text, string error) = await Regroupctl.RunAsync(["keys", "rotate", "--node-socket", ControlAddress.Default(hosts.Store(1)), "--node-socket", ControlAddress.Default(hosts.Store(2))], second);
        Assert.True(code == 0, error);
        Assert.DoesNotContain(second, text, StringComparison.Ordinal);
        for (int node = 1; node <= 2; node++)
        {
            Assert.NotEqual(old, hosts.Membership(node).Keys!.Current.Id);
            Assert.Single(hosts.Membership(node).Keys!.Accepted);
        }
        Assert.True(hosts.Membership(1).Lease.IsValid);
    }

    [Fact]
    public async Task A_witness_directory_that_does_what_it_must_is_fit_and_nothing_is_left_in_it()
    {
        string directory = Directory.CreateTempSubdirectory("regroup-cli-tests-").FullName;
        try
        {
            (int code, string text, _) = await Regroupctl.RunAsync(
                ["witness", "check", "--set", $"RegroupMembership:WitnessFile:Directory={directory}", "--set", "RegroupMembership:WitnessFile:OwnershipPeriod=00:00:01", "--set", "RegroupMembership:WitnessFile:RenewInterval=00:00:00.25"]);
            Assert.True(code == 0, text);
            Assert.Contains("FIT: ", text, StringComparison.Ordinal);
            Assert.DoesNotContain("FAIL", text, StringComparison.Ordinal);
            Assert.Empty(Directory.GetDirectories(directory, "regroupctl-*"));
            Assert.Equal(2, (await Regroupctl.RunAsync(["witness", "check"])).Code);
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    [Fact]
    public async Task Validate_passes_a_good_deployment_and_names_what_is_wrong_with_a_bad_one()
    {
        string directory = Directory.CreateTempSubdirectory("regroup-cli-tests-").FullName;
        try
        {
            int[] ports = FreePorts.Find(3);
            string file = Path.Combine(directory, "appsettings.json");
            await File.WriteAllTextAsync(file, JsonSerializer.Serialize(new
            {
                RegroupMembership = new
                {
                    ClusterId = "cli-tests", Self = 1, Preset = "Local", AllowPlainText = true, StoreDirectory = Path.Combine(directory, "store"),
                    Nodes = Enumerable.Range(1, 3).Select(node => new { Number = node, Endpoints = new[] { $"127.0.0.1:{ports[node - 1]}" } }),
                },
            }), TestContext.Current.CancellationToken);
            (int code, string text, string error) = await Regroupctl.RunAsync(["validate", "--settings", file]);
            Assert.True(code == 0, text + error);
            Assert.False(Directory.Exists(Path.Combine(directory, "store")));

            using (var taken = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp))
            {
                taken.Bind(new IPEndPoint(IPAddress.Loopback, ports[0]));
                (code, text, _) = await Regroupctl.RunAsync(["validate", "--settings", file]);
                Assert.Equal(1, code);
                Assert.Contains($"127.0.0.1:{ports[0]}: The port is in use", text, StringComparison.Ordinal);
            }
            (code, text, _) = await Regroupctl.RunAsync(["validate", "--settings", file, "--set", "RegroupMembership:Nodes:0:Endpoints:0=192.0.2.1:7400"]);
            Assert.Equal(1, code);
            Assert.Contains("no such address", text, StringComparison.Ordinal);
            (code, text, _) = await Regroupctl.RunAsync(["validate", "--json", "--settings", file, "--set", "RegroupMembership:StoreDirectory=/proc/nowhere"]);
            Assert.Equal(1, code);
            Assert.False(JsonDocument.Parse(text).RootElement.GetProperty("good").GetBoolean());
            (code, text, _) = await Regroupctl.RunAsync(["validate", "--settings", file, "--set", "RegroupMembership:Self=7"]);
            Assert.Equal(1, code);
            Assert.Equal(2, (await Regroupctl.RunAsync(["validate", "--settings", file, "--set", "RegroupMembership:Selv=7"])).Code);
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }
}
