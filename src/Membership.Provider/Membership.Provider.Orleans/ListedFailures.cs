// Options that list their own failures, as the host's validation asks for them.
using Microsoft.Extensions.Options;

namespace Membership.Provider.Orleans;

internal sealed class ListedFailures<T>(Func<T, IEnumerable<string>> failures) : IValidateOptions<T>
    where T : class
{
    public ValidateOptionsResult Validate(string? name, T options)
    {
        string[] found = [.. failures(options)];
        return found.Length == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(found);
    }
}
