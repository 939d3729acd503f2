// Something that the demo promises did not happen.
namespace Failover.Demo;

internal sealed class DemoFailedException(string message) : Exception(message);
