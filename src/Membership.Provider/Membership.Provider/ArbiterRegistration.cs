// Which witness a host registered, if any: a later registration replaces an earlier one.
using Membership.Engine.Arbitration;

namespace Membership.Provider;

/// <param name="Create">Makes the arbiter when the node is made.</param>
internal sealed record ArbiterRegistration(Func<IServiceProvider, IQuorumArbiter> Create);
