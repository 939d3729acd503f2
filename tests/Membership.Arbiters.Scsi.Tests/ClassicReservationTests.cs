// What is particular to classic reservations, on a real tgtd: they shut everybody out, so a bystander must never hold one.
using Membership.Arbiters.Scsi.Commands;
using Membership.Arbiters.Scsi.Record;
using Membership.Arbiters.Scsi.Reservations;
using Membership.Arbiters.Scsi.Transports;
using Membership.Engine;
using Membership.Engine.Arbitration;
using Membership.Engine.Runtime;
using Xunit;

namespace Membership.Arbiters.Scsi.Tests;

[Trait("Category", "Arbiters")]
public sealed class ClassicReservationTests : IDisposable
{
    private const byte Reserve6 = 0x16, Release6 = 0x17;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly TgtServer _server = TgtServer.Start();

    private static CancellationToken None => TestContext.Current.CancellationToken;

    private static Deadline Soon => new(MonotonicClock.System.Now + Patience, None);

    public void Dispose() => _server.Dispose();

    [Fact]
    public async Task A_node_that_checks_the_unit_never_holds_it_wherever_it_is_stopped()
    {
        ScsiReservationOptions options = Options();
        await using var owner = new ScsiReservationArbiter(options);
        Assert.Equal(WitnessOutcome.Success, (await owner.ArbitrateAsync(Identity(1), None)).Outcome);
        var way = new Watched(new LibIscsiTransport(new IscsiAddress(options.Portal!, TgtServer.Target, 1, "iqn.2026-11.test:joiner", (1, 1))));
        using var unit = new ScsiUnit(way, options.CommandTimeout);
        // As if the check were stopped there, having broken the owner's reservation before.
        way.Answered = command =>
        {
            if (command.OperationCode is not (Reserve6 or Release6)) return;
            WitnessResult renewed = owner.RenewAsync(Identity(1), None).AsTask().GetAwaiter().GetResult();
            Assert.True(renewed.Outcome == WitnessOutcome.Success, $"After the check's {command.Name} the owner's renewal ended as {renewed.Outcome}: {renewed.Detail}");
        };
        Assert.Null(UnitCheck.Run(unit, new WitnessDisk(unit, "c", options.MaxNodes), new ClassicReservation(unit), Identity(2), options, Soon));
    }

    private static ArbiterIdentity Identity(int node) => new("c", new NodeId(node), new Incarnation(1));

    private ScsiReservationOptions Options() => new() { Portal = _server.EndPoint.ToString(), Target = TgtServer.Target, Lun = 1, Mode = ScsiReservationMode.Classic };

    /// <summary>A way to a real unit on which somebody else has a turn after each command.</summary>
    private sealed class Watched(IScsiTransport way) : IScsiTransport
    {
        public Action<ScsiCommand>? Answered { get; set; }

        public string Description => way.Description;

        public bool IsConnected => way.IsConnected;

        public void Connect(TimeSpan limit) => way.Connect(limit);

        public ScsiReply Execute(in ScsiCommand command, TimeSpan limit)
        {
            ScsiReply reply = way.Execute(command, limit);
            Answered?.Invoke(command);
            return reply;
        }

        public void ResetUnit(TimeSpan limit) => way.ResetUnit(limit);

        public void Drop() => way.Drop();

        public void Dispose() => way.Dispose();
    }
}
