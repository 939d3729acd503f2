// Keys and the ring: exact sizes with errors that help, rotation in three steps, and secrets that never show.
using Membership.Engine.Wire;
using Xunit;

namespace Membership.Engine.Tests.Wire;

public sealed class KeyRingTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(16)]
    [InlineData(31)]
    [InlineData(33)]
    [InlineData(64)]
    public void A_key_of_another_size_is_refused_with_its_length_and_what_to_do(int size)
    {
        string message = Assert.Throws<ArgumentException>(() => KeyRing.FromBase64(Convert.ToBase64String(Enumerable.Range(0, size).Select(static i => (byte)i).ToArray()))).Message;
        Assert.Contains($"has {size} bytes", message, StringComparison.Ordinal);
        Assert.Contains("exactly 32", message, StringComparison.Ordinal);
        Assert.Contains("KeyRing.Generate()", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Text_that_is_not_base64_is_refused_without_repeating_it()
    {
        string message = Assert.Throws<ArgumentException>(static () => ClusterKey.FromBase64("my secret pass phrase!")).Message;
        Assert.Contains("not base64", message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret pass", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_key_of_equal_bytes_is_refused() => Assert.Throws<ArgumentException>(static () => ClusterKey.FromBytes(new byte[32]));

    [Fact]
    public void A_key_survives_its_export_and_is_known_by_its_id()
    {
        ClusterKey key = ClusterKey.Generate(), again = ClusterKey.FromBase64(key.ExportBase64());
        Assert.Equal(key, again);
        Assert.Equal(key.Id, again.Id);
        Assert.NotEqual(key.Id, ClusterKey.Generate().Id);
    }

    [Fact]
    public void Secrets_never_show_in_text()
    {
        var ring = KeyRing.Generate();
        string secret = ring.Current.ExportBase64();
        string hex = Convert.ToHexString(Convert.FromBase64String(secret));
        foreach (string text in new[] { ring.ToString(), ring.Current.ToString(), $"{ring} {ring.Current}", System.Text.Json.JsonSerializer.Serialize(ring) })
        {
            Assert.DoesNotContain(secret, text, StringComparison.Ordinal);
            Assert.DoesNotContain(hex, text, StringComparison.OrdinalIgnoreCase);
        }
    }

    [Fact]
    public void Rotation_is_accept_then_use_then_drop()
    {
        ClusterKey old = ClusterKey.Generate(), fresh = ClusterKey.Generate();
        var ring = new KeyRing(old);
        ring.Accept(fresh);
        Assert.Equal((old, 2), (ring.Current, ring.Accepted.Length));
        Assert.Throws<InvalidOperationException>(() => ring.Drop(old.Id));
        ring.Use(fresh);
        Assert.Equal((fresh, 2), (ring.Current, ring.Accepted.Length));
        ring.Drop(old.Id);
        Assert.Equal([fresh], ring.Accepted);
    }

    [Fact]
    public void A_full_ring_says_so()
        => Assert.Contains("at most 8", Assert.Throws<ArgumentException>(
            static () => new KeyRing(ClusterKey.Generate(), Enumerable.Range(0, 8).Select(static _ => ClusterKey.Generate()))).Message, StringComparison.Ordinal);
}
