// Views as bytes: complete, and refused without an exception when a view's constructor would refuse them.
using System.Buffers.Binary;
using FsCheck;
using FsCheck.Fluent;
using Membership.Engine.Wire;
using Xunit;

namespace Membership.Engine.Tests.Wire;

public sealed class ViewCodecTests
{
    private const int Header = ViewCodec.MinBytes - ViewCodec.MemberBytes;

    [Fact]
    public void A_view_survives_completely() => Check.One(
        Config.QuickThrowOnFailure.WithMaxTest(300),
        Prop.ForAll(Arbitrary.View.ToArbitrary(), static view =>
        {
            byte[] bytes = Write(view);
            Assert.True(ViewCodec.TryRead([.. bytes, 1, 2, 3], out ClusterView? read, out int consumed));
            return consumed == bytes.Length && read!.Id == view.Id && read.Members.SequenceEqual(view.Members) && read.Rule == view.Rule
                && read.Timing == view.Timing && read.Master == view.Master && read.ViceMaster == view.ViceMaster && read.QuorumOwner == view.QuorumOwner
                && read.Disqualified == view.Disqualified && read.FormerMaster == view.FormerMaster && read.BaseEpoch == view.BaseEpoch;
        }));

    [Fact]
    public void Every_truncation_is_refused()
    {
        byte[] bytes = Write(Sample());
        for (int length = 0; length < bytes.Length; length++) Assert.False(ViewCodec.TryRead(bytes.AsSpan(0, length), out _, out _));
    }

    [Fact]
    public void What_the_constructor_would_refuse_is_refused_before_it_throws()
    {
        RefusedAfter(static bytes => BinaryPrimitives.WriteUInt16LittleEndian(bytes[(Header + ViewCodec.MemberBytes)..], 1)); // number 1 twice
        RefusedAfter(static bytes => BinaryPrimitives.WriteUInt16LittleEndian(bytes[Header..], 0));                          // no number
        RefusedAfter(static bytes => BinaryPrimitives.WriteUInt16LittleEndian(bytes[(Header + 2 * ViewCodec.MemberBytes)..], 1025));
        RefusedAfter(static bytes => BinaryPrimitives.WriteInt32LittleEndian(bytes[(Header + 10)..], -1));                   // a negative weight
        RefusedAfter(static bytes => BinaryPrimitives.WriteInt32LittleEndian(bytes[(Header + 10)..], int.MaxValue));         // weights overflow
        RefusedAfter(static bytes => BinaryPrimitives.WriteUInt32LittleEndian(bytes[(Header - 4)..], 0));                    // no members
        RefusedAfter(static bytes => BinaryPrimitives.WriteUInt32LittleEndian(bytes[(Header - 4)..], uint.MaxValue));
        RefusedAfter(static bytes => bytes[20] = 4);                                                                         // a policy that is none
        RefusedAfter(static bytes => BinaryPrimitives.WriteInt64LittleEndian(bytes[23..], 0));                               // clock period 0
        RefusedAfter(static bytes => BinaryPrimitives.WriteInt64LittleEndian(bytes[4..], -1));                               // a negative epoch
        RefusedAfter(static bytes => BinaryPrimitives.WriteInt64LittleEndian(bytes[12..], -1));                              // a negative base epoch
        RefusedAfter(static bytes => BinaryPrimitives.WriteUInt16LittleEndian(bytes[45..], 2));                              // a former master beside a master
    }

    [Fact]
    public void Garbage_costs_no_exception()
    {
        var random = new Random(7);
        byte[] good = Write(Sample());
        int thrown = 0, thread = Environment.CurrentManagedThreadId;
        void Count(object? sender, System.Runtime.ExceptionServices.FirstChanceExceptionEventArgs args)
        {
            if (args.Exception is ArgumentException && Environment.CurrentManagedThreadId == thread) thrown++;
        }
        AppDomain.CurrentDomain.FirstChanceException += Count;
        for (int round = 0; round < 100_000; round++)
        {
            byte[] bytes = [.. good];
            for (int change = random.Next(1, 4); change > 0; change--) bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            ViewCodec.TryRead(bytes, out _, out _);
        }
        AppDomain.CurrentDomain.FirstChanceException -= Count;
        Assert.Equal(0, thrown);
    }

    private static ClusterView Sample() => new(
        new Epoch(9), Enumerable.Range(1, 3).Select(static number => new ClusterMember(new NodeId(number), new Incarnation(number), number, 100 + number)),
        new QuorumRule(QuorumPolicy.NodeAndWitnessMajority, TieBreaker.LowestNode, true), ClusterTiming.Lan, new NodeId(1), new NodeId(2), new NodeId(3));

    private static byte[] Write(ClusterView view)
    {
        var bytes = new byte[ViewCodec.Measure(view)];
        Assert.Equal(bytes.Length, ViewCodec.Write(view, bytes));
        Assert.Throws<ArgumentException>(() => ViewCodec.Write(view, new byte[bytes.Length - 1]));
        return bytes;
    }

    private delegate void Change(Span<byte> bytes);

    private static void RefusedAfter(Change change)
    {
        byte[] bytes = Write(Sample());
        Assert.True(ViewCodec.TryRead(bytes, out _, out _));
        change(bytes);
        Assert.False(ViewCodec.TryRead(bytes, out _, out _));
    }
}
