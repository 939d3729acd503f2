// A message's way through the wire, part by part: encode, decode, seal with AES-256-GCM, open; each beside what it cannot do without or
// what a host would write instead.
using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text.Json;
using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using Membership.Engine;
using Membership.Engine.Protocol;
using Membership.Engine.Wire;

namespace Membership.Bench;

[GroupBenchmarksBy(BenchmarkLogicalGroupRule.ByCategory)]
public class WireBenchmarks : IDisposable
{
    private const int Members = 16;
    private const int DatagramContent = 1200;

    private static readonly NodeId Sender = new(1);
    private static readonly NodeId Receiver = new(2);

    private readonly byte[] _heartbeat = new byte[MessageCodec.HeaderSize];
    private readonly byte[] _copy = new byte[MessageCodec.HeaderSize];
    private readonly byte[] _status = new byte[4096];
    private readonly byte[] _brief = new byte[4096];
    private readonly byte[] _named = new byte[4096];
    private readonly byte[] _json;
    private readonly byte[] _content = RandomNumberGenerator.GetBytes(DatagramContent);
    private readonly byte[] _datagram = new byte[2048];
    private readonly byte[] _opened = new byte[2048];
    private readonly byte[] _nonce = new byte[12];
    private readonly byte[] _tag = new byte[DatagramHeader.SealSize];
    private readonly byte[] _associated = new byte[DatagramHeader.Size];
    private readonly AesGcm _bare = new(RandomNumberGenerator.GetBytes(32), DatagramHeader.SealSize);
    private readonly DatagramSealer _sealer;
    private readonly DatagramOpener _opener;
    private readonly StatusMessage _message = StatusOf(Members);
    private readonly PlainStatus _plain;
    private readonly MemoryStream _stream = new(16384);
    private readonly ViewMemory _views = new();
    private readonly int _statusLength, _briefLength, _namedLength;
    private ulong _sequence;

    public WireBenchmarks()
    {
        KeyRing keys = KeyRing.Generate();
        _sealer = new DatagramSealer("bench", Sender, keys);
        _opener = new DatagramOpener("bench", Receiver, NodeSet.Of(1, 2), keys);
        _plain = PlainStatus.Of(_message);
        _json = JsonSerializer.SerializeToUtf8Bytes(_plain);
        if (!MessageCodec.TryEncode(Header(), _message, _status, out _statusLength)) throw new InvalidOperationException("not encoded");
        _briefLength = Encode(MessageForm.Brief, _brief);
        _namedLength = Encode(MessageForm.Named, _named);
        _views.Note(_message);
        if (!MessageCodec.TryEncode(Header(), null, _heartbeat, out _)) throw new InvalidOperationException("not encoded");
    }

    // ---- a heartbeat, which is a header ----

    [Benchmark(Baseline = true, Description = "copy of its 72 bytes")]
    [BenchmarkCategory("heartbeat, encode and decode")]
    public byte CopyHeartbeat()
    {
        _heartbeat.CopyTo(_copy.AsSpan());
        return _copy[^1];
    }

    [Benchmark(Description = "codec")]
    [BenchmarkCategory("heartbeat, encode and decode")]
    public ulong CodecHeartbeat()
    {
        MessageCodec.TryEncode(Header(), null, _heartbeat, out _);
        MessageCodec.TryDecode(_heartbeat, out MessageHeader read, out _);
        return read.Sequence;
    }

    // ---- a status of 16 nodes with a decision: the largest common message ----

    [Benchmark(Baseline = true, Description = "System.Text.Json")]
    [BenchmarkCategory("status of 16 nodes, encode")]
    public long JsonEncode()
    {
        _stream.Position = 0;
        JsonSerializer.Serialize(_stream, _plain);
        return _stream.Position;
    }

    [Benchmark(Description = "codec")]
    [BenchmarkCategory("status of 16 nodes, encode")]
    public int CodecEncode()
    {
        MessageCodec.TryEncode(Header(), _message, _status, out int length);
        return length;
    }

    [Benchmark(Description = "codec, in brief, its view in full")]
    [BenchmarkCategory("status of 16 nodes, encode")]
    public int BriefEncode() => Encode(MessageForm.Brief, _brief);

    [Benchmark(Description = "codec, in brief, its view named")]
    [BenchmarkCategory("status of 16 nodes, encode")]
    public int NamedEncode() => Encode(MessageForm.Named, _named);

