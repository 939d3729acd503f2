// What --json prints that is no answer of a node: errors, keys, checks.
using System.Text.Json.Serialization;

namespace Membership.Cli;

/// <summary>What went wrong, and what the program ends with.</summary>
internal sealed record ErrorDocument(string Error, int ExitCode);

/// <summary>A new key.</summary>
internal sealed record KeyDocument(string Key);

/// <summary>One step of a rotation on one node.</summary>
internal sealed record RotationStep(string Node, string Step);

/// <summary>What a rotation has done so far, and why it went no further.</summary>
internal sealed record RotationDocument(bool Done, IReadOnlyList<RotationStep> Steps, string? Error, string? Next);

internal sealed record CheckDocument(bool Good, string Verdict, IReadOnlyList<CheckResult> Checks);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, WriteIndented = true)]
[JsonSerializable(typeof(CheckDocument))]
[JsonSerializable(typeof(ErrorDocument))]
[JsonSerializable(typeof(KeyDocument))]
[JsonSerializable(typeof(RotationDocument))]
internal sealed partial class CliJsonContext : JsonSerializerContext;
