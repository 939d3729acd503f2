// Many contenders at once on a real backend: the race of eight, and a crowd that is stopped and resumed at random.
using System.Diagnostics;
using Xunit;

namespace Membership.Arbiters.Conformance;

/// <summary>Derive a public class per backend.</summary>
/// <typeparam name="TBackend">Makes and stops the real thing.</typeparam>
public abstract class ContentionConformance<TBackend> : IAsyncLifetime
    where TBackend : ArbiterBackend, new()
{
    protected TBackend Backend { get; } = new();

    protected Contenders Contenders { get; } = new();

    public async ValueTask InitializeAsync() => await Backend.StartAsync();

    public async ValueTask DisposeAsync()
    {
        Contenders.Dispose();
        await Backend.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task Eight_challengers_have_exactly_one_winner_in_each_round()
    {
        const int Challengers = 8;
        await Contenders.StartManyAsync(Challengers, _ => Backend.Arguments);
        var clock = Stopwatch.StartNew();
        for (int round = 0; round < Backend.Rounds; round++)
        {
            foreach (ContenderProcess process in Contenders.All) process.Tell("arbitrate 60000");
            // The winner defends from the start; the others lose by seeing that.
            var answers = new string[Challengers];
            await Task.WhenAll(Contenders.All.Select(async (process, i) =>
            {
                answers[i] = await process.AnswerAsync();
                if (answers[i].StartsWith("Success", StringComparison.Ordinal)) Assert.Equal("keeping", await process.AskAsync("keep"));
            }));
            string all = $"Round {round}: {string.Join("; ", answers)}";
            Assert.True(answers.Count(static answer => answer.StartsWith("Success", StringComparison.Ordinal)) == 1, all);
            Assert.True(answers.Count(static answer => answer.StartsWith("Lost", StringComparison.Ordinal)) == Challengers - 1, all);
            int winner = Array.FindIndex(answers, static answer => answer.StartsWith("Success", StringComparison.Ordinal));
            Assert.Equal("released", await Contenders.All[winner].AskAsync("release"));
        }
        TestContext.Current.TestOutputHelper?.WriteLine($"{Backend.Rounds} rounds in {clock.Elapsed.TotalSeconds:0.0} s");
        OwnershipLog log = Contenders.ReadLog();
        log.AssertNeverTwoOwners();
        Assert.True(log.Ownerships().Count >= Backend.Rounds);
    }

    [Fact]
    public async Task No_two_processes_ever_own_it_while_any_of_them_is_stopped_and_resumed_at_random()
    {
        int period = (int)Backend.OwnershipPeriod.TotalMilliseconds;
        await Contenders.StartManyAsync(5, _ => Backend.Arguments);
        foreach (ContenderProcess process in Contenders.All) Assert.Equal("contending", await process.AskAsync("contend"));
        var clock = Stopwatch.StartNew();
        await Task.WhenAll(Contenders.All.Select(async (process, i) =>
        {
            var random = new Random(i);
            while (clock.Elapsed < Backend.ContentionTime)
            {
                await Task.Delay(random.Next(5, Math.Min(period, 400)), TestContext.Current.CancellationToken);
                process.Freeze();
                await Task.Delay(random.Next(4) == 0 ? random.Next(period, period * 5 / 2) : random.Next(1, 150), TestContext.Current.CancellationToken);
                process.Thaw();
            }
        }));
        foreach (ContenderProcess process in Contenders.All) Assert.Equal("halted", await process.AskAsync("halt"));
        OwnershipLog log = Contenders.ReadLog();
        log.AssertNeverTwoOwners();
        log.AssertNothingConfirmedIsForgotten();
        int won = log.Ownerships().Count;
        TestContext.Current.TestOutputHelper?.WriteLine($"{won} times owned");
        Assert.True(won >= 5, $"The contenders owned it {won} times: the test shows nothing.");
    }
}
