// The control socket's frames, as a local user may send them.
using System.Buffers.Binary;
using Membership.Provider.Control;
using Membership.Provider.Inspection;

namespace Membership.Fuzz.Targets;

internal static class ControlTargets
{
    public static bool Request(byte[] input)
    {
        using var stream = new MemoryStream(input);
        try
        {
            // A memory stream completes at once: nothing is waited for.
            return ControlFrame.ReadAsync(stream, SnapshotJsonContext.Default.ControlRequest, ControlFrame.MaxRequest, CancellationToken.None).GetAwaiter().GetResult() is not null;
        }
        catch (ControlProtocolException)
        {
            return false;
        }
    }

    public static byte[] Repair(byte[] input)
    {
        if (input.Length > sizeof(int)) BinaryPrimitives.WriteInt32BigEndian(input, input.Length - sizeof(int));
        return input;
    }
}
