// The rehearsal must be able to say no: witnesses with a planted defect each are found unfit.
using System.Collections.Immutable;
using Membership.Engine;
using Membership.Engine.Arbitration;
using Xunit;

namespace Membership.Cli.Tests;

public sealed class WitnessRehearsalTests
{
    [Theory]
    [InlineData("lets everyone win")]
    [InlineData("hands over too early")]
    [InlineData("never lets go")]
    [InlineData("forgets the record")]
    [InlineData("refuses everyone")]
    public async Task A_defective_witness_is_found_unfit(string defect)
    {
        var shared = new Defective(defect);
        var told = new List<CheckResult>();
        Rehearsed ended = await new WitnessRehearsal("tests", TimeSpan.FromMilliseconds(100), told.Add).RunAsync(shared, shared, TrialRecord.Written, TestContext.Current.CancellationToken);
        Assert.Equal(Rehearsed.Unfit, ended);
        Assert.Contains(told, static result => !result.Good);
    }

    private sealed class Defective(string defect) : IQuorumArbiter
    {
        private NodeId _owner;
        private bool _refusedOnce;
        private ImmutableArray<ClusterView> _views = [];

        public string Description => defect;

        public TimeSpan RenewInterval => TimeSpan.FromMilliseconds(20);

        public ValueTask<string?> CheckAsync(ArbiterIdentity identity, CancellationToken cancellationToken) => ValueTask.FromResult<string?>(null);

        public ValueTask<WitnessResult> ArbitrateAsync(ArbiterIdentity identity, CancellationToken cancellationToken)
        {
            bool wins = defect switch
            {
                "lets everyone win" => true,
                "refuses everyone" => false,
                "hands over too early" => !_owner.IsValid || _owner == identity.Node || _refusedOnce,
                _ => !_owner.IsValid || _owner == identity.Node,
            };
            if (wins) _owner = identity.Node;
            else _refusedOnce = true;
            return ValueTask.FromResult(new WitnessResult(wins ? WitnessOutcome.Success : WitnessOutcome.Lost, TimeSpan.FromMilliseconds(100), wins ? _views : []));
        }

        public ValueTask<WitnessResult> RenewAsync(ArbiterIdentity identity, CancellationToken cancellationToken) => ValueTask.FromResult(new WitnessResult(WitnessOutcome.Success, TimeSpan.FromMilliseconds(100), []));

        public ValueTask<WitnessResult> WriteSlotAsync(ArbiterIdentity identity, ImmutableArray<ClusterView> slot, CancellationToken cancellationToken)
        {
            if (defect != "forgets the record") _views = slot;
            return ValueTask.FromResult(new WitnessResult(WitnessOutcome.Success, TimeSpan.FromMilliseconds(100), []));
        }

        public ValueTask ReleaseAsync(ArbiterIdentity identity, CancellationToken cancellationToken)
        {
            if (defect != "never lets go") _owner = NodeId.Invalid;
            return default;
        }

        public ValueTask DisposeAsync() => default;
    }
}
