// What scripts rely on: every command can speak JSON, every mistake ends with its code and a sentence, and the shells complete the words.
using System.Diagnostics;
using System.Security.Cryptography;
using System.Text.Json;
using Failover.Demo;
using Membership.Engine;
using Membership.Provider;
using Membership.Provider.Control;
using Membership.Provider.Tests;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Xunit;

namespace Membership.Cli.Tests;

public sealed class CommandLineTests
{
    public static TheoryData<string[], string> Mistakes => new()
    {
        { ["eject", "abc", "--socket", "/x"], "abc" },
        { ["eject", "1025", "--socket", "/x"], "1024" },
        { ["eject"], "eject" },
        { ["journal", "-n", "abc", "--socket", "/x"], "abc" },
        { ["journal", "-n", "1025", "--socket", "/x"], "1024" },
        { ["status", "--timeout", "abc", "--socket", "/x"], "abc" },
        { ["status", "--timeout", "NaN", "--socket", "/x"], "600" },
        { ["status", "--socket", ""], "empty" },
        { ["status", "--store", ""], "empty" },
        { ["status", "--store", "/x", "--socket", "/x"], "one of" },
        { ["status", "--url", "ftp://x"], "ftp://x" },
        { ["status", "--url", "http://x", "--header", "nonsense"], "nonsense" },
        { ["status", "--settings", "/nowhere.json"], "nowhere.json" },
        { ["completion", "tcsh"], "tcsh" },
        { ["validate"], "--settings" },
        { ["validate", "--set", "nonsense"], "nonsense" },
        { ["witness", "check", "--set", "FileShareWitness:Path=/mnt/w", "--set", "FileShareWitness:UserNam=x"], "UserNam" },
        { ["form-by-force", "--socket", "/x"], "--reason" },
        { ["form-by-force", "--reason", "a test", "--socket", "/x"], "--yes" },
        { ["keys", "rotate", "--stage", "acept", "--socket", "/x"], "acept" },
    };

    [Theory]
    [MemberData(nameof(Mistakes))]
    public async Task A_mistake_on_the_command_line_ends_with_2_and_says_what_it_is_in_words_and_in_json(string[] line, string word)
    {
        (int code, string text, string error) = await Regroupctl.RunAsync([.. line, "--json"]);
        Assert.True(code == 2, $"{code}: {text}{error}");
        Assert.DoesNotContain("exception", error, StringComparison.OrdinalIgnoreCase);
        Assert.Contains(word, error, StringComparison.Ordinal);
        JsonElement told = JsonDocument.Parse(text).RootElement;
        Assert.Equal(2, told.GetProperty("exitCode").GetInt32());
        Assert.Contains(word, told.GetProperty("error").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_command_speaks_json_also_when_the_node_cannot_be_asked()
    {
        string first = Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));
        await using var hosts = new TestHosts(2);
        await hosts.StartAsync(options =>
        {
            options.AllowTwoNodesWithoutTieBreaker = true;
            options.AllowPlainText = false;
            options.Keys = [first];
        });
        string store = hosts.Store(1), other = hosts.Store(2), socket = ControlAddress.Default(store);
        JsonElement key = await JsonAsync(0, ["keys", "generate"]);
        Assert.Equal(32, Convert.FromBase64String(key.GetProperty("key").GetString()!).Length);
        foreach (string[] command in (string[][])
            [
                ["status"], ["nodes"], ["view"], ["matrix"], ["journal"], ["diag", "state"], ["keys", "list"], ["force-regroup"], ["qualify", "1", "--not"], ["qualify", "1"], ["switchover"],
            ])
        {
            // A change of roles under way is told to try again: that is no error of the command.
            (int code, string text, _) = await Regroupctl.RunAsync([.. command, "--json", "--store", store]);
            Assert.True(code is 0 or 4 || (code == 1 && command[0] == "switchover"), $"{string.Join(' ', command)}: {code}, {text}");
            Assert.Equal(JsonValueKind.Object, JsonDocument.Parse(text).RootElement.ValueKind);
        }
        JsonElement rotated = await JsonAsync(0, ["keys", "rotate", "--node-socket", socket, "--node-socket", ControlAddress.Default(other)], key.GetProperty("key").GetString()!);
        Assert.True(rotated.GetProperty("done").GetBoolean());
        Assert.Equal(6, rotated.GetProperty("steps").GetArrayLength());
        JsonElement half = await JsonAsync(3, ["keys", "rotate", "--node-socket", socket, "--node-socket", "/nowhere/control.sock"], first);
        Assert.False(half.GetProperty("done").GetBoolean());
        Assert.Equal("accept", Assert.Single(half.GetProperty("steps").EnumerateArray()).GetProperty("step").GetString());
        Assert.Contains("/nowhere", half.GetProperty("error").GetString(), StringComparison.Ordinal);
        Assert.Equal("Fault", (await JsonAsync(1, ["eject", "1", "--store", store])).GetProperty("status").GetString());
        await JsonAsync(0, ["eject", "2", "--store", store], mayBeRefused: true);
        await JsonAsync(0, ["leave", "--store", store]);
        await JsonAsync(1, ["status", "--store", store]);
        Assert.Equal(3, (await JsonAsync(3, ["status", "--store", "/nowhere"])).GetProperty("exitCode").GetInt32());
        Assert.Equal(3, (await JsonAsync(3, ["watch", "--store", "/nowhere"])).GetProperty("exitCode").GetInt32());
        Assert.True((await JsonAsync(0, ["witness", "init", "--set", "FileShareWitness:Path=/mnt/w"])).GetProperty("good").GetBoolean());
    }

