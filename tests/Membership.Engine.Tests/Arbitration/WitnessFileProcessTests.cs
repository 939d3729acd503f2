// The embedded witness between real processes that race, die, are stopped and go on: never two owners at one instant.
using System.Globalization;
using Membership.Engine.Runtime;
using Xunit;

namespace Membership.Engine.Tests.Arbitration;

public sealed class WitnessFileProcessTests : IDisposable
{
    private readonly TestDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Eight_challengers_have_exactly_one_winner_in_each_of_a_hundred_rounds()
    {
        const int Challengers = 8, Rounds = 100;
        var processes = new List<WitnessProcess>();
        try
        {
            for (int i = 0; i < Challengers; i++) processes.Add(Contender(i + 1, period: 2000, renew: 60));
            foreach (WitnessProcess process in processes) Assert.Equal("ready", await process.ReadAsync());
            for (int round = 0; round < Rounds; round++)
            {
                foreach (WitnessProcess process in processes) process.Tell("arbitrate 20000");
                // The winner must defend from the start; the others lose by seeing that.
                var answers = new string[Challengers];
                await Task.WhenAll(processes.Select(async (process, i) =>
                {
                    answers[i] = await process.ReadAsync();
                    if (answers[i].StartsWith("Success", StringComparison.Ordinal)) Assert.Equal("keeping", await process.AskAsync("keep"));
                }));
                Assert.Equal(1, answers.Count(static answer => answer.StartsWith("Success", StringComparison.Ordinal)));
                Assert.Equal(Challengers - 1, answers.Count(static answer => answer.StartsWith("Lost", StringComparison.Ordinal)));
                int winner = Array.FindIndex(answers, static answer => answer.StartsWith("Success", StringComparison.Ordinal));
                Assert.Equal("released", await processes[winner].AskAsync("release"));
            }
            AssertNoOverlap(processes);
        }
        finally
        {
            foreach (WitnessProcess process in processes) process.Dispose();
        }
    }

    [Fact]
    public async Task A_killed_owner_is_replaced_within_its_period()
    {
        using WitnessProcess owner = Contender(1, period: 1000, renew: 200), challenger = Contender(2, period: 1000, renew: 200);
        Assert.Equal("ready", await owner.ReadAsync());
        Assert.Equal("ready", await challenger.ReadAsync());
        Assert.StartsWith("Success", await owner.AskAsync("arbitrate 5000"), StringComparison.Ordinal);
        await owner.AskAsync("keep");
        Assert.StartsWith("Lost", await challenger.AskAsync("arbitrate 5000"), StringComparison.Ordinal);
        owner.Kill();
        MonotonicTime killed = MonotonicClock.System.Now;
        Assert.StartsWith("Success", await challenger.AskAsync("arbitrate 5000"), StringComparison.Ordinal);
        Assert.InRange(MonotonicClock.System.Now - killed, TimeSpan.Zero, TimeSpan.FromMilliseconds(1000 * 1.01 + 1000));
        AssertNoOverlap([owner, challenger]);
    }

    [Fact]
    public async Task A_stopped_owner_is_replaced_and_knows_when_it_goes_on_that_it_has_lost()
    {
        using WitnessProcess owner = Contender(1, period: 800, renew: 200), challenger = Contender(2, period: 800, renew: 200);
        Assert.Equal("ready", await owner.ReadAsync());
        Assert.Equal("ready", await challenger.ReadAsync());
        Assert.StartsWith("Success", await owner.AskAsync("arbitrate 5000"), StringComparison.Ordinal);
        Assert.Equal("yes", await owner.AskAsync("owned"));
        owner.Freeze();
        Assert.StartsWith("Success", await challenger.AskAsync("arbitrate 5000"), StringComparison.Ordinal);
        await challenger.AskAsync("keep");
        owner.Tell("owned");
        owner.Thaw();
        Assert.Equal("no", await owner.ReadAsync());
        Assert.Equal("Lost", await owner.AskAsync("renew"));
        Assert.Equal("Lost", await owner.AskAsync("slot 99"));
        AssertNoOverlap([owner, challenger]);
    }

