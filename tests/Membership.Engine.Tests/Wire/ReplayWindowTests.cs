// The replay window against the plainest model there is: a set of counters and the highest one.
using FsCheck;
using FsCheck.Fluent;
using Membership.Engine.Wire;
using Xunit;

namespace Membership.Engine.Tests.Wire;

public sealed class ReplayWindowTests
{
    [Fact]
    public void It_accepts_exactly_what_is_new_and_not_too_old() => Check.One(
        Config.QuickThrowOnFailure.WithMaxTest(300),
        Prop.ForAll(Gen.OneOf(Gen.Choose(-3, 3), Gen.Choose(-1100, 1100), Gen.Choose(-70, 5000)).ArrayOf(300).ToArbitrary(), static steps =>
        {
            var window = new ReplayWindow();
            var seen = new HashSet<ulong>();
            ulong highest = 0, counter = 0;
            foreach (int step in steps)
            {
                counter = (ulong)Math.Max(0, (long)counter + step);
                bool expected = counter != 0 && !seen.Contains(counter) && (counter > highest || highest - counter < ReplayWindow.Width);
                if (window.IsFresh(counter) != expected) return false;
                if (!expected) continue;
                window.Accept(counter);
                seen.Add(counter);
                highest = Math.Max(highest, counter);
            }
            return window.Highest == highest;
        }));

    [Fact]
    public void A_jump_over_the_whole_width_forgets_nothing_it_must_know()
    {
        var window = new ReplayWindow();
        window.Accept(1);
        window.Accept(ulong.MaxValue);
        Assert.False(window.IsFresh(1));
        Assert.False(window.IsFresh(ulong.MaxValue));
        Assert.False(window.IsFresh(0));
        Assert.True(window.IsFresh(ulong.MaxValue - 1));
        Assert.True(window.IsFresh(ulong.MaxValue - (ReplayWindow.Width - 1)));
        Assert.False(window.IsFresh(ulong.MaxValue - ReplayWindow.Width));
    }
}
