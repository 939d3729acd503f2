// The framing on the control socket: four bytes of length, most significant first, then that many bytes of JSON. Bounded both ways;
// any input gives a message, the end of the stream, or a ControlProtocolException, within the time given.
using System.Buffers.Binary;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Membership.Provider.Control;

/// <summary>What came over the control socket is no message of this protocol.</summary>
public sealed class ControlProtocolException : IOException
{
    /// <summary>Says what is wrong.</summary>
    /// <param name="message">What came and what was expected.</param>
    public ControlProtocolException(string message)
        : base(message)
    {
    }

    /// <summary>Says what is wrong.</summary>
    /// <param name="message">What came and what was expected.</param>
    /// <param name="inner">What found it.</param>
    public ControlProtocolException(string message, Exception inner)
        : base(message, inner)
    {
    }

    /// <summary>Whether the next frame can still be found.</summary>
    internal bool IsInSync { get; init; }
}

internal static class ControlFrame
{
    public const int MaxRequest = 64 * 1024;
    public const int MaxResponse = 16 * 1024 * 1024;

    /// <summary>The next message; null when the other end closed between two messages.</summary>
    /// <exception cref="ControlProtocolException">No message of this kind, or one that is too long or cut short.</exception>
    public static async Task<T?> ReadAsync<T>(Stream stream, JsonTypeInfo<T> type, int limit, CancellationToken cancellationToken)
        where T : class
    {
        var length = new byte[sizeof(int)];
        int read = await stream.ReadAtLeastAsync(length, length.Length, throwOnEndOfStream: false, cancellationToken).ConfigureAwait(false);
        if (read == 0) return null;
        if (read < length.Length) throw new ControlProtocolException($"The stream ended after {read} bytes of a length of {length.Length}.");
        int size = BinaryPrimitives.ReadInt32BigEndian(length);
        if (size <= 0 || size > limit) throw new ControlProtocolException($"A message of {(uint)size} bytes was announced: 1 to {limit} are taken.");
        var content = new byte[size];
        read = await stream.ReadAtLeastAsync(content, size, throwOnEndOfStream: false, cancellationToken).ConfigureAwait(false);
        if (read < size) throw new ControlProtocolException($"The stream ended after {read} of {size} bytes.");
        try
        {
            return JsonSerializer.Deserialize(content, type) ?? throw new ControlProtocolException("The message is null.") { IsInSync = true };
        }
        catch (Exception bad) when (bad is JsonException or NotSupportedException)
        {
            throw new ControlProtocolException($"The message is no {typeof(T).Name}: {bad.Message}", bad) { IsInSync = true };
        }
    }

    public static async Task WriteAsync<T>(Stream stream, T message, JsonTypeInfo<T> type, int limit, CancellationToken cancellationToken)
    {
        byte[] content = JsonSerializer.SerializeToUtf8Bytes(message, type);
        if (content.Length > limit) throw new ControlProtocolException($"The message has {content.Length} bytes, more than {limit}.");
        var frame = new byte[sizeof(int) + content.Length];
        BinaryPrimitives.WriteInt32BigEndian(frame, content.Length);
        content.CopyTo(frame, sizeof(int));
        await stream.WriteAsync(frame, cancellationToken).ConfigureAwait(false);
        await stream.FlushAsync(cancellationToken).ConfigureAwait(false);
    }
}
