// What a script asks of nodes as their hosts would, and messages that it has nodes say once more, changed or not: late copies, and lies.
using System.Globalization;
using System.Text;
using Membership.Engine;
using Membership.Engine.Protocol;
using Membership.Engine.Replication;
using Membership.Simulator.World;

namespace Membership.Simulator.Scenarios;

internal sealed partial class ScenarioRunner
{
    private readonly Dictionary<(int From, MessageKind Kind), (MessageHeader Header, MessageBody? Body)> _said = [];

    private bool Ask(string[] words)
    {
        switch (words[0])
        {
            case "record": // record off: what follows is played but not written into the transcript
                if (_world.Transcript is { } transcript) transcript.Recording = words[1] == "on";
                return true;
            case "show": // show 1,2: everything a host can see of these
                foreach (int node in NodesOf(words[1]))
                    if (_world.Node(node).Process is { } shown) _world.Transcript?.Of(shown).Show();
                return true;
            case "update": // update 2 Insert table key=value [version=3] [etag=2] [keep]
                _world.Node(Number(words[1])).Process?.Update(UpdateOf(words[2..]));
                return true;
            case "read":
                _world.Node(Number(words[1])).Process?.Read();
                return true;
            case "ask": // ask 1 SetQuorumOwner 2
                if (_world.Node(Number(words[1])).Process is { } asked) AskHost(asked, words[2..]);
                return true;
            case "until": // until 2 reaches prune within 2s: goes on from that moment
                Until(words);
                return true;
            case "probe": // probe 1: everything that others said so far, once more and with each change that can be made to it, and what node 1 does then
                Probe(Number(words[1]), words.Length > 2 ? [.. words[2].Split(',').Select(Enum.Parse<MessageKind>)] : Enum.GetValues<MessageKind>());
                return true;
            case "say": // say 3->1 Status attempt=+1: what node 3 said last of that kind, to node 1, now and changed
                (int from, int to) = Arrow(words[1]);
                Say(from, to, Enum.Parse<MessageKind>(words[2]), words[3..]);
                return true;
            default:
                return false;
        }
    }

    private static TableUpdate UpdateOf(string[] words)
    {
        string[] row = words[2].Split('=');
        long etag = 0, version = -1;
        bool keep = false;
        foreach (string word in words[3..])
        {
            if (word == "keep") keep = true;
            else if (word.StartsWith("etag=", StringComparison.Ordinal)) etag = long.Parse(word[5..], CultureInfo.InvariantCulture);
            else if (word.StartsWith("version=", StringComparison.Ordinal)) version = long.Parse(word[8..], CultureInfo.InvariantCulture);
            else throw new FormatException($"'{word}' is not part of an update");
        }
        var change = new RowChange(Enum.Parse<RowChangeKind>(words[0]), row[0], row.Length > 1 ? Encoding.UTF8.GetBytes(row[1]) : default, etag);
        return version < 0 ? new TableUpdate(words[1], [change], KeepVersion: keep) : new TableUpdate(words[1], [change], version, KeepVersion: keep);
    }

    private void AskHost(SimProcess process, string[] words)
    {
        string name = string.Join(' ', words);
        var answer = new NodeAnswer();
        string Answered() => answer.Node.ToString();
        NodeId Node(int at) => words[at] == "none" ? NodeId.Invalid : new NodeId(Number(words[at]));
        switch (words[0])
        {
            case "Start": process.Ask(name, static (core, id, now) => core.Start(id, forceForm: false, now)); break;
            case "Leave": process.Ask(name, static (core, id, now) => core.Leave(id, now)); break;
            case "Stop": process.Ask(name, static (core, id, now) => core.Stop(id, now)); break;
            case "Admit": process.Ask(name, (core, id, now) => core.Admit(id, Node(1), TimeSpan.FromTicks(Time(words[2])), now)); break;
            case "Eject":
                if (Node(1).IsValid && Node(1).Value <= _world.Options.Nodes) process.Eject(Node(1).Value);
                else process.Ask(name, (core, id, now) => core.Eject(id, Node(1), now));
                break;
            case "AllowRegroup": process.Ask(name, (core, id, now) => core.SetRegroupAllowed(id, words[1] == "on", now)); break;
            case "SetQuorumOwner": process.Ask(name, (core, id, now) => core.SetQuorumOwner(id, Node(1), words is [_, _, "blocking"], answer, now), Answered); break;
            case "WaitWhileRegrouping": process.Ask(name, (core, id, now) => core.WaitWhileRegrouping(id, answer, now), Answered); break;
            case "GetArbitrationWinner": process.Ask(name, (core, id, now) => core.GetArbitrationWinner(id, answer, now), Answered); break;
            default: throw new FormatException($"'{words[0]}' is nothing that a host asks");
        }
    }

