// Stands between one node and the others and says everything that it sends in the words of another version: opened with the cluster's
// key, written anew, sealed again. What the others send reaches it directly.
using System.Buffers;
using System.Net;
using System.Net.Sockets;
using Membership.Engine.Protocol;
using Membership.Engine.Wire;
using Membership.Tests;

namespace Membership.Engine.Tests.Runtime;

/// <summary>Says a message of today's version in the words of another one; several messages, or none, may come of it.</summary>
internal delegate IEnumerable<byte[]> Rewording(MessageHeader header, MessageBody? body);

internal sealed class NextVersionRelay : IDisposable
{
    private readonly List<Socket> _sockets = [];
    private readonly List<Thread> _threads = [];
    private readonly KeyRing _keys;
    private readonly DatagramSealer _sealer;
    private readonly NodeId _speaker;
    private readonly Rewording _rewording;
    private readonly bool _rewordsBrief;
    private long _reworded;

    /// <param name="speaker">Whose messages are reworded.</param>
    /// <param name="keys">The cluster's keys.</param>
    /// <param name="rewording">How.</param>
    /// <param name="rewordsBrief">Brief statuses become the next minor version's, whatever the rewording makes of the others.</param>
    public NextVersionRelay(int speaker, KeyRing keys, Rewording rewording, bool rewordsBrief)
    {
        _rewordsBrief = rewordsBrief;
        _speaker = new NodeId(speaker);
        _keys = keys;
        _rewording = rewording;
        _sealer = new DatagramSealer("test", _speaker, keys);
    }

    /// <summary>Messages that were sent on in other words.</summary>
    public long Reworded => Interlocked.Read(ref _reworded);

    /// <summary>The address under which the speaker reaches a node through this relay.</summary>
    public string To(int node, string endpoint)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _sockets.Add(socket);
        var thread = new Thread(() => Run(socket, new NodeId(node), IPEndPoint.Parse(endpoint))) { IsBackground = true };
        _threads.Add(thread);
        thread.Start();
        return socket.LocalEndPoint!.ToString()!;
    }

    public void Dispose()
    {
        foreach (Socket socket in _sockets) socket.Dispose();
        foreach (Thread thread in _threads) thread.Join();
        _sealer.Dispose();
    }

    private void Run(Socket socket, NodeId receiver, EndPoint target)
    {
        using var opener = new DatagramOpener("test", receiver, NodeSet.Of(_speaker), _keys);
        var assembler = new FragmentAssembler(new DatagramCounters());
        byte[] datagram = new byte[DatagramSealer.MaxDatagramSize], content = new byte[DatagramSealer.MaxDatagramSize];
        while (true)
        {
            int length;
            try
            {
                length = socket.Receive(datagram);
            }
            catch (SocketException refused) when (refused.SocketErrorCode == SocketError.ConnectionRefused)
            {
                // The target is down: what was sent to it came back as an error on this socket.
                continue;
            }
            catch (Exception closed) when (closed is SocketException or ObjectDisposedException)
            {
                return;
            }
            if (opener.TryOpen(datagram.AsSpan(0, length), content, out OpenedDatagram opened) != DatagramDropReason.None) continue;
            if (opened.FragmentCount == 1)
            {
                Send(socket, target, receiver, content.AsSpan(0, opened.Length));
                continue;
            }
            assembler.Add(in opened, content.AsSpan(0, opened.Length), out byte[]? message, out int whole);
            if (message is null) continue;
            Send(socket, target, receiver, message.AsSpan(0, whole));
            ArrayPool<byte>.Shared.Return(message);
        }
    }

    private void Send(Socket socket, EndPoint target, NodeId receiver, ReadOnlySpan<byte> message)
    {
        DecodeResult result = MessageCodec.TryDecode(message, out MessageHeader header, out MessageBody? body);
        if (result is not (DecodeResult.Ok or DecodeResult.UnknownView)) throw new InvalidOperationException("today's version does not understand itself");
        var datagram = new byte[DatagramSealer.MaxDatagramSize];
        // What is said in brief, or names what only the receiver knows, is lengthened as it is.
        foreach (byte[] reworded in message[2] == (byte)MessageKind.BriefStatus && _rewordsBrief ? [NextMinor.Extend(message)] : _rewording(header, body))
        {
            int fragments = DatagramSealer.FragmentCount(reworded.Length);
            ulong first = _sealer.Reserve(receiver, fragments);
            for (int i = 0; i < fragments; i++)
            {
                int length = _sealer.SealFragment(receiver, header.FromIncarnation, first, i, fragments, reworded, datagram);
                try
                {
                    socket.SendTo(datagram.AsSpan(0, length), target);
                }
                catch (Exception closed) when (closed is SocketException or ObjectDisposedException)
                {
                    // Lost, as a datagram may be.
                }
            }
            Interlocked.Increment(ref _reworded);
        }
    }
}
