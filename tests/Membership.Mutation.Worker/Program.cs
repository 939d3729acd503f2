// The judge's other process. "--profile FILE KILLS": the engine beside this program has all changes of a file, each to be switched on; what every
// case does on the engine as it is is measured (or read from FILE, after a change ended the process before), then each line "judge CHANGE MEMBER"
// is answered by "fate, milliseconds, by whom". "--alone FILE KILLS": the engine has one change, and one answer is given.
using Membership.Mutation.Worker;

if (args is not [("--profile" or "--alone") and var mode, var profile, var kills])
{
    Console.Error.WriteLine("usage: started by eng/mutate");
    return 2;
}
var bench = new Bench(Cases.All(), kills);
int exit = 0;
// A story may nest deeply once something is changed.
var thread = new Thread(() => exit = mode == "--alone" ? bench.JudgeAlone(profile) : bench.Serve(profile), 64 << 20);
thread.Start();
bench.Watch(thread);
return exit;
