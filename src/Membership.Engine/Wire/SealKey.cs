// The key that seals the datagrams of one start of one node: derived from the cluster's key and the start's random
// id, so that two starts never share a key and a counter that begins at 1 never repeats a nonce.
using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Membership.Engine.Wire;

/// <summary>AES-256-GCM under a derived key. Not thread-safe: the owner locks.</summary>
/// <remarks>Key: HKDF-SHA256(cluster key, salt = start id, info = label, cluster hash, sender). Nonce: u16 receiver, u8 purpose, u8 zero,
/// u64 counter, where the counter of each (receiver, purpose) only grows.</remarks>
internal sealed class SealKey : IDisposable
{
    private const int NonceSize = 12;
    private readonly AesGcm _cipher;

    public SealKey(ClusterKey key, UInt128 startId, int sender, ulong clusterHash)
    {
        KeyId = key.Id;
        ReadOnlySpan<byte> label = "regroup datagram seal 1"u8;
        Span<byte> salt = stackalloc byte[DatagramHeader.StartIdSize];
        BinaryPrimitives.WriteUInt128LittleEndian(salt, startId);
        Span<byte> info = stackalloc byte[label.Length + sizeof(ulong) + sizeof(ushort)];
        label.CopyTo(info);
        BinaryPrimitives.WriteUInt64LittleEndian(info[label.Length..], clusterHash);
        BinaryPrimitives.WriteUInt16LittleEndian(info[(label.Length + sizeof(ulong))..], (ushort)sender);
        Span<byte> derived = stackalloc byte[ClusterKey.Size];
        HKDF.DeriveKey(HashAlgorithmName.SHA256, key.Secret, derived, salt, info);
        _cipher = new AesGcm(derived, DatagramHeader.SealSize);
        CryptographicOperations.ZeroMemory(derived);
    }

    public uint KeyId { get; }

    public void Seal(in DatagramHeader header, ReadOnlySpan<byte> associated, ReadOnlySpan<byte> content, Span<byte> sealedContent, Span<byte> seal)
    {
        Span<byte> nonce = stackalloc byte[NonceSize];
        WriteNonce(header, nonce);
        _cipher.Encrypt(nonce, content, sealedContent, seal, associated);
    }

    public bool TryOpen(
        in DatagramHeader header, ReadOnlySpan<byte> associated, ReadOnlySpan<byte> sealedContent, ReadOnlySpan<byte> seal, Span<byte> content)
    {
        Span<byte> nonce = stackalloc byte[NonceSize];
        WriteNonce(header, nonce);
        try
        {
            _cipher.Decrypt(nonce, sealedContent, seal, content, associated);
            return true;
        }
        catch (CryptographicException) // a seal that does not match is one of these
        {
            return false;
        }
    }

    public void Dispose() => _cipher.Dispose();

    private static void WriteNonce(in DatagramHeader header, Span<byte> nonce)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(nonce, (ushort)header.Receiver);
        nonce[2] = (byte)header.Purpose;
        nonce[3] = 0;
        BinaryPrimitives.WriteUInt64LittleEndian(nonce[4..], header.Counter);
    }
}
