// Handlers of change notifications: order, filter, client data, slow ones, failing ones, full queues, the end of a
// registration, the form for code with its own loop, and the stream. The loop's part is played by the test.
using Membership.Engine.Runtime;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Membership.Engine.Tests.Runtime;

[Trait("Category", "Seeds")]
public sealed class ChangeRegistrationTests : IAsyncDisposable
{
    private readonly RecordingLogger _log = new();
    private readonly MembershipNode _node;

    public ChangeRegistrationTests() => _node = NewNode(8);

    private static CancellationToken Deadline => CancellationTokenSource.CreateLinkedTokenSource(
        TestContext.Current.CancellationToken, new CancellationTokenSource(TimeSpan.FromSeconds(30)).Token).Token;

    public ValueTask DisposeAsync() => _node.DisposeAsync();

    [Fact]
    public async Task A_handler_gets_every_notification_in_order_of_occurrence_with_its_client_data()
    {
        var heard = new Heard();
        object data = new();
        await using ClusterChangeRegistration registration = _node.Register(heard.Take, clientData: data);
        Say("MasterElected(1) ViceMasterElected(2) MemberJoined(3) StaleCluster(0) ValidState(0) MemberLeft(3) InvalidCluster(0)");
        Assert.Equal("MasterElected(1) ViceMasterElected(2) MemberJoined(3) StaleCluster(0) ValidState(0) MemberLeft(3) InvalidCluster(0)", await heard.WaitForAsync(7));
        Assert.All(heard.ClientData, given => Assert.Same(data, given));
        Assert.Same(data, registration.ClientData);
    }

    [Fact]
    public async Task A_filter_lets_only_its_kinds_through()
    {
        var only = new Heard();
        var except = new Heard();
        await using ClusterChangeRegistration first = _node.Register(only.Take, ClusterChangeFilter.Only(ClusterChange.MemberLeft, ClusterChange.StaleCluster));
        await using ClusterChangeRegistration second = _node.Register(except.Take, ClusterChangeFilter.Except(ClusterChange.MemberLeft, ClusterChange.StaleCluster));
        Say("MasterElected(1) MemberLeft(2) StaleCluster(0) ValidState(0)");
        Assert.Equal("MemberLeft(2) StaleCluster(0)", await only.WaitForAsync(2));
        Assert.Equal("MasterElected(1) ValidState(0)", await except.WaitForAsync(2));
        Assert.Throws<ArgumentOutOfRangeException>(static () => ClusterChangeFilter.Only((ClusterChange)77));
    }

    [Fact]
    public async Task A_slow_handler_delays_neither_the_protocol_nor_another_handler()
    {
        var release = new TaskCompletionSource();
        var slow = new Heard();
        var quick = new Heard();
        await using ClusterChangeRegistration first = _node.Register(async (change, data) =>
        {
            await release.Task;
            await slow.Take(change, data);
        });
        await using ClusterChangeRegistration second = _node.Register(quick.Take);
        Say("MasterElected(1) MemberJoined(2) MemberJoined(3)");
        Assert.Equal("MasterElected(1) MemberJoined(2) MemberJoined(3)", await quick.WaitForAsync(3));
        Assert.Empty(slow.Changes);
        release.SetResult();
        Assert.Equal("MasterElected(1) MemberJoined(2) MemberJoined(3)", await slow.WaitForAsync(3));
    }

    [Fact]
    public async Task A_handler_that_blocks_its_thread_delays_nobody_either()
    {
        using var release = new ManualResetEventSlim();
        var quick = new Heard();
        await using ClusterChangeRegistration second = _node.Register(quick.Take);
        await using (ClusterChangeRegistration first = _node.Register((_, _) =>
        {
            release.Wait(TimeSpan.FromSeconds(30));
            return default;
        }))
        {
            Say("MasterElected(1) MemberJoined(2)");
            Assert.Equal("MasterElected(1) MemberJoined(2)", await quick.WaitForAsync(2));
            release.Set();
        }
    }

