// The stories on a file share: a real smbd. The hardest one is always told, for two nodes.
using Xunit;

namespace Membership.Testbed.Tests;

public sealed class ShareWitnessTests(ITestOutputHelper output) : NetworkWitnessStories(WitnessBackend.Share, output)
{
    [Fact]
    public Task Of_two_nodes_the_owner_cut_from_its_peer_and_from_the_share_stops_and_the_other_one_lives() => IsolateTheOwnersSideAsync(2);

    [Fact]
    public Task A_majority_of_four_whose_witness_hangs_fails_over_as_fast_as_with_one_that_is_well_and_says_what_is_lost() => FailOverWithHungWitnessAsync();
}
