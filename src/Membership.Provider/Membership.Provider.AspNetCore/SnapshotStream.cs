// The server-sent events of one watcher: a snapshot every so often and at once when a view is installed; the journal when it has grown.
using System.Globalization;
using System.Text.Json;
using Membership.Provider.Inspection;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Membership.Provider.AspNetCore;

internal sealed class SnapshotStream(ClusterMembership membership, PeerBoard peers, TimeSpan interval, TimeProvider time)
{
    private const int JournalLines = 400;

    public async Task WriteAsync(HttpContext context)
    {
        context.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        context.Response.ContentType = "text/event-stream";
        context.Response.Headers.CacheControl = "no-store";
        context.Response.Headers["X-Accel-Buffering"] = "no";
        CancellationToken gone = context.RequestAborted;
        string newest = "";
        try
        {
            using var changed = new SemaphoreSlim(1);
            using Engine.Runtime.ClusterChangeRegistration registration = membership.Register((_, _) =>
            {
                if (changed.CurrentCount == 0) changed.Release();
                return default;
            });
            while (!gone.IsCancellationRequested)
            {
                MembershipSnapshot snapshot = peers.Complete(await membership.TakeSnapshotAsync(JournalLines, gone).ConfigureAwait(false));
                await WriteEventAsync(context, "snapshot", JsonSerializer.SerializeToUtf8Bytes(snapshot with { Journal = [] }, SnapshotJsonContext.Default.MembershipSnapshot)).ConfigureAwait(false);
                string now = snapshot.Journal is [var line, ..] ? string.Create(CultureInfo.InvariantCulture, $"{snapshot.Journal.Count} {line.Time:O} {line.Text}") : "";
                if (now != newest) await WriteEventAsync(context, "journal", JsonSerializer.SerializeToUtf8Bytes(snapshot.Journal, SnapshotJsonContext.Default.IReadOnlyListSnapshotLine)).ConfigureAwait(false);
                newest = now;
                await context.Response.BodyWriter.FlushAsync(gone).ConfigureAwait(false);
                using var limit = new CancellationTokenSource(interval, time);
                using var either = CancellationTokenSource.CreateLinkedTokenSource(gone, limit.Token);
                await changed.WaitAsync(either.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
        catch (OperationCanceledException) when (gone.IsCancellationRequested)
        {
            // The watcher has closed the page.
        }
    }

    private static async Task WriteEventAsync(HttpContext context, string name, byte[] json)
    {
        await context.Response.WriteAsync($"event: {name}\ndata: ", context.RequestAborted).ConfigureAwait(false);
        await context.Response.Body.WriteAsync(json, context.RequestAborted).ConfigureAwait(false);
        await context.Response.WriteAsync("\n\n", context.RequestAborted).ConfigureAwait(false);
    }
}
