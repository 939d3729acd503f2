// Reads a compiled assembly and tells, for each of its types, every type and member that its fields, signatures,
// local variables and instructions name. It works on metadata alone, so nothing that is inspected is ever run.
using System.Collections.Immutable;
using System.Reflection.Emit;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;

namespace Membership.Architecture.Tests;

/// <summary>One use of a type or of a member of it.</summary>
/// <param name="User">The type that uses it, by full name; nested types are joined with '+'.</param>
/// <param name="Where">The method or field in which it is used.</param>
/// <param name="Type">The full name of the type used, without generic arguments (those are uses of their own).</param>
/// <param name="Member">The member used, or null when only the type is named.</param>
internal sealed record Use(string User, string Where, string Type, string? Member)
{
    public string UserNamespace => NamespaceOf(User);

    public string Namespace => NamespaceOf(Type);

    private static string NamespaceOf(string type)
    {
        int nested = type.IndexOf('+', StringComparison.Ordinal);
        string outer = nested < 0 ? type : type[..nested];
        int dot = outer.LastIndexOf('.');
        return dot < 0 ? "" : outer[..dot];
    }
}

internal static class CompiledReferences
{
    private static readonly OpCode[] OneByte = new OpCode[256];
    private static readonly OpCode[] TwoByte = new OpCode[256];

    static CompiledReferences()
    {
        foreach (System.Reflection.FieldInfo field in typeof(OpCodes).GetFields())
        {
            if (field.GetValue(null) is not OpCode code) continue;
            if (code.Size == 1) OneByte[code.Value & 0xff] = code;
            else TwoByte[code.Value & 0xff] = code;
        }
    }

    /// <summary>The names of the assemblies that the file refers to.</summary>
    public static ImmutableArray<string> Assemblies(string path)
    {
        using var file = new PEReader(File.OpenRead(path));
        MetadataReader metadata = file.GetMetadataReader();
        return [.. metadata.AssemblyReferences.Select(handle => metadata.GetString(metadata.GetAssemblyReference(handle).Name))];
    }

    /// <summary>Every use made by the types of the file, compiler-made ones included.</summary>
    public static ImmutableArray<Use> Read(string path)
    {
        using var file = new PEReader(File.OpenRead(path));
        MetadataReader metadata = file.GetMetadataReader();
        var uses = ImmutableArray.CreateBuilder<Use>();
        foreach (TypeDefinitionHandle handle in metadata.TypeDefinitions)
        {
            TypeDefinition type = metadata.GetTypeDefinition(handle);
            string user = SignatureNames.NameOf(metadata, handle);
            void Add(string where, IEnumerable<(string Type, string? Member)> found)
            {
                foreach ((string name, string? member) in found) uses.Add(new Use(user, where, name, member));
            }

            var names = new SignatureNames();
            names.Entity(metadata, type.BaseType);
            foreach (InterfaceImplementationHandle implemented in type.GetInterfaceImplementations())
                names.Entity(metadata, metadata.GetInterfaceImplementation(implemented).Interface);
            Add("(base)", names.Take());
            foreach (FieldDefinitionHandle fieldHandle in type.GetFields())
            {
                FieldDefinition field = metadata.GetFieldDefinition(fieldHandle);
                field.DecodeSignature(names, null);
                Add(metadata.GetString(field.Name), names.Take());
            }
            foreach (MethodDefinitionHandle methodHandle in type.GetMethods())
            {
                MethodDefinition method = metadata.GetMethodDefinition(methodHandle);
                method.DecodeSignature(names, null);
                if (method.RelativeVirtualAddress != 0)
                {
                    MethodBodyBlock body = file.GetMethodBody(method.RelativeVirtualAddress);
                    if (!body.LocalSignature.IsNil) metadata.GetStandaloneSignature(body.LocalSignature).DecodeLocalSignature(names, null);
                    foreach (ExceptionRegion region in body.ExceptionRegions) names.Entity(metadata, region.CatchType);
                    Instructions(metadata, body.GetILReader(), names);
                }
                Add(metadata.GetString(method.Name), names.Take());
            }
        }
        return uses.ToImmutable();
    }

    private static void Instructions(MetadataReader metadata, BlobReader code, SignatureNames names)
    {
        while (code.RemainingBytes > 0)
        {
            byte first = code.ReadByte();
            OpCode instruction = first == 0xfe ? TwoByte[code.ReadByte()] : OneByte[first];
            switch (instruction.OperandType)
            {
                case OperandType.InlineField or OperandType.InlineMethod or OperandType.InlineTok or OperandType.InlineType:
                    names.Entity(metadata, (EntityHandle)MetadataTokens.Handle(code.ReadInt32()));
                    break;
                case OperandType.InlineSig:
                    Handle signature = MetadataTokens.Handle(code.ReadInt32());
                    metadata.GetStandaloneSignature((StandaloneSignatureHandle)signature).DecodeMethodSignature(names, null);
                    break;
                case OperandType.InlineSwitch:
                    int targets = code.ReadInt32();
                    code.Offset += 4 * targets;
                    break;
                case OperandType.InlineI8 or OperandType.InlineR:
                    code.Offset += 8;
                    break;
                case OperandType.InlineBrTarget or OperandType.InlineI or OperandType.InlineString or OperandType.ShortInlineR:
                    code.Offset += 4;
                    break;
                case OperandType.InlineVar:
                    code.Offset += 2;
                    break;
                case OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar:
                    code.Offset += 1;
                    break;
                default:
                    break;
            }
        }
    }
}
