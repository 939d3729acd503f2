// A reservation key says whose it is: 20 bits of the cluster's hash, 12 bits of node number, the low 32 bits of the
// incarnation. Never 0, which means "no key".
using System.Buffers.Binary;
using Membership.Arbiters.Scsi.Record;
using Membership.Engine.Arbitration;

namespace Membership.Arbiters.Scsi.Reservations;

internal readonly record struct ReservationKey(ulong Value)
{
    public int Node => (int)(Value >> 32 & 0xfff);

    public uint Life => (uint)Value;

    public bool IsOfSameCluster(ReservationKey other) => Value >> 44 == other.Value >> 44;

    public static ReservationKey For(ArbiterIdentity identity)
    {
        ulong cluster = BinaryPrimitives.ReadUInt32BigEndian(WitnessLayout.HashOf(identity.ClusterId)) >> 12;
        return new ReservationKey(cluster << 44 | (ulong)identity.Node.Value << 32 | (uint)identity.Incarnation.Value);
    }

    public override string ToString() => $"{Value:x16}h";
}