    [Fact]
    public async Task A_node_whose_others_are_lost_forms_a_cluster_by_order_and_its_masters_work_runs_again()
    {
        await using var hosts = new TestHosts(3);
        await hosts.StartAsync(static options => options.LeaveTimeout = TimeSpan.Zero);
        await Task.WhenAll(Enumerable.Range(1, 3).Select(node => hosts[node].StopAsync(TestHosts.Deadline)));
        var works = new TaskCompletionSource<Epoch>();
        IHost alone = hosts.Build(1, null, builder =>
        {
            builder.Services.AddSingleton(works);
            builder.AddMasterService<Work>();
        });
        await alone.StartAsync(TestHosts.Deadline);
        Assert.Equal(1, (await Regroupctl.RunAsync(["status", "--store", hosts.Store(1)])).Code);
        JsonElement formed = await JsonAsync(0, ["form-by-force", "--reason", "a test has lost the others", "--yes", "--store", hosts.Store(1)]);
        Assert.Equal("Ok", formed.GetProperty("status").GetString());
        Assert.Equal([new NodeId(1)], hosts.Membership(1).CurrentView!.Nodes);
        // Above whatever the lost ones may have decided.
        Assert.True((await works.Task.WaitAsync(TestHosts.Deadline)).Value > 1L << 32);
        Assert.Equal("Already", (await JsonAsync(0, ["form-by-force", "--reason", "again", "--yes", "--store", hosts.Store(1)])).GetProperty("status").GetString());
        Assert.Contains("a test has lost the others", (await Regroupctl.RunAsync(["journal", "--store", hosts.Store(1)])).Output, StringComparison.Ordinal);
    }

    private sealed class Work(TaskCompletionSource<Epoch> works) : MasterBackgroundService
    {
        protected override async Task ExecuteAsMasterAsync(MasterLease lease, CancellationToken stoppingToken)
        {
            works.TrySetResult(await lease.WaitUntilValidAsync(stoppingToken));
            await Task.Delay(Timeout.Infinite, stoppingToken);
        }
    }

    [Fact]
    public async Task Watch_prints_a_document_a_line_and_ends_with_0_when_it_is_interrupted()
    {
        await using var hosts = new TestHosts(1);
        await hosts.StartAsync();
        using Process watch = Process.Start(new ProcessStartInfo(Regroupctl.Program, ["watch", "--json", "--store", hosts.Store(1)]) { RedirectStandardOutput = true })!;
        try
        {
            for (int line = 0; line < 2; line++)
                Assert.Equal("Member", JsonDocument.Parse((await watch.StandardOutput.ReadLineAsync(TestHosts.Deadline))!).RootElement.GetProperty("phase").GetString());
            using (Process interrupt = Process.Start("kill", ["-INT", $"{watch.Id}"])) await interrupt.WaitForExitAsync(TestHosts.Deadline);
            await watch.WaitForExitAsync(TestHosts.Deadline);
            Assert.Equal(0, watch.ExitCode);
        }
        finally
        {
            if (!watch.HasExited) watch.Kill();
        }
    }

    [Fact]
    public async Task A_deployment_that_is_all_in_the_environment_is_validated_without_a_file()
    {
        string directory = Directory.CreateTempSubdirectory("regroup-cli-tests-").FullName;
        int port = FreePorts.Find(1)[0];
        (string, string)[] variables =
        [
            ("ClusterId", "from-the-environment"), ("Self", "1"), ("AllowPlainText", "true"), ("StoreDirectory", directory), ("Nodes__0__Number", "1"), ("Nodes__0__Endpoints__0", $"127.0.0.1:{port}"),
        ];
        (int code, string text, string error) = await Regroupctl.RunAsync(["validate"], environment: variables);
        Assert.True(code == 0, text + error);
        Assert.Contains("'from-the-environment'", text, StringComparison.Ordinal);
        Assert.Equal(1, (await Regroupctl.RunAsync(["validate"], environment: [.. variables, ("RoundTrip", "1")])).Code);
        Directory.Delete(directory, recursive: true);
    }

    [Fact]
    public async Task Bash_completes_commands_and_options()
    {
        string directory = Path.GetDirectoryName(Regroupctl.Program)!;
        const string Script = """
            eval "$(regroupctl completion bash)"
            for line in 'regroupctl swit' 'regroupctl keys ro' 'regroupctl status --js'; do
              COMP_LINE=$line COMP_POINT=${#line}; _regroupctl; echo "${COMPREPLY[*]}"
            done
            """;
        using Process bash = Process.Start(new ProcessStartInfo("bash", ["-c", Script]) { RedirectStandardOutput = true, Environment = { ["PATH"] = directory + ":" + Environment.GetEnvironmentVariable("PATH") } })!;
        string said = await bash.StandardOutput.ReadToEndAsync(TestHosts.Deadline);
        await bash.WaitForExitAsync(TestHosts.Deadline);
        Assert.Equal(["switchover", "rotate", "--json"], said.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    private static async Task<JsonElement> JsonAsync(int expected, string[] command, string input = "", bool mayBeRefused = false)
    {
        (int code, string text, string error) = await Regroupctl.RunAsync([.. command, "--json"], input);
        Assert.True(code == expected || (mayBeRefused && code is 1 or 4), $"{string.Join(' ', command)}: {code}, {text}{error}");
        return JsonDocument.Parse(text).RootElement;
    }
}
