// One thing that can notice a change: a row of a test, or a random run of the simulator. Both are deterministic, and run on the caller's thread.
using System.Diagnostics;
using System.Reflection;
using Membership.Simulator.Scenarios;
using Membership.Simulator.Transcripts;
using Membership.Simulator.Workload;
using Xunit;
using Xunit.Sdk;
using Xunit.v3;

namespace Membership.Mutation.Worker;

/// <param name="Failure">What was noticed; null = nothing.</param>
/// <param name="Story">What happened, of a random run; 0 of a test.</param>
internal sealed record Outcome(string? Failure, ulong Story);

internal abstract record Case(string Name)
{
    /// <summary>Somebody wrote it for one thing.</summary>
    public virtual bool IsPointed => false;

    public abstract Outcome Play();
}

internal sealed record SeedCase(string Name, ulong Seed, RunFilter Filter) : Case(Name)
{
    public override Outcome Play()
    {
        SeedResult result = SeedRun.Run(Seed, Filter, trace: null);
        return new Outcome(result.Violation?.ToString(), result.Hash);
    }
}

internal sealed record StoryCase(string Name, Scenario Scenario, int Run) : Case(Name)
{
    public override bool IsPointed => Run == 0;

    public override Outcome Play()
    {
        ScenarioResult result = new ScenarioRunner(Scenario, default, trace: null, (ulong)Run).Run();
        return new Outcome(result.Failures.Count == 0 ? null : result.Failures[0], 0);
    }
}

/// <summary>What the nodes do, line by line, is what it was: notices any change of behaviour, right or wrong.</summary>
internal sealed record TranscriptCase(string Name, IReadOnlyList<string> Lines) : Case(Name)
{
    public override bool IsPointed => true;

    public override Outcome Play()
    {
        (IReadOnlyList<string> now, IReadOnlyList<string> failures) = TranscriptFile.Play(Name, Lines);
        return new Outcome(failures.Count > 0 ? failures[0] : TranscriptFile.Difference(Lines, now) is null ? null : "another transcript", 0);
    }
}

internal sealed record TestCase(string Name, MethodInfo Method, object?[] Arguments) : Case(Name)
{
    public override bool IsPointed => true;

    public override Outcome Play()
    {
        object? instance = null;
        try
        {
            if (!Method.IsStatic)
            {
                ConstructorInfo constructor = Method.DeclaringType!.GetConstructors()[0];
                instance = constructor.Invoke([.. constructor.GetParameters().Select(static parameter => parameter.ParameterType == typeof(ITestOutputHelper) ? (object)new Silence() : throw new NotSupportedException($"{parameter.ParameterType} is not known here"))]);
            }
            if (Method.Invoke(instance, Arguments) is { } returned) Wait(returned);
            return new Outcome(null, 0);
        }
        catch (TargetInvocationException error)
        {
            return new Outcome(Text(error.InnerException!), 0);
        }
        finally
        {
            (instance as IDisposable)?.Dispose();
        }
    }

    public static string Text(Exception error) => $"{error.GetType().Name}: {error.Message}".ReplaceLineEndings(" ");

    private static void Wait(object returned)
    {
        if (returned is Task task) task.GetAwaiter().GetResult();
        else if (returned is ValueTask value) value.AsTask().GetAwaiter().GetResult();
    }

    private sealed class Silence : ITestOutputHelper
    {
        public string Output => "";

        public void Write(string message)
        {
        }

        public void Write(string format, params object[] args)
        {
        }

        public void WriteLine(string message)
        {
        }

        public void WriteLine(string format, params object[] args)
        {
        }
    }
}