    [Benchmark(Baseline = true, Description = "System.Text.Json, tokens only")]
    [BenchmarkCategory("status of 16 nodes, decode")]
    public int JsonRead()
    {
        var reader = new Utf8JsonReader(_json);
        int tokens = 0;
        while (reader.Read()) tokens++;
        return tokens;
    }

    [Benchmark(Description = "codec")]
    [BenchmarkCategory("status of 16 nodes, decode")]
    public object? CodecDecode()
    {
        MessageCodec.TryDecode(_status.AsSpan(0, _statusLength), out _, out MessageBody? body);
        return body ?? throw new InvalidOperationException("not decoded");
    }

    [Benchmark(Description = "codec, in brief, its view in full")]
    [BenchmarkCategory("status of 16 nodes, decode")]
    public object? BriefDecode() => Decode(_brief.AsSpan(0, _briefLength));

    [Benchmark(Description = "codec, in brief, its view named")]
    [BenchmarkCategory("status of 16 nodes, decode")]
    public object? NamedDecode() => Decode(_named.AsSpan(0, _namedLength));

    // ---- the seal ----

    [Benchmark(Baseline = true, Description = "bare AES-256-GCM")]
    [BenchmarkCategory("seal of 1200 bytes")]
    public byte BareEncrypt()
    {
        _nonce[0]++;
        _bare.Encrypt(_nonce, _content, _datagram.AsSpan(0, DatagramContent), _tag, _associated);
        return _tag[0];
    }

    [Benchmark(Description = "sealer")]
    [BenchmarkCategory("seal of 1200 bytes")]
    public int Seal() => _sealer.Seal(Receiver, new Incarnation(1), _content, _datagram);

    [Benchmark(Baseline = true, Description = "bare AES-256-GCM")]
    [BenchmarkCategory("seal and open of 1200 bytes")]
    public byte BareEncryptDecrypt()
    {
        _nonce[0]++;
        _bare.Encrypt(_nonce, _content, _datagram.AsSpan(0, DatagramContent), _tag, _associated);
        _bare.Decrypt(_nonce, _datagram.AsSpan(0, DatagramContent), _tag, _opened.AsSpan(0, DatagramContent), _associated);
        return _opened[0];
    }

    [Benchmark(Description = "sealer, opener")]
    [BenchmarkCategory("seal and open of 1200 bytes")]
    public int SealOpen()
    {
        int size = _sealer.Seal(Receiver, new Incarnation(1), _content, _datagram);
        DatagramDropReason dropped = _opener.TryOpen(_datagram.AsSpan(0, size), _opened, out OpenedDatagram opened);
        return dropped == DatagramDropReason.None ? opened.Length : throw new InvalidOperationException($"not opened: {dropped}");
    }

    // ---- all of it ----

    [Benchmark(Baseline = true, Description = "bare AES-256-GCM, there and back")]
    [BenchmarkCategory("heartbeat's whole way: encode, seal, open, decode")]
    public byte BareHeartbeat()
    {
        _nonce[0]++;
        _bare.Encrypt(_nonce, _heartbeat, _datagram.AsSpan(0, MessageCodec.HeaderSize), _tag, _associated);
        _bare.Decrypt(_nonce, _datagram.AsSpan(0, MessageCodec.HeaderSize), _tag, _opened.AsSpan(0, MessageCodec.HeaderSize), _associated);
        return _opened[0];
    }

    [Benchmark(Description = "codec, sealer, opener")]
    [BenchmarkCategory("heartbeat's whole way: encode, seal, open, decode")]
    public ulong EncodeSealOpenDecode()
    {
        if (!MessageCodec.TryEncode(Header(), null, _heartbeat, out int length)) throw new InvalidOperationException("not encoded");
        int size = _sealer.Seal(Receiver, new Incarnation(1), _heartbeat.AsSpan(0, length), _datagram);
        DatagramDropReason dropped = _opener.TryOpen(_datagram.AsSpan(0, size), _opened, out OpenedDatagram opened);
        if (dropped != DatagramDropReason.None) throw new InvalidOperationException($"not opened: {dropped}");
        DecodeResult result = MessageCodec.TryDecode(_opened.AsSpan(0, opened.Length), out MessageHeader read, out _);
        return result == DecodeResult.Ok ? read.Sequence : throw new InvalidOperationException($"not decoded: {result}");
    }

