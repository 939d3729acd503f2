// A campaign that was stopped goes on where it ended, whatever was in its last line.
using Membership.Simulator.Commands;
using Membership.Simulator.Workload;
using Xunit;

namespace Membership.Simulator.Tests;

public sealed class CampaignTests : IDisposable
{
    private readonly string _file = Path.Combine(Path.GetTempPath(), $"campaign-{Guid.NewGuid():N}.log");

    public void Dispose() => File.Delete(_file);

    [Fact]
    public void A_campaign_that_is_started_again_runs_only_the_chunks_that_are_missing()
    {
        var filter = new RunFilter { MinNodes = 2, MaxNodes = 2 };
        // Two chunks that somebody ran on another core, one of them cut short while it was written; and one of other options.
        string[] before =
        [
            $"2026-11-22T10:00:00Z core=1234567 options=[--nodes 2..2] seeds=1..{CampaignCommand.Chunk} violations=0 events=5 seconds=1.0 slowest_ms=1@1 heal=1 %@1 busiest=1@1",
            $"2026-11-22T10:00:00Z core=1234567 options=[--nodes 2..3] seeds={CampaignCommand.Chunk + 1}..{CampaignCommand.Chunk + 3} violations=0 events=5 seconds=1.0 slowest_ms=1@1 heal=1 %@1 busiest=1@1",
            $"2026-11-22T10:00:00Z core=1234567 options=[--nodes 2..2] seeds={CampaignCommand.Chunk + 1}..{CampaignCommand.Chunk + 3} violations=0 eve",
        ];
        File.WriteAllLines(_file, before);
        (int exit, string said) = Run(filter);
        Assert.Equal(0, exit);
        Assert.Contains($"core=1234567 seeds={CampaignCommand.Chunk} of {CampaignCommand.Chunk + 3} violations=0", said, StringComparison.Ordinal);
        Assert.Contains($"seeds=3 of {CampaignCommand.Chunk + 3} violations=0", said, StringComparison.Ordinal);
        string[] after = File.ReadAllLines(_file);
        Assert.Equal(before.Length + 1, after.Length);

        Run(filter);
        Assert.Equal(after, File.ReadAllLines(_file));
    }

    [Fact]
    public void A_violation_stays_in_the_file_and_in_the_exit_code()
    {
        File.WriteAllLines(_file, [$"2026-11-22T10:00:00Z core=1234567 options=[--nodes 2..2] seeds=1..{CampaignCommand.Chunk + 3} violations=1 events=5 seconds=1.0 slowest_ms=1@1 heal=1 %@1 busiest=1@1"]);
        Assert.Equal(1, Run(new RunFilter { MinNodes = 2, MaxNodes = 2 }, TimeSpan.Zero).Exit);
    }

    private (int Exit, string Said) Run(RunFilter filter, TimeSpan? budget = null)
    {
        var said = new StringWriter();
        int exit = CampaignCommand.Run(_file, 1, CampaignCommand.Chunk + 3, budget ?? TimeSpan.FromMinutes(5), filter, jobs: 1, said);
        return (exit, said.ToString());
    }
}