    [Fact]
    public async Task A_full_queue_is_told_to_its_handler_with_how_many_were_lost_and_the_roles_to_go_on_from()
    {
        var begun = new TaskCompletionSource();
        var release = new TaskCompletionSource();
        var heard = new Heard();
        var other = new Heard();
        await using ClusterChangeRegistration registration = _node.Register(async (change, data) =>
        {
            begun.TrySetResult();
            await release.Task;
            await heard.Take(change, data);
        });
        Say("MasterElected(1)");
        await begun.Task.WaitAsync(Deadline);
        await using ClusterChangeRegistration bystander = _node.Register(other.Take);
        // One is with the handler, eight wait, the next one finds the queue full; then seven more find room.
        Say("MemberJoined(2) MemberJoined(3) MemberJoined(4) MemberJoined(5) MemberJoined(6) MemberJoined(7) MemberJoined(8) MemberJoined(9)");
        Assert.Equal(0, registration.LostCount);
        await other.WaitForAsync(8);
        Say("MasterElected(2)");
        Say("MemberLeft(3)");
        release.SetResult();
        Assert.Equal("MasterElected(1) NotificationsLost(0) MemberLeft(3)", await heard.WaitForAsync(3));
        LostNotifications lost = heard.Changes[1].Lost!;
        Assert.Equal(9, lost.Count);
        Assert.Equal(9, registration.LostCount);
        Assert.Equal(NodeSet.Of(1, 2, 3, 4, 5, 6, 7, 8, 9), lost.Roles.Members);
        Assert.Equal(new NodeId(2), lost.Roles.Master);
        Assert.Equal("MemberJoined(2) MemberJoined(3) MemberJoined(4) MemberJoined(5) MemberJoined(6) MemberJoined(7) MemberJoined(8) MemberJoined(9) MasterElected(2) MemberLeft(3)", await other.WaitForAsync(10));
    }

    [Fact]
    public void A_queue_that_overflows_again_and_again_keeps_one_true_record()
    {
        using var queue = new ChangeQueue(1, ClusterChangeFilter.All);
        var roles = default(MemberRoles);
        for (int number = 1; number <= 5; number++)
        {
            var change = new ClusterChangeNotification(ClusterChange.MemberJoined, new NodeId(number));
            queue.Add(change, roles = roles.After(change));
        }
        Assert.True(queue.TryTake(out ClusterChangeNotification lost));
        Assert.Equal(5, lost.Lost!.Count);
        Assert.Equal(5, queue.LostCount);
        Assert.Equal(NodeSet.Of(1, 2, 3, 4, 5), lost.Lost.Roles.Members);
        Assert.False(queue.TryTake(out _));
    }

    [Fact]
    public async Task The_roles_at_registration_and_every_notification_since_give_the_roles_now_whatever_was_lost()
    {
        // A random story against a queue of random length that is read at random moments.
        var random = new Random(20261122);
        for (int run = 0; run < 200; run++)
        {
            var hub = new ChangeHub(random.Next(1, 6));
            for (int i = 0; i < random.Next(5); i++) hub.Publish(RandomChange(random));
            (ChangeQueue queue, MemberRoles roles) = hub.Open(ClusterChangeFilter.All);
            for (int i = 0; i < 40; i++)
            {
                hub.Publish(RandomChange(random));
                while (random.Next(4) == 0 && queue.TryTake(out ClusterChangeNotification change)) roles = roles.After(change);
            }
            while (queue.TryTake(out ClusterChangeNotification change)) roles = roles.After(change);
            Assert.Equal(hub.Roles, roles);
            hub.Close(queue);
        }
        await Task.CompletedTask;
    }

    [Fact]
    public async Task An_exception_of_a_handler_is_logged_and_counted_and_the_next_notification_follows()
    {
        var heard = new Heard();
        await using ClusterChangeRegistration registration = _node.Register(async (change, data) =>
        {
            await heard.Take(change, data);
            if (change.Change == ClusterChange.MasterElected) throw new InvalidTimeZoneException("a host's mistake");
        });
        Say("MasterElected(1) MemberJoined(2)");
        await heard.WaitForAsync(2);
        Assert.Equal(1, registration.FailedCount);
        Assert.Contains(_log.Lines, static line => line.Id == 19 && line.Text.Contains("MasterElected(1)", StringComparison.Ordinal) && line.Failure is InvalidTimeZoneException);
    }

    [Fact]
    public async Task No_call_begins_after_unregistering_has_returned()
    {
        for (int run = 0; run < 100; run++)
        {
            long unregistered = 0;
            int late = 0;
            ClusterChangeRegistration registration = _node.Register((_, _) =>
            {
                if (Interlocked.Read(ref unregistered) != 0) Interlocked.Increment(ref late);
                return default;
            });
            Task story = Task.Run(() => Say("MasterElected(1) MemberJoined(2) MemberLeft(2) MemberJoined(2) MemberLeft(2)"), TestContext.Current.CancellationToken);
            if (run % 2 == 0) registration.Dispose();
            else await registration.DisposeAsync();
            Interlocked.Exchange(ref unregistered, 1);
            await story;
            await registration.Ended.WaitAsync(Deadline);
            Assert.Equal(0, Interlocked.CompareExchange(ref late, 0, 0));
        }
    }

