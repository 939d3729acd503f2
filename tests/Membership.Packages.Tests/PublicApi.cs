// The public surface of an assembly as sorted lines of text, what a user's code can be compiled against, and the file that keeps it.
using System.Reflection;
using Membership.Tests;
using Xunit;

namespace Membership.Packages.Tests;

internal static class PublicApi
{
    private const BindingFlags Declared = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    private const string Update = "REGROUP_UPDATE_API";

    public static string Folder { get; } = Path.Combine(RepositoryRoot.Path, "tests", "Membership.Packages.Tests", "api");

    /// <summary>Fails when the assembly's surface is not what its file says.</summary>
    public static void AssertKept(Assembly assembly)
    {
        string package = assembly.GetName().Name!, file = Path.Combine(Folder, package + ".txt");
        IReadOnlyList<string> now = Of(assembly);
        if (Environment.GetEnvironmentVariable(Update) == "1") File.WriteAllLines(file, now);
        string[] kept = File.ReadAllLines(file);
        string[] gone = [.. kept.Except(now)], added = [.. now.Except(kept)];
        Assert.True(gone.Length + added.Length == 0,
            $"No longer in {package}, or changed:\n{string.Join('\n', gone)}\nNew in it:\n{string.Join('\n', added)}\nIf that is meant: {Update}=1 ./test --only Packages, and commit {file}.");
    }

    public static IReadOnlyList<string> Of(Assembly assembly)
    {
        var lines = new SortedSet<string>(StringComparer.Ordinal);
        foreach (Type type in assembly.GetExportedTypes())
        {
            lines.Add($"{Kind(type)} {Name(type)}{(type.BaseType is { } parent && parent != typeof(object) && parent != typeof(ValueType) && parent != typeof(Enum) ? " : " + Name(parent) : "")}");
            foreach (FieldInfo field in type.GetFields(Declared))
                if (IsSeen(field.IsPublic, field.IsFamily, field.IsFamilyOrAssembly)) lines.Add($"{Name(type)}.{field.Name} : {Name(field.FieldType)}{(field.IsLiteral ? $" = {field.GetRawConstantValue()}" : "")}");
            foreach (MethodBase method in type.GetMethods(Declared).Cast<MethodBase>().Concat(type.GetConstructors(Declared)))
            {
                if (!IsSeen(method.IsPublic, method.IsFamily, method.IsFamilyOrAssembly)) continue;
                string parameters = string.Join(", ", method.GetParameters().Select(static parameter => $"{Name(parameter.ParameterType)} {parameter.Name}{(parameter.HasDefaultValue ? " = default" : "")}"));
                lines.Add($"{(method.IsStatic ? "static " : method.IsAbstract ? "abstract " : "")}{Name(type)}.{method.Name}({parameters}){(method is MethodInfo returns ? " : " + Name(returns.ReturnType) : "")}");
            }
        }
        return [.. lines];
    }

    private static bool IsSeen(bool isPublic, bool isFamily, bool isFamilyOrAssembly) => isPublic || isFamily || isFamilyOrAssembly;

    private static string Kind(Type type) => type.IsEnum ? "enum" : type.IsInterface ? "interface" : type.IsValueType ? "struct" : type is { IsAbstract: true, IsSealed: true } ? "static class" : type.IsSealed ? "sealed class" : type.IsAbstract ? "abstract class" : "class";

    private static string Name(Type type)
    {
        if (type.IsGenericParameter) return type.Name;
        if (type.HasElementType) return Name(type.GetElementType()!) + (type.IsArray ? "[]" : type.IsByRef ? "&" : "*");
        string name = type.FullName is { } full && !type.IsConstructedGenericType ? full : $"{type.Namespace}.{type.Name}";
        return type.IsConstructedGenericType ? $"{name[..(name.IndexOf('`', StringComparison.Ordinal) is > 0 and var tick ? tick : name.Length)]}<{string.Join(", ", type.GetGenericArguments().Select(Name))}>" : name;
    }
}
