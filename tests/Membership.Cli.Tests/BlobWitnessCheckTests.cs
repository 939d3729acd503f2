// regroupctl witness check on a real blob service: Azurite.
using Azure.Storage;
using Azure.Storage.Blobs;
using Azure.Storage.Sas;
using Membership.Arbiters.BlobLease.Tests;
using Xunit;

namespace Membership.Cli.Tests;

public sealed class BlobWitnessCheckTests : IAsyncLifetime
{
    private readonly Azurite _server = new();

    private string Service => Azurite.Service(_server.EndPoint);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => _server.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task A_blob_that_does_what_it_must_is_fit_and_the_blob_beside_it_is_gone()
    {
        (int code, string text, string error) = await Regroupctl.CheckWitnessAsync([.. WithKey(Azurite.Key), "RegroupMembership:ClusterId=billing"]);
        Assert.True(code == 0, text + error);
        Assert.Contains("FIT: ", text, StringComparison.Ordinal);
        Assert.DoesNotContain("FAIL", text, StringComparison.Ordinal);
        Assert.Equal(["witness"], await BlobsAsync("regroup-witness"));
    }

    [Fact]
    public async Task A_SAS_with_no_more_rights_than_a_witness_needs_is_fit_and_what_it_may_not_delete_is_named()
    {
        await Container("rights").CreateAsync(cancellationToken: Token);
        string sas = Azurite.Sas("rights", BlobContainerSasPermissions.Read | BlobContainerSasPermissions.Create | BlobContainerSasPermissions.Write);
        (int code, string text, string error) = await Regroupctl.CheckWitnessAsync(WithSas(sas, "rights"));
        Assert.True(code == 0, text + error);
        string left = Assert.Single(await BlobsAsync("rights"));
        Assert.Contains($"the blob rights/{left} was left behind", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_credential_that_is_wrong_or_lacks_rights_is_not_fit_and_the_reason_is_said()
    {
        await Container("rights").CreateAsync(cancellationToken: Token);
        foreach ((string[] settings, string[] words) in new[]
        {
            (WithKey(Convert.ToBase64String(new byte[64])), new[] { "403", "account key" }),
            (WithSas(Azurite.Sas("rights", BlobContainerSasPermissions.Read), "rights"), ["403", "read, create and write", "rights"]),
            (WithSas(Azurite.Sas("rights", BlobContainerSasPermissions.All), "elsewhere"), ["403", "elsewhere"]),
        })
        {
            foreach (string[] named in (string[][])[["RegroupMembership:ClusterId=billing"], []])
            {
                (int code, string text, _) = await Regroupctl.CheckWitnessAsync([.. settings, .. named]);
                Assert.True(code == 1 && text.Contains("NOT FIT: ", StringComparison.Ordinal), text);
                foreach (string word in words) Assert.Contains(word, text, StringComparison.Ordinal);
            }
        }
        Assert.Empty(await BlobsAsync("rights"));
    }

    private string[] WithKey(string key) => [.. Common, $"BlobLease:AccountName={Azurite.Account}", $"BlobLease:AccountKey={key}"];

    private string[] WithSas(string sas, string container) => [.. Common, $"BlobLease:SasToken={sas}", $"BlobLease:Container={container}"];

    private string[] Common => [$"BlobLease:ServiceUri={Service}", "BlobLease:RenewInterval=00:00:01"];

    private BlobContainerClient Container(string name) => new(new Uri($"{Service}/{name}"), new StorageSharedKeyCredential(Azurite.Account, Azurite.Key));

    private async Task<List<string>> BlobsAsync(string container)
    {
        var names = new List<string>();
        await foreach (Azure.Storage.Blobs.Models.BlobItem blob in Container(container).GetBlobsAsync(cancellationToken: Token)) names.Add(blob.Name);
        return names;
    }
}
