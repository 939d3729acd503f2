// Accounts on a cluster of silos. Without arguments: three silos as processes of their own and a page with what lives where.
//   demo                       the same with a silo killed, with regroup membership and with the default development clustering
//   node N PORTS DIR CLUSTERING  one silo; the two above start it
using OrleansCluster;

return args switch
{
    ["node", var number, var ports, var directory, var clustering] => await SiloHost.RunAsync(new SiloSetting(int.Parse(number, System.Globalization.CultureInfo.InvariantCulture), SiloPorts.Parse(ports), directory, clustering)),
    ["demo"] => await Demo.RunAsync(),
    [] => await Launcher.RunAsync(),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine("usage: OrleansCluster [demo]");
    return 2;
}
