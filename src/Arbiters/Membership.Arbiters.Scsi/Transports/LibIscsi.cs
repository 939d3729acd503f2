// What is used of libiscsi 1.19 (libiscsi.so.7) and poll(2), with the offsets of the two fields of its task that are
// read. 64-bit only; the library itself is the user's (LGPL 2.1, loaded at run time).
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Membership.Arbiters.Scsi.Transports;

internal static unsafe partial class LibIscsi
{
    private const string Library = "libiscsi.so.7";

    public const int NormalSession = 2;
    public const int DigestNoneOrCrc32C = 1;
    public const int TransferNone = 0;
    public const int TransferRead = 1;
    public const int TransferWrite = 2;

    /// <summary>offsetof(struct scsi_task, datain.size), LP64.</summary>
    public const int TaskDataSize = 64;

    /// <summary>offsetof(struct scsi_task, datain.data), LP64.</summary>
    public const int TaskData = 72;

    [StructLayout(LayoutKind.Sequential)]
    public struct IscsiData
    {
        public nuint Size;
        public byte* Data;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct PollDescriptor
    {
        public int Descriptor;
        public short Events;
        public short Returned;
    }

    public static string ErrorOf(nint context)
    {
        if (context == 0) return "the connection is closed";
        string? text = Marshal.PtrToStringUTF8(GetError(context))?.Trim();
        return string.IsNullOrEmpty(text) ? "no reason given" : text;
    }

    [LibraryImport(Library, EntryPoint = "iscsi_create_context", StringMarshalling = StringMarshalling.Utf8)]
    public static partial nint CreateContext(string initiator);

    [LibraryImport(Library, EntryPoint = "iscsi_destroy_context")]
    public static partial void DestroyContext(nint context);

    [LibraryImport(Library, EntryPoint = "iscsi_set_noautoreconnect")]
    public static partial void SetNoAutoReconnect(nint context, int state);

    [LibraryImport(Library, EntryPoint = "iscsi_set_targetname", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int SetTargetName(nint context, string target);

    [LibraryImport(Library, EntryPoint = "iscsi_set_session_type")]
    public static partial int SetSessionType(nint context, int type);

    [LibraryImport(Library, EntryPoint = "iscsi_set_header_digest")]
    public static partial int SetHeaderDigest(nint context, int digest);

    [LibraryImport(Library, EntryPoint = "iscsi_set_isid_random")]
    public static partial int SetIsidRandom(nint context, uint random, uint qualifier);

    [LibraryImport(Library, EntryPoint = "iscsi_set_initiator_username_pwd", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int SetInitiatorCredentials(nint context, string user, string password);

    [LibraryImport(Library, EntryPoint = "iscsi_set_target_username_pwd", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int SetTargetCredentials(nint context, string user, string password);

    [LibraryImport(Library, EntryPoint = "iscsi_full_connect_async", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int FullConnect(nint context, string portal, int lun, delegate* unmanaged[Cdecl]<nint, int, void*, nint, void> completed, nint state);

    [LibraryImport(Library, EntryPoint = "iscsi_get_fd")]
    public static partial int FileDescriptor(nint context);

    [LibraryImport(Library, EntryPoint = "iscsi_which_events")]
    public static partial int WhichEvents(nint context);

    [LibraryImport(Library, EntryPoint = "iscsi_service")]
    public static partial int Service(nint context, int returnedEvents);

    [LibraryImport(Library, EntryPoint = "iscsi_scsi_command_async")]
    public static partial int Command(nint context, int lun, nint task, delegate* unmanaged[Cdecl]<nint, int, void*, nint, void> completed, IscsiData* data, nint state);

    [LibraryImport(Library, EntryPoint = "iscsi_task_mgmt_lun_reset_async")]
    public static partial int LunReset(nint context, uint lun, delegate* unmanaged[Cdecl]<nint, int, void*, nint, void> completed, nint state);

    [LibraryImport(Library, EntryPoint = "scsi_create_task")]
    public static partial nint CreateTask(int cdbSize, byte* cdb, int direction, int transferLength);

    [LibraryImport(Library, EntryPoint = "scsi_free_scsi_task")]
    public static partial void FreeTask(nint task);

    [LibraryImport("libc", EntryPoint = "poll")]
    public static partial int Poll(PollDescriptor* descriptors, nuint count, int milliseconds);

    [LibraryImport(Library, EntryPoint = "iscsi_get_error")]
    private static partial nint GetError(nint context);
}
