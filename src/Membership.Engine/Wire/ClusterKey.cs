// One key of a cluster: 32 secret bytes and a public id derived from them. The secret never shows in text.
using System.Buffers.Binary;
using System.Diagnostics;
using System.Security.Cryptography;

namespace Membership.Engine.Wire;

/// <summary>One AES-256 key that the nodes of a cluster share. Immutable; safe from any thread.</summary>
/// <remarks>Its <see cref="ToString"/> and debugger display show the id only; <see cref="ExportBase64"/> is the one way to the secret.</remarks>
[DebuggerDisplay("{ToString(),nq}")]
public sealed class ClusterKey : IEquatable<ClusterKey>
{
    /// <summary>The only length a key may have, in bytes.</summary>
    public const int Size = 32;

    private readonly byte[] _secret;

    private ClusterKey(byte[] secret)
    {
        _secret = secret;
        Span<byte> labelled = stackalloc byte[Label.Length + Size];
        Label.CopyTo(labelled);
        secret.CopyTo(labelled[Label.Length..]);
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(labelled, digest);
        CryptographicOperations.ZeroMemory(labelled);
        Id = BinaryPrimitives.ReadUInt32LittleEndian(digest);
        if (Id == 0) Id = 1; // 0 marks plain text
    }

    /// <summary>A public name of the key: 32 bits of a hash of it. Travels in clear in every datagram.</summary>
    public uint Id { get; }

    internal ReadOnlySpan<byte> Secret => _secret;

    private static ReadOnlySpan<byte> Label => "regroup membership key id"u8;

    /// <summary>A key from its bytes.</summary>
    /// <param name="bytes">Exactly <see cref="Size"/> bytes from a good random source.</param>
    /// <returns>The key.</returns>
    /// <exception cref="ArgumentException">Another number of bytes, or all bytes equal.</exception>
    public static ClusterKey FromBytes(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length != Size)
            throw new ArgumentException($"A cluster key has {bytes.Length} bytes; it must have exactly {Size}. {HowToMakeOne}", nameof(bytes));
        if (bytes.IndexOfAnyExcept(bytes[0]) < 0)
            throw new ArgumentException($"A cluster key consists of {Size} equal bytes, which is no secret. {HowToMakeOne}", nameof(bytes));
        return new ClusterKey(bytes.ToArray());
    }

    /// <summary>A key from base64 text, as configuration holds it.</summary>
    /// <param name="text">Base64 of exactly <see cref="Size"/> bytes.</param>
    /// <returns>The key.</returns>
    /// <exception cref="ArgumentException">Not base64, or another number of bytes. The text is not repeated in the message.</exception>
    public static ClusterKey FromBase64(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var bytes = new byte[text.Length];
        if (!Convert.TryFromBase64String(text, bytes, out int length))
            throw new ArgumentException($"A cluster key (text of {text.Length} characters) is not base64. {HowToMakeOne}", nameof(text));
        return FromBytes(bytes.AsSpan(0, length));
    }

    /// <summary>A fresh random key.</summary>
    /// <returns>The key.</returns>
    public static ClusterKey Generate() => new(RandomNumberGenerator.GetBytes(Size));

    /// <summary>The secret itself as base64, for a configuration file or a secret store. Treat it like a password.</summary>
    /// <returns>44 characters.</returns>
    public string ExportBase64() => Convert.ToBase64String(_secret);

    /// <inheritdoc/>
    public bool Equals(ClusterKey? other) => other is not null && CryptographicOperations.FixedTimeEquals(_secret, other._secret);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as ClusterKey);

    /// <inheritdoc/>
    public override int GetHashCode() => (int)Id;

    /// <summary>The id, never the secret.</summary>
    public override string ToString() => $"key {Id:x8}";

    private const string HowToMakeOne = "Make one with KeyRing.Generate() or `openssl rand -base64 32` and give the same to every node.";
}