    [Fact]
    public async Task No_two_processes_ever_own_the_witness_while_any_of_them_is_stopped_and_resumed_at_random()
    {
        const int Contenders = 5, Milliseconds = 12_000;
        var processes = new List<WitnessProcess>();
        var random = new Random(1);
        try
        {
            for (int i = 0; i < Contenders; i++) processes.Add(Contender(i + 1, period: 250, renew: 50));
            foreach (WitnessProcess process in processes) Assert.Equal("ready", await process.ReadAsync());
            foreach (WitnessProcess process in processes) process.Tell($"contend {Milliseconds}");
            MonotonicTime end = MonotonicClock.System.Now + TimeSpan.FromMilliseconds(Milliseconds);
            await Task.WhenAll(processes.Select(async process =>
            {
                while (MonotonicClock.System.Now < end)
                {
                    await Task.Delay(random.Next(5, 250));
                    process.Freeze();
                    await Task.Delay(random.Next(4) == 0 ? random.Next(250, 900) : random.Next(1, 120));
                    process.Thaw();
                }
            }));
            foreach (WitnessProcess process in processes)
            {
                while (await process.ReadAsync() != "done")
                {
                }
            }
            AssertNoOverlap(processes);
            AssertNothingWrittenIsForgotten(processes);
            Assert.True(processes.Sum(static process => Intervals(process, 0).Count) > 20, "The contenders hardly ever won: the test shows nothing.");
        }
        finally
        {
            foreach (WitnessProcess process in processes) process.Dispose();
        }
    }

    private static void AssertNoOverlap(IReadOnlyList<WitnessProcess> processes)
    {
        List<(long From, long Until, int Process)> all = [.. processes.SelectMany(static (process, i) => Intervals(process, i)).OrderBy(static interval => interval.From)];
        for (int i = 0; i < all.Count; i++)
        {
            for (int later = i + 1; later < all.Count && all[later].From < all[i].Until; later++)
                Assert.True(all[later].Process == all[i].Process, $"Process {all[i].Process} owned {all[i].From}..{all[i].Until}, process {all[later].Process} {all[later].From}..{all[later].Until}.");
        }
    }

    private static void AssertNothingWrittenIsForgotten(IReadOnlyList<WitnessProcess> processes)
    {
        List<string[]> lines = [.. processes.SelectMany(static process => process.History).Select(static line => line.Split(' '))];
        List<(long Epoch, long At)> written = [.. lines.Where(static words => words[0] == "wrote").Select(static words => (Ticks(words[1]), Ticks(words[2])))];
        Assert.NotEmpty(written);
        foreach (string[] read in lines.Where(static words => words[0] == "read"))
        {
            long known = written.Where(write => write.At < Ticks(read[2])).Select(static write => write.Epoch).DefaultIfEmpty(0).Max();
            Assert.True(Ticks(read[1]) >= known, $"Epoch {read[1]} was read after epoch {known} was confirmed.");
        }
    }

    /// <summary>When a process believed to own the witness, in 100 ns ticks of the machine's clock.</summary>
    private static List<(long From, long Until, int Process)> Intervals(WitnessProcess process, int index)
    {
        var intervals = new List<(long From, long Until, int Process)>();
        foreach (string line in process.History)
        {
            string[] words = line.Split(' ');
            if (words[0] == "owns")
                intervals.Add((Ticks(words[1]), Ticks(words[2]), index));
            else if (words[0] == "gaveup")
                intervals = [.. intervals.Select(interval => interval with { Until = Math.Min(interval.Until, Ticks(words[1])) })];
        }
        return intervals;
    }

    private static long Ticks(string word) => long.Parse(word, CultureInfo.InvariantCulture);

    private WitnessProcess Contender(int node, int period, int renew) => new(
        _directory.At("witness"), "c", node.ToString(CultureInfo.InvariantCulture), "1",
        period.ToString(CultureInfo.InvariantCulture), renew.ToString(CultureInfo.InvariantCulture));
}
