// Clients of the replicated state at random nodes: inserts that must stay, counters raised under a condition, puts, touches,
// deletes of what nobody counts on, and reads.
using System.Buffers.Binary;
using System.Globalization;
using Membership.Engine.Protocol;
using Membership.Engine.Replication;
using Membership.Simulator.World;

namespace Membership.Simulator.Workload;

internal sealed class StateClients(ClusterWorld world, ulong seed)
{
    private readonly Rng _rng = Rng.For(seed, "clients");
    private long _next;

    public void Start() => world.After(_rng.Exponential(world.Options.L / 16), Act);

    private void Act()
    {
        for (int burst = _rng.Chance(0.1) ? 8 : 1; burst > 0; burst--)
            if (world.Node(_rng.Below(world.Options.Nodes) + 1).Process is { } process)
            {
                if (_rng.Chance(0.3)) process.Read();
                else process.Update(Draw(process));
            }
        if (!world.QuietPhase) world.After(_rng.Exponential(world.Options.L / 16), Act);
    }

    private TableUpdate Draw(SimProcess process)
    {
        var value = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(value, ++_next);
        TableSnapshot seen = process.Core.StateNow.Read("counters");
        string row = "row" + _rng.Below(4).ToString(CultureInfo.InvariantCulture);
        long etag = seen.Rows.TryGetValue(row, out TableRow? known) ? known.Etag : 0;
        return _rng.Below(6) switch
        {
            0 => new TableUpdate("counters", [new RowChange(etag == 0 ? RowChangeKind.Insert : RowChangeKind.Update, row, value, etag)], seen.Version),
            1 => new TableUpdate("counters", [new RowChange(RowChangeKind.Put, row, value)]),
            2 => new TableUpdate("counters", [new RowChange(RowChangeKind.Touch, row, value, etag)], KeepVersion: true),
            3 => new TableUpdate("counters", [new RowChange(RowChangeKind.Delete, row, default, etag)], seen.Version),
            _ => new TableUpdate("clients", [new RowChange(RowChangeKind.Insert, $"{process.Number}-{_next}", value)]),
        };
    }
}
