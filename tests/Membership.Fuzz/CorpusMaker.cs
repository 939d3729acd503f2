// Writes the corpus anew from the generators of the property tests: short inputs of every kind, always the same.
using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Membership.Arbiters.Scsi.Record;
using Membership.Engine;
using Membership.Engine.Arbitration;
using Membership.Engine.Protocol;
using Membership.Engine.Storage;
using Membership.Engine.Tests.Wire;
using Membership.Engine.Wire;
using Membership.Fuzz.Targets;

namespace Membership.Fuzz;

internal static class CorpusMaker
{
    private const int Longest = 700;

    public static void Write(string directory)
    {
        List<byte[]> messages = [], datagrams = [], stores = [], witnesses = [], disks = [], controls = [];
        MessageHeader header = Draw(Arbitrary.Header, 1).First() with { From = new NodeId(1), FromIncarnation = new Incarnation(5), To = new NodeId(2) };
        messages.Add(Encode(header, null));
        foreach ((_, Gen<MessageBody> bodies) in Arbitrary.Bodies.OrderBy(static pair => pair.Key))
            messages.AddRange(Draw(bodies, 200).Select(body => Encode(header, body)).Where(static bytes => bytes.Length < Longest).DistinctBy(static bytes => bytes.Length / 32).Take(8));
        foreach (MessageForm form in new[] { MessageForm.Brief, MessageForm.Named })
        {
            var decision = new Decision(new NodeId(1), new Incarnation(3), WireTargets.Remembered[1], default, NodeSet.Of(4));
            foreach (MessageBody body in Draw(Arbitrary.Bodies[MessageKind.Status], 60))
                messages.Add(Encode(header, (StatusMessage)body with { StoredInForce = WireTargets.Remembered[0], Pending = [.. WireTargets.Remembered], Decision = decision }, form));
        }
        messages = [.. messages.Where(static bytes => bytes.Length < Longest)];
        List<byte[]> views = [.. Draw(Arbitrary.View, 300).Select(Bytes).Where(static bytes => bytes.Length < Longest).DistinctBy(static bytes => bytes.Length).Take(20)];
        List<ClusterView> small = [.. Draw(Arbitrary.View, 300).Where(static view => view.Members.Length < 6).Take(12)];

        using (var sealer = new DatagramSealer("plant-7", new NodeId(1), null))
        {
            // Short ones in one datagram each, and one that needs three.
            foreach (byte[] message in messages.Take(40).Append(new byte[3000]))
            {
                var to = new NodeId(2);
                int parts = DatagramSealer.FragmentCount(message.Length);
                ulong first = sealer.Reserve(to, parts);
                for (int i = 0; i < parts; i++)
                {
                    var datagram = new byte[DatagramSealer.MaxDatagramSize];
                    datagrams.Add(datagram[..sealer.SealFragment(to, header.FromIncarnation, first, i, parts, message, datagram)]);
                }
            }
        }
        foreach (ClusterView view in small)
        {
            StoredState state = StoredState.Empty(7).WithInForce(view).WithPending(small[0]) with { Incarnation = new Incarnation(3) };
            stores.Add(ViewStoreFormat.Encode("plant-7", new NodeId(2), 9, state));
            witnesses.Add((WitnessRecord.Blank("plant-7") with { Generation = 3, Owner = new WitnessOwner(new NodeId(1), new Incarnation(2), new Guid(1, 2, 3, [4, 5, 6, 7, 8, 9, 10, 11])), Renewals = 4 })
                .WithSlot(new NodeId(1), [view]).WithSlot(new NodeId(2), [small[1]]).Encode());
            disks.Add(SlotBody.Encode([view, small[2]]));
        }
        WitnessLayout layout = WitnessLayout.For("plant-7", 4, 512);
        disks.Add(layout.Encode());
        disks.Add((SlotHead.Blank(new NodeId(1)) with { Sequence = 4, State = ClaimState.Active, Generation = 2, BodyLength = 80 }).Encode(layout));
        disks.Add(new byte[512]);
        foreach (string json in new[]
        {
            """{"verb":"status"}""", """{"verb":"eject","node":3}""", """{"Verb":"watch","Node":null,"Cluster":"plant-7"}""", "[]", "null", "\"\\ud800\"", "{", """{"verb":1e400}""",
            string.Concat(Enumerable.Repeat("[", 200)), string.Concat(Enumerable.Repeat("{\"a\":", 100)),
        }) controls.Add([0, 0, (byte)(json.Length >> 8), (byte)json.Length, .. Encoding.UTF8.GetBytes(json)]);

        Save(directory, "message", messages);
        Save(directory, "datagram", datagrams);
        Save(directory, "view", views);
        Save(directory, "store", stores);
        Save(directory, "witness", witnesses);
        Save(directory, "scsi", Answers());
        Save(directory, "disk", disks);
        Save(directory, "control", controls);
    }

    private static List<byte[]> Answers()
    {
        var keys = new byte[8 + 24];
        BinaryPrimitives.WriteUInt32BigEndian(keys.AsSpan(4), 24);
        var full = new byte[8 + 2 * 48];
        BinaryPrimitives.WriteUInt32BigEndian(full.AsSpan(4), 96);
        foreach (int start in new[] { 8, 56 }) (full[start + 12], full[start + 13], full[start + 23]) = (1, 5, 24);
        return
        [
            keys, full, [0, 0, 0, 1, 0, 0, 0, 16, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0, 5, 0, 0], [0, 0, 0, 1, 0, 0, 0, 0], [0, 8, 1, 0x80, 0x20, 0, 0, 0],
            [0, 0, 5, 2, 31, 0, 0, 0, .. "VENDOR  PRODUCT         0001"u8], [0, 0x83, 0, 12, 1, 3, 0, 8, 0x60, 1, 4, 5, 0, 0, 0, 1], [0, 0x80, 0, 4, .. "S123"u8],
            [0, 0, 0xff, 0xff, 0, 0, 2, 0], [0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 2, 0], [3, 0, 0x80, 0], [0x70, 0, 6, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x2a, 3, 0, 0, 0, 0], [0x72, 5, 0x20, 0, 0, 0, 0, 0],
        ];
    }

    private static T[] Draw<T>(Gen<T> generator, int count)
        => [.. Enumerable.Range(1, count).Select(number => generator.Sample(6, new Rnd((ulong)number * 0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9), 1)[0])];

    private static byte[] Bytes(ClusterView view)
    {
        var bytes = new byte[ViewCodec.Measure(view)];
        ViewCodec.Write(view, bytes);
        return bytes;
    }

    private static byte[] Encode(in MessageHeader header, MessageBody body, MessageForm form)
    {
        MessageCodec.TryEncodeBody(body, form, default, out int length);
        var bytes = new byte[MessageCodec.HeaderSize + length];
        MessageCodec.TryEncodeBody(body, form, bytes, out _);
        MessageCodec.EncodeHeader(in header, MessageCodec.KindOf(body, form), length, bytes);
        return bytes;
    }

    private static byte[] Encode(in MessageHeader header, MessageBody? body)
    {
        var bytes = new byte[MessageCodec.Measure(body)];
        MessageCodec.TryEncode(header, body, bytes, out _);
        return bytes;
    }

    private static void Save(string directory, string name, List<byte[]> inputs)
        => File.WriteAllText(Path.Combine(directory, name + ".hex"), string.Concat(inputs.Select(static bytes => Convert.ToHexStringLower(bytes) + "\n")));
}
