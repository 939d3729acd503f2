// A million inputs through every parser of what comes from outside, and proof that the judge of them finds what it looks for.
using System.Diagnostics;
using System.Globalization;
using Membership.Fuzz;
using Membership.Tests;
using Xunit;

namespace Membership.Fuzz.Tests;

public sealed class FuzzTests
{
    private const long InputsPerTarget = 125_000;

    public static TheoryData<string> Targets => [.. FuzzTarget.All.Select(static target => target.Name)];

    [Theory]
    [MemberData(nameof(Targets))]
    public void No_input_gets_an_exception_out_or_takes_memory_or_time_out_of_proportion(string target)
    {
        FuzzResult result = new Fuzzer(FuzzTarget.Find(target)!, TestSeed.ToInt32(TestSeed.Current)).Run(InputsPerTarget, TimeSpan.MaxValue);
        Assert.True(result.Finding is null, result.Finding);
        Assert.Equal(InputsPerTarget, result.Inputs);
        Assert.True(result.Accepted > 0, "no input got through to the end of the parser");
        Assert.True(result.Paths > 10, "no input did anything that the corpus does not");
    }

    [Theory]
    [InlineData(null, 1)]
    [InlineData("0", 0)]
    [InlineData("2147483648", 0)]
    [InlineData("4294967295", int.MaxValue)]
    [InlineData("18446744073709551615", int.MaxValue)]
    public void Every_seed_that_a_run_may_draw_is_one_for_the_fuzzer(string? drawn, int seed) => Assert.Equal(seed, TestSeed.ToInt32(TestSeed.Parse(drawn)));

    [Theory]
    [MemberData(nameof(Targets))]
    public void The_corpus_begins_with_inputs_that_are_accepted(string target)
    {
        FuzzTarget fuzzed = FuzzTarget.Find(target)!;
        Assert.Contains(fuzzed.ReadCorpus(), input => fuzzed.Parse(input));
    }

    [Fact]
    public void An_exception_that_gets_out_is_a_finding_with_its_input()
    {
        FuzzResult result = Run(static input => input.Length > 3 && input[2] == 0x7f ? throw new FormatException("planted") : false);
        Assert.Contains("planted", result.Finding, StringComparison.Ordinal);
        Assert.Contains("input of ", result.Finding, StringComparison.Ordinal);
    }

    [Fact]
    public void Memory_by_what_an_input_claims_is_a_finding()
        => Assert.Contains("bytes of memory", Run(static input => input.Length > 3 && input[2] == 0x7f && new byte[1 << 20].Length > 0).Finding, StringComparison.Ordinal);

    [Fact]
    public void An_input_that_takes_long_every_time_is_a_finding()
        => Assert.Contains(" ms", Run(static input =>
        {
            long started = Stopwatch.GetTimestamp();
            while (input.Length > 3 && input[2] == 0x7f && Stopwatch.GetElapsedTime(started) < 2 * Fuzzer.Slow) Thread.SpinWait(10);
            return false;
        }).Finding, StringComparison.Ordinal);

    [Fact]
    public void The_same_seed_makes_the_same_inputs()
    {
        List<byte[]> corpus = FuzzTarget.Find("view")!.ReadCorpus();
        var first = new Mutator(new Random(5));
        var second = new Mutator(new Random(5));
        for (int i = 0; i < 1000; i++) Assert.Equal(first.Next(corpus), second.Next(corpus));
    }

    private static FuzzResult Run(Func<byte[], bool> parse) => new Fuzzer(FuzzTarget.Find("scsi")! with { Parse = parse }, 1).Run(200_000, TimeSpan.MaxValue);
}