    [Fact]
    public async Task Unregistering_waits_for_the_call_that_runs()
    {
        var begun = new TaskCompletionSource();
        var release = new TaskCompletionSource();
        bool returned = false;
        ClusterChangeRegistration registration = _node.Register(async (_, _) =>
        {
            begun.SetResult();
            await release.Task;
            Volatile.Write(ref returned, true);
        });
        Say("MasterElected(1)");
        await begun.Task.WaitAsync(Deadline);
        Task unregistering = registration.DisposeAsync().AsTask();
        Assert.False(unregistering.IsCompleted);
        release.SetResult();
        await unregistering.WaitAsync(Deadline);
        Assert.True(Volatile.Read(ref returned));
    }

    [Fact]
    public async Task What_a_handler_started_and_left_running_is_not_inside_of_it()
    {
        var returned = new TaskCompletionSource();
        Task<int>? later = null;
        ClusterChangeDispatcher? dispatcher = null;
        dispatcher = _node.RegisterForDispatch((change, _) => later ??= Task.Run(async () =>
        {
            await returned.Task;
            return dispatcher!.Dispatch();
        }));
        Say("MasterElected(1)");
        Assert.Equal(1, dispatcher.Dispatch());
        Say("MemberJoined(2)");
        returned.SetResult();
        Assert.Equal(1, await later!.WaitAsync(Deadline));
        dispatcher.Dispose();
    }

    [Fact]
    public async Task A_handler_may_unregister_itself_also_from_within_another_ones_dispatch()
    {
        var heard = new Heard();
        ClusterChangeRegistration? own = null;
        using ClusterChangeDispatcher inner = _node.RegisterForDispatch((_, _) => own!.Dispose());
        var registered = new TaskCompletionSource();
        own = _node.Register(async (change, data) =>
        {
            await registered.Task;
            await heard.Take(change, data);
            inner.Dispatch();
        });
        registered.SetResult();
        Say("MasterElected(1) MemberJoined(2)");
        await own.Ended.WaitAsync(Deadline);
        Assert.Equal("MasterElected(1)", string.Join(' ', heard.Changes));
    }

    [Fact]
    public async Task Code_with_its_own_loop_waits_and_dispatches_on_its_own_thread()
    {
        var heard = new Heard();
        int thread = 0;
        object data = new();
        using ClusterChangeDispatcher dispatcher = _node.RegisterForDispatch(
            (change, given) =>
            {
                thread = Environment.CurrentManagedThreadId;
                heard.Note(change, given);
            },
            clientData: data);
        Assert.Equal(0, dispatcher.Dispatch());
        Assert.False(dispatcher.WaitHandle.WaitOne(0));
        ValueTask<bool> waiting = dispatcher.WaitAsync(Deadline);
        Assert.False(waiting.IsCompleted);
        Say("MasterElected(1) MemberJoined(2)");
        Assert.True(await waiting);
        Assert.True(dispatcher.WaitHandle.WaitOne(0));
        Assert.Empty(heard.Changes);
        int here = Environment.CurrentManagedThreadId;
        Assert.Equal(2, dispatcher.Dispatch());
        Assert.Equal(here, thread);
        Assert.Equal("MasterElected(1) MemberJoined(2)", string.Join(' ', heard.Changes));
        Assert.All(heard.ClientData, given => Assert.Same(data, given));
        Assert.False(dispatcher.WaitHandle.WaitOne(0));
        dispatcher.Dispose();
        Say("MemberLeft(2)");
        Assert.Equal(0, dispatcher.Dispatch());
        Assert.False(await dispatcher.WaitAsync(Deadline));
    }

    [Fact]
    public async Task The_stream_gives_the_same_sequence_and_ends_with_the_node()
    {
        MembershipNode node = NewNode(1024);
        await using IAsyncEnumerator<ClusterChangeNotification> all = node.ChangesAsync(cancellationToken: Deadline).GetAsyncEnumerator(Deadline);
        await using IAsyncEnumerator<ClusterChangeNotification> left = node.ChangesAsync(ClusterChangeFilter.Only(ClusterChange.MemberLeft), Deadline).GetAsyncEnumerator(Deadline);
        ValueTask<bool> first = all.MoveNextAsync(), second = left.MoveNextAsync();
        foreach (ClusterChangeNotification change in Parse("MasterElected(1) MemberJoined(2) MemberLeft(2)")) node.Changed(change);
        var heard = new List<ClusterChangeNotification>();
        Assert.True(await first);
        heard.Add(all.Current);
        await node.DisposeAsync();
        while (await all.MoveNextAsync()) heard.Add(all.Current);
        Assert.Equal("MasterElected(1) MemberJoined(2) MemberLeft(2)", string.Join(' ', heard));
        Assert.True(await second);
        Assert.Equal("MemberLeft(2)", left.Current.ToString());
        Assert.False(await left.MoveNextAsync());
    }

