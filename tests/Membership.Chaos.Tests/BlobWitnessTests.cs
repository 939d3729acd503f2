// The stories on blob leases: Azurite. A lease is 15 s at least, and so is a takeover.
using Xunit;

namespace Membership.Testbed.Tests;

public sealed class BlobWitnessTests(ITestOutputHelper output) : NetworkWitnessStories(WitnessBackend.Blob, output);
