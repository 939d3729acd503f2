// The seed that ./test draws and prints, for the tests that go a new way in every run; compiled into each project that has one.
using System.Globalization;

namespace Membership.Tests;

internal static class TestSeed
{
    /// <summary>The run's seed, any number of 64 bits; 1 where a test is run by itself.</summary>
    public static ulong Current => Parse(Environment.GetEnvironmentVariable("REGROUP_TEST_SEED"));

    public static ulong Parse(string? text) => text is null ? 1 : ulong.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture);

    /// <summary>The low bits of a seed, for a generator that takes an <see cref="int"/>; never negative.</summary>
    public static int ToInt32(ulong seed) => (int)(seed & int.MaxValue);
}
