// What a change of the cluster costs at every size, in the simulator: see ScaleOptions. Exit code 0 = done, 1 = a cost grows too fast, 2 = bad arguments.
using Membership.Bench.Scale;

if (ScaleOptions.TryParse(args, out ScaleOptions? options, out string? error)) return ScaleBench.Run(options, Console.Out);
Console.Error.WriteLine(error);
return 2;