    public void Dispose()
    {
        _sealer.Dispose();
        _opener.Dispose();
        _bare.Dispose();
        _stream.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>How long the status is as every version writes it, in brief, and in brief with its view named, and as JSON; in bytes.</summary>
    internal (int Plain, int Brief, int Named, int Json) StatusLengths => (_statusLength, _briefLength, _namedLength, _json.Length);

    private int Encode(MessageForm form, byte[] destination)
    {
        if (!MessageCodec.TryEncodeBody(_message, form, destination, out int length)) throw new InvalidOperationException("not encoded");
        MessageCodec.EncodeHeader(Header(), MessageCodec.KindOf(_message, form), length, destination);
        return MessageCodec.HeaderSize + length;
    }

    private MessageBody Decode(ReadOnlySpan<byte> message)
    {
        MessageCodec.TryDecode(message, _views, MessageCodec.MinorVersion, out _, out MessageBody? body);
        return body ?? throw new InvalidOperationException("not decoded");
    }

    private MessageHeader Header() => new()
    {
        From = Sender,
        FromIncarnation = new Incarnation(1),
        To = Receiver,
        ToIncarnation = new Incarnation(1),
        InForce = new ViewId(new Epoch(4), 5),
        Sequence = ++_sequence,
    };

    private static StatusMessage StatusOf(int members)
    {
        NodeSet all = NodeSet.From(Enumerable.Range(1, members).Select(static number => new NodeId(number)));
        NodeSet stay = all.Without(new NodeId(members));
        var view = new ClusterView(new Epoch(5), stay.Select(static node => new ClusterMember(node, new Incarnation(3), 1, 77)),
            new QuorumRule(QuorumPolicy.NodeMajority, TieBreaker.LowestNode, false), ClusterTiming.Default);
        var decision = new Decision(new NodeId(1), new Incarnation(3), view, default, NodeSet.Of(members));
        return new StatusMessage(new ActivationId(new Epoch(4), 1), RegroupStage.Prune, StatusFlags.Persisted, stay, stay, ImmutableArray<ConnectivityRow>.Empty, null, [view],
            new Epoch(5), new Epoch(5), 77, 1, decision, 0, default, default, new StateTip(10, Epoch.None, 0));
    }
}

/// <summary>The same status as plain numbers and arrays, as a host would hand it to a serialiser.</summary>
internal sealed record PlainStatus(
    long Epoch, int Attempt, int Stage, int Flags, int[] Heard, int[] Closed, PlainView[] Pending, long HighestSeen, long HighestPersisted, long StoreId, ulong ConfigurationHash,
    int Decider, long DeciderIncarnation, PlainView View, int[] Voters, int[] Removed, int ArbitrationFailures, int[] Ejected, int[] Released, long Applied)
{
    public static PlainStatus Of(StatusMessage status) => new(
        status.Activation.Epoch.Value, status.Activation.Attempt, (int)status.Stage, (int)status.Flags, Numbers(status.Heard), Numbers(status.Closed), [.. status.Pending.Select(PlainView.Of)],
        status.HighestEpochSeen.Value, status.HighestEpochPersisted.Value, status.StoreId, status.ConfigurationHash, status.Decision!.Decider.Value, status.Decision.DeciderIncarnation.Value,
        PlainView.Of(status.Decision.View), Numbers(status.Decision.Voters), Numbers(status.Decision.Removed), status.ArbitrationFailures, Numbers(status.Ejected), Numbers(status.Released), status.Tip.Applied);

    private static int[] Numbers(NodeSet set) => [.. set.Select(static node => node.Value)];
}

internal sealed record PlainMember(int Node, long Incarnation, int Votes, long StoreId);

internal sealed record PlainView(long Epoch, long BaseEpoch, int Policy, int TieBreaker, long ClockPeriod, int SendRate, int ReceiveRate, int Master, int ViceMaster, PlainMember[] Members)
{
    public static PlainView Of(ClusterView view) => new(
        view.Epoch.Value, view.BaseEpoch.Value, (int)view.Rule.Policy, (int)view.Rule.TieBreaker, view.Timing.ClockPeriod.Ticks, view.Timing.SendRate, view.Timing.ReceiveRate, view.Master.Value, view.ViceMaster.Value,
        [.. view.Members.Select(static member => new PlainMember(member.Node.Value, member.Incarnation.Value, member.Votes, member.StoreId))]);
}
