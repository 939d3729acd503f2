// The judge's other process. "--profile FILE KILLS CASES": the engine beside this program has all changes of a file, each to be switched on; what every
// case does on the engine as it is is measured (or read from FILE, after a change ended the process before), then each line "judge CHANGE MEMBER"
// is answered by "fate, milliseconds, by whom". "--alone FILE KILLS CASES": the engine has one change, and one answer is given.
using Membership.Mutation.Worker;

if (args is not [("--profile" or "--alone") and var mode, var profile, var kills, var which])
{
    Console.Error.WriteLine("usage: started by eng/mutate");
    return 2;
}
var bench = new Bench([.. Cases.All().Where(IsAsked)], kills);
int exit = 0;
// A story may nest deeply once something is changed.
var thread = new Thread(() => exit = mode == "--alone" ? bench.JudgeAlone(profile) : bench.Serve(profile), 64 << 20);
thread.Start();
bench.Watch(thread);
return exit;

// Names, or parts of them, pick those cases: what a new test notices is soon seen.
bool IsAsked(Case one) => which switch
{
    "all" => true,
    "transcripts" => one is TranscriptCase,
    "others" => one is not TranscriptCase,
    _ => which.Split(',').Any(part => one.Name.Contains(part, StringComparison.Ordinal)),
};