    private void Remember(in MessageHeader header, MessageBody? body) => _said[(header.From.Value, body?.Kind ?? MessageKind.Heartbeat)] = (header, body);

    private void Say(int from, int to, MessageKind kind, string[] changes)
    {
        (MessageHeader header, MessageBody? body) = _said[(from, kind)];
        if (_world.Node(to).Process is not { } receiver) return;
        header.To = new NodeId(to);
        header.ToIncarnation = receiver.Incarnation;
        foreach (string change in changes)
        {
            string[] pair = change.Split('=');
            long Value(long old) => pair[1] is ['+' or '-', ..] ? old + long.Parse(pair[1], CultureInfo.InvariantCulture) : long.Parse(pair[1], CultureInfo.InvariantCulture);
            switch (pair[0])
            {
                case "life": header.FromIncarnation = new Incarnation(Value(header.FromIncarnation.Value)); break;
                case "to-life": header.ToIncarnation = new Incarnation(Value(header.ToIncarnation.Value)); break;
                case "from": header.From = new NodeId(Number(pair[1])); break;
                case "in-force": header.InForce = pair[1] == "none" ? ViewId.None : new ViewId(new Epoch(Value(header.InForce.Epoch.Value)), header.InForce.Hash); break;
                case "hash": header.InForce = new ViewId(header.InForce.Epoch, header.InForce.Hash + 1); break;
                case "sequence": header.Sequence = (ulong)Value((long)header.Sequence); break;
                case "acknowledged": header.Acknowledged = (ulong)Value((long)header.Acknowledged); break;
                case "flags": header.Flags ^= Enum.Parse<HeaderFlags>(pair[1]); break;
                default: body = Changed(body, pair[0], pair[1], Value); break;
            }
        }
        var arrival = new SimEvent { Kind = EventKind.Message, Node = to, Path = 0, Header = header, Payload = body };
        receiver.Handle(ref arrival);
    }