    [Fact]
    public async Task When_the_node_has_stopped_what_waits_is_delivered_and_the_registration_ends()
    {
        MembershipNode node = NewNode(1024);
        var release = new TaskCompletionSource();
        var heard = new Heard();
        ClusterChangeRegistration registration = node.Register(async (change, data) =>
        {
            await release.Task;
            await heard.Take(change, data);
        });
        foreach (ClusterChangeNotification change in Parse("MasterElected(1) MemberJoined(2)")) node.Changed(change);
        await node.DisposeAsync();
        Assert.False(registration.Ended.IsCompleted);
        release.SetResult();
        await registration.Ended.WaitAsync(Deadline);
        Assert.Equal("MasterElected(1) MemberJoined(2)", string.Join(' ', heard.Changes));
        await node.Register(heard.Take).Ended.WaitAsync(Deadline);
    }

    [Fact]
    public void A_notification_that_is_kept_beyond_the_callback_stays_as_it_was()
    {
        var kept = new ClusterChangeNotification(ClusterChange.MasterElected, new NodeId(3));
        ClusterChangeNotification copy = kept;
        Assert.True(typeof(ClusterChangeNotification).IsValueType);
        Assert.Equal(kept, copy);
        Assert.All(typeof(ClusterChangeNotification).GetProperties(), static property => Assert.True(
            property.SetMethod is null || property.SetMethod.ReturnParameter.GetRequiredCustomModifiers().Contains(typeof(System.Runtime.CompilerServices.IsExternalInit))));
    }

    private MembershipNode NewNode(int queueLength) => new(
        new MembershipNodeOptions
        {
            ClusterId = "changes",
            Self = 1,
            Nodes = [new MembershipNodeAddress(1, ["127.0.0.1:9"])],
            StoreDirectory = "never-opened",
            AllowPlainText = true,
            NotificationQueueLength = queueLength,
        },
        loggerFactory: _log);

    private void Say(string changes)
    {
        foreach (ClusterChangeNotification change in Parse(changes)) _node.Changed(change);
    }

    private static IEnumerable<ClusterChangeNotification> Parse(string changes)
        => changes.Split(' ').Select(static text => new ClusterChangeNotification(
            Enum.Parse<ClusterChange>(text[..text.IndexOf('(', StringComparison.Ordinal)]),
            text[^2] == '0' ? NodeId.Invalid : new NodeId(text[^2] - '0')));

    private static ClusterChangeNotification RandomChange(Random random)
    {
        ClusterChange change = (ClusterChange)random.Next((int)ClusterChange.NotificationsLost);
        bool all = change is ClusterChange.InvalidCluster or ClusterChange.StaleCluster or ClusterChange.ValidState;
        return new ClusterChangeNotification(change, all ? NodeId.Invalid : new NodeId(random.Next(1, 6)));
    }

    /// <summary>What a handler got.</summary>
    private sealed class Heard
    {
        private readonly List<(ClusterChangeNotification Change, object? Data)> _got = [];

        public List<ClusterChangeNotification> Changes
        {
            get
            {
                lock (_got) return [.. _got.Select(static got => got.Change)];
            }
        }

        public List<object?> ClientData
        {
            get
            {
                lock (_got) return [.. _got.Select(static got => got.Data)];
            }
        }

        public ValueTask Take(ClusterChangeNotification change, object? data)
        {
            Note(change, data);
            return default;
        }

        public void Note(ClusterChangeNotification change, object? data)
        {
            lock (_got) _got.Add((change, data));
        }

        public async Task<string> WaitForAsync(int count)
        {
            CancellationToken deadline = Deadline;
            while (Changes.Count < count) await Task.Delay(2, deadline);
            return string.Join(' ', Changes);
        }
    }

    private sealed class RecordingLogger : ILoggerFactory, ILogger
    {
        private readonly List<(int Id, string Text, Exception? Failure)> _lines = [];

        public List<(int Id, string Text, Exception? Failure)> Lines
        {
            get
            {
                lock (_lines) return [.. _lines];
            }
        }

        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider)
        {
        }

        public void Dispose()
        {
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull
            => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            lock (_lines) _lines.Add((eventId.Id, formatter(state, exception), exception));
        }
    }
}
