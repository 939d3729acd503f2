// The stories on SCSI-3 persistent reservations: a real iSCSI target, tgtd. The hardest one is always told, for two nodes.
using Xunit;

namespace Membership.Testbed.Tests;

public sealed class ScsiWitnessTests(ITestOutputHelper output) : NetworkWitnessStories(WitnessBackend.Scsi, output)
{
    [Fact]
    public Task Of_two_nodes_the_owner_cut_from_its_peer_and_from_the_disk_stops_and_the_other_one_lives() => IsolateTheOwnersSideAsync(2);
}
