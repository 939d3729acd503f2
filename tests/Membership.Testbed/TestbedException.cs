// Something that the testbed needs did not work, or something that a test waits for did not happen.
namespace Membership.Testbed;

public sealed class TestbedException(string message) : Exception(message);
