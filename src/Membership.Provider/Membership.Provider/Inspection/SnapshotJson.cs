// The JSON of a snapshot: source generated, so that it works trimmed; numbers for nodes, epochs and lives, milliseconds for durations.
using System.Text.Json;
using System.Text.Json.Serialization;
using Membership.Engine;
using Membership.Provider.Control;

namespace Membership.Provider.Inspection;

/// <summary>How snapshots and control messages are written and read as JSON.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UseStringEnumConverter = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    MaxDepth = 16,
    Converters = [typeof(NodeIdJsonConverter), typeof(EpochJsonConverter), typeof(IncarnationJsonConverter), typeof(MillisecondsJsonConverter)])]
[JsonSerializable(typeof(MembershipSnapshot))]
[JsonSerializable(typeof(SnapshotPeer))]
[JsonSerializable(typeof(SnapshotRights))]
[JsonSerializable(typeof(IReadOnlyList<SnapshotLine>))]
[JsonSerializable(typeof(ControlRequest))]
[JsonSerializable(typeof(ControlResponse))]
public sealed partial class SnapshotJsonContext : JsonSerializerContext;

/// <summary>A node as its number.</summary>
internal sealed class NodeIdJsonConverter : JsonConverter<NodeId>
{
    public override NodeId Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        => reader.TokenType == JsonTokenType.Number && reader.TryGetInt32(out int number) && number is >= 0 and <= NodeId.MaxValue
            ? new NodeId(number)
            : throw new JsonException($"A node is a number from 0 to {NodeId.MaxValue}.");

    public override void Write(Utf8JsonWriter writer, NodeId value, JsonSerializerOptions options) => writer.WriteNumberValue(value.Value);
}

/// <summary>An epoch as a number of up to 64 bits.</summary>
internal sealed class EpochJsonConverter : JsonConverter<Epoch>
{
    public override Epoch Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        => reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out long number) && number >= 0 ? new Epoch(number) : throw new JsonException("An epoch is a number, 0 or more.");

    public override void Write(Utf8JsonWriter writer, Epoch value, JsonSerializerOptions options) => writer.WriteNumberValue(value.Value);
}

/// <summary>A life as a number of up to 64 bits.</summary>
internal sealed class IncarnationJsonConverter : JsonConverter<Incarnation>
{
    public override Incarnation Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        => reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out long number) && number >= 0 ? new Incarnation(number) : throw new JsonException("An incarnation is a number, 0 or more.");

    public override void Write(Utf8JsonWriter writer, Incarnation value, JsonSerializerOptions options) => writer.WriteNumberValue(value.Value);
}

/// <summary>A duration as milliseconds, to the microsecond.</summary>
internal sealed class MillisecondsJsonConverter : JsonConverter<TimeSpan>
{
    private const double Longest = 1e14;

    public override TimeSpan Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        => reader.TokenType == JsonTokenType.Number && reader.TryGetDouble(out double milliseconds) && Math.Abs(milliseconds) <= Longest
            ? TimeSpan.FromMilliseconds(milliseconds)
            : throw new JsonException("A duration is a number of milliseconds.");

    public override void Write(Utf8JsonWriter writer, TimeSpan value, JsonSerializerOptions options) => writer.WriteNumberValue(Math.Round(value.TotalMilliseconds, 3));
}
