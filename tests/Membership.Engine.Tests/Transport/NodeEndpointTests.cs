// Endpoints as configuration writes them, and what is said about those that are none.
using Membership.Engine.Transport;
using Xunit;

namespace Membership.Engine.Tests.Transport;

public sealed class NodeEndpointTests
{
    [Theory]
    [InlineData("127.0.0.1:7100", "127.0.0.1", 7100)]
    [InlineData("node1.example:1", "node1.example", 1)]
    [InlineData("[::1]:65535", "::1", 65535)]
    [InlineData(" [fe80::1%3]:7100 ", "fe80::1%3", 7100)]
    public void Good_endpoints_are_read_and_written_back(string text, string host, int port)
    {
        Assert.True(NodeEndpoint.TryParse(text, out NodeEndpoint endpoint, out string? error), error);
        Assert.Equal(new NodeEndpoint(host, port), endpoint);
        Assert.Equal(text.Trim(), endpoint.ToString());
    }

    [Theory]
    [InlineData(null, "empty")]
    [InlineData("  ", "empty")]
    [InlineData("node1", "\"node1\"")]
    [InlineData(":7100", "\":7100\"")]
    [InlineData("node1:", "not a port")]
    [InlineData("node1:0", "\"0\"")]
    [InlineData("node1:65536", "\"65536\"")]
    [InlineData("node1:-5", "\"-5\"")]
    [InlineData("::1:7100", "\"::1:7100\"")]
    [InlineData("[node1]:7100", "not an IPv6 address")]
    public void Bad_endpoints_are_refused_with_the_value_and_an_example(string? text, string named)
    {
        Assert.False(NodeEndpoint.TryParse(text, out _, out string? error));
        Assert.Contains(named, error, StringComparison.Ordinal);
        Assert.Contains("10.0.0.1:7100", error, StringComparison.Ordinal);
    }
}
