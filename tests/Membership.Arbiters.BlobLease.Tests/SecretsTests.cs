// A whole host with a known cluster key and a known credential of the witness, logged at Trace: neither is in any line, scope, metric, span,
// journal, answer of the control socket, file of the store or message of a failure.
using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Azure.Storage.Sas;
using Membership.Arbiters.Conformance;
using Membership.Engine.Runtime;
using Membership.Provider;
using Membership.Provider.Control;
using Membership.Tests;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Membership.Arbiters.BlobLease.Tests;

public sealed class SecretsTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("account key")]
    [InlineData("shared access signature")]
    [InlineData("connection string")]
    public async Task No_secret_is_in_anything_that_a_node_says_or_keeps(string credential)
    {
        byte[] keyBytes = RandomNumberGenerator.GetBytes(32);
        string key = Convert.ToBase64String(keyBytes), sas = Azurite.Sas("regroup-witness", BlobContainerSasPermissions.All);
        await using var server = new Azurite();
        await server.StartAsync();
        string connection = $"DefaultEndpointsProtocol=http;AccountName={Azurite.Account};AccountKey={Azurite.Key};BlobEndpoint={Azurite.Service(server.EndPoint)};";
        // A SAS of a container cannot make it.
        await new Azure.Storage.Blobs.BlobContainerClient(connection, "regroup-witness").CreateAsync(cancellationToken: Cancel);
        void Use(BlobLeaseOptions options, IPEndPoint at)
        {
            (options.RenewInterval, options.CallDeadline) = (TimeSpan.FromMilliseconds(200), TimeSpan.FromSeconds(2));
            if (credential == "connection string") options.ConnectionString = connection.Replace(server.EndPoint.ToString(), at.ToString(), StringComparison.Ordinal);
            else options.ServiceUri = new Uri(Azurite.Service(at));
            if (credential == "account key") (options.AccountName, options.AccountKey) = (Azurite.Account, Azurite.Key);
            if (credential == "shared access signature") options.SasToken = sas;
        }

        string directory = Directory.CreateTempSubdirectory("regroup-secrets-tests-").FullName;
        IPEndPoint own = ServerStart.FreeEndPoint();
        var said = new Everything();
        using MeterListener meters = said.ListenToMeters();
        using ActivityListener spans = said.ListenToSpans();
        try
        {
            using (IHost host = Build(directory, "node", own, key, options => Use(options, server.EndPoint), said))
            {
                await host.StartAsync(Cancel);
                IClusterMembership membership = host.Services.GetRequiredService<IClusterMembership>();
                await UntilAsync("it is a member", () => membership.CurrentView is not null);
                // A stranger with another key, garbage, a witness that is gone: trouble talks most.
                using (var stranger = new UdpClient())
                    for (int i = 1; i < 100; i++) await stranger.SendAsync(RandomNumberGenerator.GetBytes(i * 7), own, Cancel);
                await AskAllAsync(directory, keyBytes, said);
                await server.StopAsync();
                await UntilAsync("the witness is missed", () => said.Contains("witness", "not", "Connection refused"));
                await AskAllAsync(directory, keyBytes, said);
                meters.RecordObservableInstruments();
                await host.StopAsync(Cancel);
            }
            // A first start without its witness fails, and says why.
            using (IHost dead = Build(directory, "other", ServerStart.FreeEndPoint(), key, options => Use(options, ServerStart.FreeEndPoint()), said))
                said.Add("the failed start", (await Assert.ThrowsAnyAsync<Exception>(() => dead.StartAsync(Cancel))).ToString());
            // A key that is none is not repeated either.
            string wrong = key[..40];
            using (IHost mistyped = Build(directory, "third", ServerStart.FreeEndPoint(), wrong, options => Use(options, server.EndPoint), said))
                said.Add("the mistyped key", (await Assert.ThrowsAnyAsync<Exception>(() => mistyped.StartAsync(Cancel))).ToString());
            foreach (string file in Directory.GetFiles(directory, "*", SearchOption.AllDirectories)) said.Add(file, Encoding.Latin1.GetString(await File.ReadAllBytesAsync(file, Cancel)));

            // What was listened to did speak.
            foreach (string word in (string[])["regroup-witness", "membership.heartbeats.sent", "membership.cause", " Member\\n", "highest epoch seen", "RGVIEWS"]) Assert.True(said.Contains(word), $"nothing was heard of '{word}'");
            string signature = Uri.UnescapeDataString(sas.Split('&').Single(static part => part.StartsWith("sig=", StringComparison.Ordinal))["sig=".Length..]);
            foreach (string secret in (string[])
            [
                key, wrong, Convert.ToHexString(keyBytes), Convert.ToHexStringLower(keyBytes), Convert.ToHexStringLower(keyBytes[..12]), BitConverter.ToString(keyBytes), Encoding.Latin1.GetString(keyBytes),
                Azurite.Key, Azurite.Key[..40], Uri.EscapeDataString(Azurite.Key), sas, signature, Uri.EscapeDataString(signature), connection,
            ])
                Assert.True(said.Where(secret) is not { } where, $"a secret ({secret[..4]}...) is in {said.Where(secret)}");
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static IHost Build(string directory, string name, IPEndPoint endpoint, string key, Action<BlobLeaseOptions> witness, Everything said)
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Logging.SetMinimumLevel(LogLevel.Trace).AddProvider(said);
        builder.Services.AddRegroupMembership(options =>
        {
            options.ClusterId = "secrets";
            options.Self = 1;
            options.Preset = RegroupPreset.Local;
            options.Timing.ReceiveRate = 5;
            options.Keys = [key];
            options.StoreDirectory = Path.Combine(directory, name);
            options.Nodes = [new RegroupNodeOptions { Number = 1, Endpoints = [endpoint.ToString()] }];
        }).UseBlobLease(witness).AddHealthChecks();
        return builder.Build();
    }

    private static async Task AskAllAsync(string directory, byte[] key, Everything said)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(ControlAddress.Default(Path.Combine(directory, "node"))), Cancel);
        await using var stream = new NetworkStream(socket);
        foreach ((string verb, string? text) in (IEnumerable<(string, string?)>)
        [
            (ControlVerb.Status, null), (ControlVerb.Journal, null), (ControlVerb.Matrix, null), (ControlVerb.ForceRegroup, null), (ControlVerb.Keys, "list"), (ControlVerb.Keys, $"accept {Convert.ToBase64String(key)}"),
            (ControlVerb.Keys, $"drop {Convert.ToBase64String(key)}"), (ControlVerb.Keys, $"accept {Convert.ToBase64String(key)[..40]}"),
            .. new[] { "help", "state", "view", "matrix", "lease", "paths", "counters", "journal 1024" }.Select(static line => (ControlVerb.Diagnose, (string?)line)),
        ])
        {
            byte[] request = Encoding.UTF8.GetBytes($$"""{"verb":"{{verb}}","lines":1024,"text":{{(text is null ? "null" : $"\"{text}\"")}}}""");
            var length = new byte[sizeof(int)];
            BinaryPrimitives.WriteInt32BigEndian(length, request.Length);
            await stream.WriteAsync((byte[])[.. length, .. request], Cancel);
            await stream.ReadExactlyAsync(length, Cancel);
            var answer = new byte[BinaryPrimitives.ReadInt32BigEndian(length)];
            await stream.ReadExactlyAsync(answer, Cancel);
            said.Add($"the answer to {verb}", Encoding.UTF8.GetString(answer).Replace("\\u002B", "+", StringComparison.OrdinalIgnoreCase));
        }
    }

    private static async Task UntilAsync(string what, Func<bool> condition)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (!condition())
        {
            if (limit.IsCancellationRequested) Assert.Fail($"not in time: {what}");
            await Task.Delay(20, Cancel);
        }
    }

    /// <summary>Everything that is said, with where.</summary>
    private sealed class Everything : ILoggerProvider, ILogger
    {
        private readonly ConcurrentQueue<(string Where, string Text)> _said = new();

        public void Add(string where, string text) => _said.Enqueue((where, text));

        public bool Contains(params string[] words) => _said.Any(said => words.All(word => said.Text.Contains(word, StringComparison.Ordinal)));

        public string? Where(string secret) => _said.FirstOrDefault(said => said.Text.Contains(secret, StringComparison.Ordinal)).Where;

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull
        {
            Add("a scope", Shown(state));
            return null;
        }

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
            => Add($"log event {eventId.Id}", $"{formatter(state, exception)} {Shown(state)} {exception}");

        public void Dispose()
        {
        }

        public MeterListener ListenToMeters()
        {
            var listener = new MeterListener { InstrumentPublished = static (instrument, listener) => listener.EnableMeasurementEvents(instrument) };
            listener.SetMeasurementEventCallback<long>((instrument, _, tags, _) => Add("a metric", $"{instrument.Name} {instrument.Description} {Shown(tags.ToArray())}"));
            listener.SetMeasurementEventCallback<int>((instrument, _, tags, _) => Add("a metric", $"{instrument.Name} {instrument.Description} {Shown(tags.ToArray())}"));
            listener.SetMeasurementEventCallback<double>((instrument, _, tags, _) => Add("a metric", $"{instrument.Name} {instrument.Description} {Shown(tags.ToArray())}"));
            listener.Start();
            return listener;
        }

        // Only the engine's: the storage client's own spans are the host's to turn on.
        public ActivityListener ListenToSpans()
        {
            var listener = new ActivityListener
            {
                ShouldListenTo = static source => source.Name == MembershipNode.TelemetryName,
                Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
                ActivityStopped = span => Add("a span", $"{span.DisplayName} {Shown(span.TagObjects.ToArray())} {string.Join(' ', span.Events.Select(static one => $"{one.Name} {Shown(one.Tags.ToArray())}"))}"),
            };
            ActivitySource.AddActivityListener(listener);
            return listener;
        }

        private static string Shown(object? state)
            => state is IEnumerable<KeyValuePair<string, object?>> pairs ? string.Join(' ', pairs.Select(static pair => $"{pair.Key}={pair.Value}")) : $"{state}";
    }
}
