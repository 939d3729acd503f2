// The protocol core stays a pure state machine: shown on the compiled assembly, and shown to be able to fail.
using System.Collections.Immutable;
using Membership.Engine;
using Xunit;

namespace Membership.Architecture.Tests;

public sealed class ProtocolPurityTests
{
    private const string Protocol = "Membership.Engine.Protocol";

    private static readonly ImmutableArray<Use> Engine = CompiledReferences.Read(typeof(NodeId).Assembly.Location);

    [Fact]
    [Trait("Category", "Purity")]
    public void The_protocol_core_touches_no_clock_task_thread_lock_chance_file_socket_or_console()
    {
        Assert.Contains(Engine, static use => BannedUse.IsIn(use.UserNamespace, Protocol));
        Assert.Empty(Engine.Where(static use => BannedUse.IsIn(use.UserNamespace, Protocol) && BannedUse.Is(use)));
    }

    [Theory]
    [InlineData("Wire")]
    [InlineData("Transport")]
    [InlineData("Storage")]
    [InlineData("Runtime")]
    [InlineData("Arbitration")]
    public void The_protocol_core_knows_nothing_of(string neighbour)
        => Assert.Empty(Engine.Where(use
            => BannedUse.IsIn(use.UserNamespace, Protocol) && BannedUse.IsIn(use.Namespace, "Membership.Engine." + neighbour)));

    [Fact]
    public void The_vocabulary_knows_nothing_of_the_parts_that_use_it()
        => Assert.Empty(Engine.Where(static use => use.UserNamespace == "Membership.Engine" && use.Namespace.StartsWith("Membership.Engine.", StringComparison.Ordinal)));

    [Theory]
    [InlineData("LocalClock")]
    [InlineData("WallClock")]
    [InlineData("WallClockWithOffset")]
    [InlineData("ElapsedClock")]
    [InlineData("TickCount")]
    [InlineData("StartsATask")]
    [InlineData("Awaits")]
    [InlineData("StartsAThread")]
    [InlineData("Chance")]
    [InlineData("ChanceAsGuid")]
    [InlineData("Prints")]
    [InlineData("ReadsAFile")]
    [InlineData("OpensASocket")]
    [InlineData("Local")]
    [InlineData("InsideALambda")]
    [InlineData("InsideAnIterator")]
    [InlineData("TakesALock")]
    [InlineData("_timer")]
    public void A_core_that_did_this_would_be_caught(string offence)
    {
        ImmutableArray<Use> samples = CompiledReferences.Read(typeof(ProtocolPurityTests).Assembly.Location);
        Assert.Contains(samples, use => BannedUse.IsIn(use.UserNamespace, "Membership.Architecture.Tests.Forbidden")
            && BannedUse.Is(use)
            && (use.Where == offence || use.Where.Contains($"<{offence}>", StringComparison.Ordinal) || use.User.Contains($"<{offence}>", StringComparison.Ordinal)));
    }
}