    private MessageBody Changed(MessageBody? body, string field, string value, Func<long, long> number) => (body, field) switch
    {
        (StatusMessage status, "epoch") => status with { Activation = status.Activation with { Epoch = new Epoch(number(status.Activation.Epoch.Value)) } },
        (StatusMessage status, "attempt") => status with { Activation = status.Activation with { Attempt = (int)number(status.Activation.Attempt) } },
        (StatusMessage status, "stage") => status with { Stage = Enum.Parse<RegroupStage>(value) },
        (StatusMessage status, "flag") => status with { Flags = status.Flags ^ Enum.Parse<StatusFlags>(value) },
        (StatusMessage status, "heard") => status with { Heard = NodeSet.Of(NodesOf(value)) },
        (StatusMessage status, "closed") => status with { Closed = NodeSet.Of(NodesOf(value)) },
        (StatusMessage status, "rows") => status with { Rows = [] },
        (StatusMessage status, "pending") => status with { Pending = [] },
        (StatusMessage status, "stored") => status with { StoredInForce = null },
        (StatusMessage status, "seen") => status with { HighestEpochSeen = new Epoch(number(status.HighestEpochSeen.Value)) },
        (StatusMessage status, "persisted") => status with { HighestEpochPersisted = new Epoch(number(status.HighestEpochPersisted.Value)) },
        (StatusMessage status, "decision") => status with { Decision = null },
        (StatusMessage { Decision: { } decision } status, "decider") => status with { Decision = decision with { Decider = new NodeId((int)number(decision.Decider.Value)) } },
        (StatusMessage { Decision: { } decision } status, "decider-life") => status with { Decision = decision with { DeciderIncarnation = new Incarnation(number(decision.DeciderIncarnation.Value)) } },
        (StatusMessage { Decision: { } decision } status, "removed") => status with { Decision = decision with { Removed = NodeSet.Of(NodesOf(value)) } },
        (StatusMessage status, "ejected") => status with { Ejected = NodeSet.Of(NodesOf(value)) },
        (StatusMessage status, "released") => status with { Released = NodeSet.Of(NodesOf(value)) },
        (StatusMessage status, "failures") => status with { ArbitrationFailures = (int)number(status.ArbitrationFailures) },
        (StatusMessage status, "configuration") => status with { ConfigurationHash = status.ConfigurationHash + 1 },
        (StatusMessage status, "applied") => status with { Tip = status.Tip with { Applied = number(status.Tip.Applied) } },
        (PetitionMessage petition, "version") => petition with { ProtocolVersion = (int)number(petition.ProtocolVersion) },
        (PetitionMessage petition, "configuration") => petition with { ConfigurationHash = petition.ConfigurationHash + 1 },
        (PetitionMessage petition, "locked") => petition with { StoreLocked = value == "on" },
        (PetitionMessage petition, "empty") => petition with { StoreEmpty = value == "on" },
        (PetitionMessage petition, "seen") => petition with { HighestEpochSeen = new Epoch(number(petition.HighestEpochSeen.Value)) },
        (PetitionReplyMessage reply, "outcome") => reply with { Outcome = Enum.Parse<MembershipStatus>(value) },
        (PetitionReplyMessage reply, "coordinator") => reply with { Coordinator = new NodeId((int)number(reply.Coordinator.Value)) },
        (PetitionReplyMessage reply, "floor") => reply with { IncarnationFloor = new Incarnation(number(reply.IncarnationFloor.Value)) },
        (JoinStartMessage start, "join") => start with { JoinId = number(start.JoinId) },
        (JoinStartMessage start, "joiner-life") => start with { JoinerIncarnation = new Incarnation(number(start.JoinerIncarnation.Value)) },
        (JoinReadyMessage ready, "join") => ready with { JoinId = number(ready.JoinId) },
        (JoinReadyMessage ready, "newer") => ready with { HoldsNewerPending = value == "on" },
        (JoinPrepareMessage prepare, "join") => prepare with { JoinId = number(prepare.JoinId) },
        (JoinPreparedMessage prepared, "join") => prepared with { JoinId = number(prepared.JoinId) },
        (JoinFailedMessage failed, "join") => failed with { JoinId = number(failed.JoinId) },
        (PoisonMessage poison, "target") => poison with { Target = new Incarnation(number(poison.Target.Value)) },
        (PoisonMessage poison, "epoch") => poison with { Epoch = new Epoch(number(poison.Epoch.Value)) },
        (PoisonAcknowledgedMessage obeyed, "target") => obeyed with { Target = new Incarnation(number(obeyed.Target.Value)) },
        (PoisonAcknowledgedMessage obeyed, "epoch") => obeyed with { Epoch = new Epoch(number(obeyed.Epoch.Value)) },
        (PoisonAcknowledgedMessage obeyed, "second") => obeyed with { SecondMaster = value == "on" },
        (RoleChangeMessage role, "node") => role with { Node = new NodeId((int)number(role.Node.Value)) },
        (RoleChangeMessage role, "change") => role with { Change = Enum.Parse<RoleChange>(value) },
        (UpdateRequestMessage request, "number") => request with { Batch = request.Batch with { Number = number(request.Batch.Number) } },
        (UpdateRequestMessage request, "origin-life") => request with { Batch = request.Batch with { Life = new Incarnation(number(request.Batch.Life.Value)) } },
        (UpdatePrepareMessage prepare, "sequence-of") => prepare with { Entry = prepare.Entry with { Sequence = number(prepare.Entry.Sequence) } },
        (UpdatePrepareMessage prepare, "epoch") => prepare with { Entry = prepare.Entry with { Epoch = new Epoch(number(prepare.Entry.Epoch.Value)) } },
        (UpdatePrepareMessage prepare, "committed") => prepare with { Committed = number(prepare.Committed) },
        (UpdatePreparedMessage prepared, "sequence-of") => prepared with { Sequence = number(prepared.Sequence) },
        (UpdatePreparedMessage prepared, "epoch") => prepared with { Epoch = new Epoch(number(prepared.Epoch.Value)) },
        (UpdateCommitMessage commit, "sequence-of") => commit with { Sequence = number(commit.Sequence) },
        (UpdateCommitMessage commit, "epoch") => commit with { Epoch = new Epoch(number(commit.Epoch.Value)) },
        (StateAskMessage ask, "applied") => ask with { Applied = number(ask.Applied) },
        (StateAskMessage ask, "promised") => ask with { Promised = number(ask.Promised) },
        _ => throw new FormatException($"a {body?.Kind.ToString() ?? "heartbeat"} has no '{field}' to change"),
    };
}
