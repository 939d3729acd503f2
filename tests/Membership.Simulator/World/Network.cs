// Directed links between every two nodes on every path: delay with spikes, loss, duplication, reordering by
// delay, and cuts that are counted, so that overlapping faults undo themselves in any order.
using Membership.Engine.Protocol;

namespace Membership.Simulator.World;

internal struct Link
{
    /// <summary>How many faults cut this direction now.</summary>
    public int Cuts;

    /// <summary>Added by faults, on top of the run's own rate.</summary>
    public int LossPerMille;

    public int DuplicatePerMille;

    /// <summary>Up to this much more delay for every message.</summary>
    public long ExtraDelay;

    /// <summary>Copies made by duplication may arrive this late.</summary>
    public long LateCopies;
}

internal delegate void MessageWatcher(in MessageHeader header, MessageBody? body);

internal sealed class Network(ClusterWorld world, Rng rng)
{
    private readonly WorldOptions _options = world.Options;
    private readonly int _nodes = world.Options.Nodes;
    private readonly Link[] _links = new Link[world.Options.Paths * world.Options.Nodes * world.Options.Nodes];

    public long Messages { get; private set; }

    /// <summary>Sees every message that is sent, also to whoever is gone.</summary>
    public MessageWatcher? Watch { get; set; }

    public ref Link At(int path, int from, int to) => ref _links[((path * _nodes) + from - 1) * _nodes + to - 1];

    /// <summary>Whether some path carries messages from one node to another.</summary>
    public bool Connected(int from, int to)
    {
        for (int path = 0; path < _options.Paths; path++)
            if (At(path, from, to).Cuts == 0) return true;
        return false;
    }

    public void Cut(int from, int to, int path = -1) => Change(from, to, path, 1);

    public void Mend(int from, int to, int path = -1) => Change(from, to, path, -1);

    public void HealAll() => Array.Clear(_links);

    public void HealLink(int from, int to)
    {
        for (int path = 0; path < _options.Paths; path++) At(path, from, to) = default;
    }

    /// <summary>Sends a message.</summary>
    /// <param name="header">Its header.</param>
    /// <param name="path">The path, or -1 for all.</param>
    /// <param name="body">Its body.</param>
    /// <param name="encoded">The whole message as bytes, where those are what arrives.</param>
    public void Send(in MessageHeader header, int path, MessageBody? body, byte[]? encoded = null)
    {
        int from = header.From.Value, to = header.To.Value;
        if (to < 1 || to > _nodes || to == from) return;
        if (path >= 0)
        {
            SendOn(in header, path, body, encoded, from, to);
            return;
        }
        for (int each = 0; each < _options.Paths; each++) SendOn(in header, each, body, encoded, from, to);
    }

    /// <summary>Called on arrival: messages in flight when a cut is made are lost with even chance.</summary>
    public bool LostOnArrival(int path, int from, int to)
    {
        if (At(path, from, to).Cuts == 0 || (rng.Chance(0.5) && !_options.Settled)) return false;
        world.Health.TouchLink(from, to);
        return true;
    }

    private void SendOn(in MessageHeader header, int path, MessageBody? body, byte[]? encoded, int from, int to)
    {
        Messages++;
        Watch?.Invoke(in header, body);
        ref Link link = ref At(path, from, to);
        if (link.Cuts > 0 || rng.PerMille(_options.LossPerMille + link.LossPerMille))
        {
            world.Health.TouchLink(from, to);
            return;
        }
        Deliver(in header, path, (object?)encoded ?? body, to, Delay(ref link, from, to));
        int duplicates = _options.DuplicatePerMille + link.DuplicatePerMille;
        if (rng.PerMille(duplicates))
            Deliver(in header, path, (object?)encoded ?? body, to, Delay(ref link, from, to) + (duplicates >= 1000 || rng.Chance(0.5) ? rng.Span(0, link.LateCopies) : 0));
    }

    private long Delay(ref Link link, int from, int to)
    {
        long delay = _options.DelayMin + rng.Span(0, _options.DelaySpread);
        if (rng.PerMille(_options.SpikePerMille)) delay += rng.Span(0, _options.SpikeDelay);
        if (_options.Settled) delay += 20 * Ticks.Microsecond * (2 * from + to) + link.ExtraDelay;
        else if (link.ExtraDelay > 0) delay += rng.Span(0, link.ExtraDelay);
        if (delay > _options.T / 4) world.Health.TouchLink(from, to);
        return delay;
    }

    private void Deliver(in MessageHeader header, int path, object? content, int to, long delay)
    {
        ref SimEvent arrival = ref world.Queue.Push(world.Now + delay);
        arrival.Kind = EventKind.Message;
        arrival.Node = to;
        arrival.Path = path;
        arrival.Header = header;
        arrival.Payload = content;
    }

    private void Change(int from, int to, int path, int by)
    {
        for (int each = 0; each < _options.Paths; each++)
        {
            if (path >= 0 && each != path) continue;
            ref Link link = ref At(each, from, to);
            link.Cuts = Math.Max(0, link.Cuts + by);
        }
        world.Health.TouchLink(from, to);
    }
}
