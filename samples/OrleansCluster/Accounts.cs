// Accounts and transfers between them. An account is one grain; its file is written under the epoch of the silo's lease, and a
// write under an older epoch is refused. A transfer is repeated until it is done, and done once: each half knows its number.
using System.Text.Json;
using Membership.Provider;

namespace OrleansCluster;

public interface IAccountGrain : IGrainWithStringKey
{
    Task<long> BalanceAsync();

    /// <summary>Adds an amount, or takes it away; a number that was seen before changes nothing.</summary>
    Task<bool> ChangeAsync(Guid number, long amount);

    /// <summary>Moves an amount to another account; false when there is not enough.</summary>
    Task<bool> TransferAsync(Guid number, string to, long amount);

    /// <summary>The silo it lives on.</summary>
    Task<int> WhereAsync();
}

internal sealed record AccountState(long Balance, long Epoch, List<Guid> Seen);

internal sealed class AccountGrain(SiloSetting setting, IServiceProvider services) : Grain, IAccountGrain
{
    private AccountState _state = new(0, 0, []);

    private string File => Path.Combine(setting.Directory, "accounts", this.GetPrimaryKeyString() + ".json");

    private long Epoch => (services.GetService(typeof(IClusterMembership)) as IClusterMembership)?.Lease.Epoch.Value ?? 0;

    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        if (System.IO.File.Exists(File)) _state = JsonSerializer.Deserialize<AccountState>(await System.IO.File.ReadAllTextAsync(File, cancellationToken)) ?? _state;
    }

    public Task<long> BalanceAsync() => Task.FromResult(_state.Balance);

    public Task<int> WhereAsync() => Task.FromResult(setting.Number);

    public Task<bool> ChangeAsync(Guid number, long amount)
    {
        if (_state.Seen.Contains(number)) return Task.FromResult(true);
        if (_state.Balance + amount < 0) return Task.FromResult(false);
        Save(new AccountState(_state.Balance + amount, Epoch, [.. _state.Seen.TakeLast(999), number]));
        return Task.FromResult(true);
    }

    public async Task<bool> TransferAsync(Guid number, string to, long amount)
    {
        if (!await ChangeAsync(number, -amount)) return false;
        return await GrainFactory.GetGrain<IAccountGrain>(to).ChangeAsync(number, amount);
    }

    /// <summary>The file is the shared thing; the lock on it makes check and write one step.</summary>
    private void Save(AccountState next)
    {
        System.IO.Directory.CreateDirectory(Path.GetDirectoryName(File)!);
        using var file = new FileStream(File, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        if (file.Length > 0 && JsonSerializer.Deserialize<AccountState>(file) is { } kept && kept.Epoch > next.Epoch)
        {
            DeactivateOnIdle();
            throw new InvalidOperationException($"Account {this.GetPrimaryKeyString()} was written in epoch {kept.Epoch}; this silo is in {next.Epoch}.");
        }
        file.SetLength(0);
        JsonSerializer.Serialize(file, next);
        _state = next;
    }
}
