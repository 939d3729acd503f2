// One cluster at a time: these tests are about time, and the machine has two cores.
using Xunit;

[assembly: CollectionBehavior(DisableTestParallelization = true)]
[assembly: Trait("Category", "Namespaces")]
