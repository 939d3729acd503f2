// The hello of a tripwire connection. Each side seals the other's fresh challenge, so a recorded hello is of no use; the
// accepting side confirms, so that the dialling side never takes a refusal for a death.
using System.Buffers.Binary;
using System.Net.Sockets;
using System.Security.Cryptography;
using Membership.Engine.Wire;

namespace Membership.Engine.Transport;

/// <summary>Runs the hello on a fresh connection. All of it is of fixed size: 32 bytes, 112 bytes, 96 bytes, 1 byte.</summary>
/// <remarks>Dialler: "RGTW", u8 version, 3 zero, u16 from, u16 to, 4 zero, 16-byte challenge. Acceptor: 16-byte challenge, sealed(dialler's
/// challenge). Dialler: sealed(acceptor's challenge). Acceptor: one byte, 1. What fails is answered by closing, nothing else.</remarks>
internal sealed class TripwireHandshake(NodeId self, DatagramSealer sealer, DatagramOpener opener)
{
    private const byte Version = 1;
    private const byte Confirmed = 1;
    private const int ChallengeSize = 16;
    private const int PrefaceSize = 16 + ChallengeSize;
    private const int HelloSize = DatagramHeader.Overhead + ChallengeSize;

    private static ReadOnlySpan<byte> Magic => "RGTW"u8;

    /// <summary>The dialling side.</summary>
    /// <returns>The peer's life, or null when the hello failed.</returns>
    public async Task<Incarnation?> DialAsync(Socket socket, NodeId peer, Incarnation incarnation, CancellationToken cancellationToken)
    {
        var preface = new byte[PrefaceSize];
        Magic.CopyTo(preface);
        preface[4] = Version;
        BinaryPrimitives.WriteUInt16LittleEndian(preface.AsSpan(8), (ushort)self.Value);
        BinaryPrimitives.WriteUInt16LittleEndian(preface.AsSpan(10), (ushort)peer.Value);
        RandomNumberGenerator.Fill(preface.AsSpan(16));
        await SendAsync(socket, preface, cancellationToken).ConfigureAwait(false);

        var answer = new byte[ChallengeSize + HelloSize];
        if (!await ReceiveAsync(socket, answer, cancellationToken).ConfigureAwait(false)) return null;
        if (!IsGood(answer.AsSpan(ChallengeSize), preface.AsSpan(16), peer, out Incarnation life)) return null;
        await SendAsync(socket, Hello(peer, incarnation, answer.AsSpan(0, ChallengeSize)), cancellationToken).ConfigureAwait(false);

        var confirmation = new byte[1];
        return await ReceiveAsync(socket, confirmation, cancellationToken).ConfigureAwait(false) && confirmation[0] == Confirmed ? life : null;
    }

    /// <summary>The accepting side, up to but without the confirmation.</summary>
    /// <returns>Who it is, or null when the hello failed.</returns>
    public async Task<(NodeId Node, Incarnation Incarnation)?> AcceptAsync(Socket socket, Incarnation incarnation, CancellationToken cancellationToken)
    {
        var preface = new byte[PrefaceSize];
        if (!await ReceiveAsync(socket, preface, cancellationToken).ConfigureAwait(false)) return null;
        int from = BinaryPrimitives.ReadUInt16LittleEndian(preface.AsSpan(8)), to = BinaryPrimitives.ReadUInt16LittleEndian(preface.AsSpan(10));
        if (!preface.AsSpan(0, 4).SequenceEqual(Magic) || preface[4] != Version || to != self.Value || from < 1 || from >= self.Value) return null;
        var peer = new NodeId(from);

        var answer = new byte[ChallengeSize + HelloSize];
        RandomNumberGenerator.Fill(answer.AsSpan(0, ChallengeSize));
        Hello(peer, incarnation, preface.AsSpan(16)).CopyTo(answer, ChallengeSize);
        await SendAsync(socket, answer, cancellationToken).ConfigureAwait(false);

        var hello = new byte[HelloSize];
        if (!await ReceiveAsync(socket, hello, cancellationToken).ConfigureAwait(false)) return null;
        return IsGood(hello, answer.AsSpan(0, ChallengeSize), peer, out Incarnation life) ? (peer, life) : null;
    }

    /// <summary>The accepting side's last byte, when it has taken the connection in.</summary>
    public static async Task ConfirmAsync(Socket socket, CancellationToken cancellationToken)
        => await SendAsync(socket, new[] { Confirmed }, cancellationToken).ConfigureAwait(false);

    private byte[] Hello(NodeId peer, Incarnation incarnation, ReadOnlySpan<byte> challenge)
    {
        var hello = new byte[HelloSize];
        sealer.SealHello(peer, incarnation, challenge, hello);
        return hello;
    }

    private bool IsGood(ReadOnlySpan<byte> hello, ReadOnlySpan<byte> challenge, NodeId expected, out Incarnation incarnation)
    {
        Span<byte> echo = stackalloc byte[ChallengeSize];
        return opener.TryOpenHello(hello, echo, out NodeId sender, out incarnation) == DatagramDropReason.None
            && sender == expected && CryptographicOperations.FixedTimeEquals(echo, challenge);
    }

    private static async Task SendAsync(Socket socket, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        while (!bytes.IsEmpty) bytes = bytes[await socket.SendAsync(bytes, SocketFlags.None, cancellationToken).ConfigureAwait(false)..];
    }

    private static async Task<bool> ReceiveAsync(Socket socket, Memory<byte> bytes, CancellationToken cancellationToken)
    {
        while (!bytes.IsEmpty)
        {
            int length = await socket.ReceiveAsync(bytes, SocketFlags.None, cancellationToken).ConfigureAwait(false);
            if (length == 0) return false;
            bytes = bytes[length..];
        }
        return true;
    }
}
