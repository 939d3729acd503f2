// Everything that is in a decoded thing as lines "path = value", so that what a released version meant can be compared with what this
// one understands: a later version may add lines, but none may go or change.
using System.Collections;
using System.Globalization;
using System.Reflection;
using Membership.Engine;

namespace Membership.Fuzz.Golden;

internal static class GoldenFields
{
    public static List<string> Of(object? decoded)
    {
        var lines = new List<string>();
        Add("", decoded, lines);
        return lines;
    }

    private static void Add(string path, object? value, List<string> lines)
    {
        switch (value)
        {
            case null: Line("nothing"); break;
            case string text: Line($"'{text}'"); break;
            case byte[] bytes: Line(Convert.ToHexStringLower(bytes)); break;
            case ReadOnlyMemory<byte> memory: Line(Convert.ToHexStringLower(memory.Span)); break;
            case TimeSpan time: Line(time.ToString("c", CultureInfo.InvariantCulture)); break;
            case Epoch epoch: Line(epoch.Value.ToString(CultureInfo.InvariantCulture)); break;
            case Incarnation life: Line(life.Value.ToString(CultureInfo.InvariantCulture)); break;
            case NodeId or NodeSet or Guid or Enum: Line(value.ToString()!); break;
            case IFormattable number when value.GetType().IsPrimitive || value is UInt128: Line(number.ToString(null, CultureInfo.InvariantCulture)); break;
            case bool truth: Line(truth ? "true" : "false"); break;
            case IDictionary pairs:
                foreach (DictionaryEntry pair in pairs) Add($"{path}[{pair.Key}]", pair.Value, lines);
                break;
            case IEnumerable items:
                int count = 0;
                foreach (object? item in items) Add($"{path}[{count++}]", item, lines);
                lines.Add($"{path}.Count = {count}");
                break;
            default:
                foreach ((string name, object? part) in Parts(value)) Add(path.Length == 0 ? name : $"{path}.{name}", part, lines);
                break;
        }

        void Line(string shown) => lines.Add($"{path} = {shown}");
    }

    private static IEnumerable<(string Name, object? Value)> Parts(object value)
    {
        const BindingFlags Public = BindingFlags.Instance | BindingFlags.Public;
        foreach (FieldInfo field in value.GetType().GetFields(Public)) yield return (field.Name, field.GetValue(value));
        foreach (PropertyInfo property in value.GetType().GetProperties(Public))
            if (property.GetIndexParameters().Length == 0) yield return (property.Name, property.GetValue(value));
    }
}
