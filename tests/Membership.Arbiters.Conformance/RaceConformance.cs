// Eight challengers at once on a real backend, again and again: exactly one wins each time.
using System.Diagnostics;
using Xunit;

namespace Membership.Arbiters.Conformance;

/// <summary>Derive a public class per backend.</summary>
/// <typeparam name="TBackend">Makes and stops the real thing.</typeparam>
public abstract class RaceConformance<TBackend> : ConformanceCase<TBackend>
    where TBackend : ArbiterBackend, new()
{
    [Fact]
    public async Task Eight_challengers_have_exactly_one_winner_in_each_round()
    {
        const int Challengers = 8;
        await Contenders.StartManyAsync(Challengers, _ => Backend.Arguments);
        var clock = Stopwatch.StartNew();
        int secondWinners = 0;
        for (int round = 0; round < Backend.Rounds; round++)
        {
            foreach (ContenderProcess process in Contenders.All) process.Tell("race 60000");
            // The winner defends from the start; the others lose by seeing that.
            var answers = new string[Challengers];
            await Task.WhenAll(Contenders.All.Select(async (process, i) => answers[i] = await process.AnswerAsync()));
            string all = $"Round {round}: {string.Join("; ", answers)}";
            int winners = answers.Count(static answer => answer.StartsWith("Success", StringComparison.Ordinal));
            Assert.True(winners >= 1, all);
            Assert.True(answers.Count(static answer => answer.StartsWith("Lost", StringComparison.Ordinal)) == Challengers - winners, all);
            // On a machine that stood still for the length of an ownership the next one may lawfully win within the round; the log of
            // ownerships below says whether it was lawful, and such rounds must stay rare.
            if (winners > 1 && ++secondWinners > Math.Max(1, Backend.Rounds / 20)) Assert.Fail(all);
            for (int i = 0; i < answers.Length; i++)
                if (answers[i].StartsWith("Success", StringComparison.Ordinal)) Assert.Equal("released", await Contenders.All[i].AskAsync("release"));
        }
        TestContext.Current.TestOutputHelper?.WriteLine($"{Backend.Rounds} rounds in {clock.Elapsed.TotalSeconds:0.0} s");
        OwnershipLog log = Contenders.ReadLog();
        log.AssertNeverTwoOwners();
        Assert.True(log.Ownerships().Count >= Backend.Rounds);
    }
}
