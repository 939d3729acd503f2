// Collects the full name of every type that a metadata signature or token names, element types and generic
// arguments included. Collecting is a side effect of decoding; Take() hands over what was found since the last call.
using System.Collections.Immutable;
using System.Reflection.Metadata;

namespace Membership.Architecture.Tests;

internal sealed class SignatureNames : ISignatureTypeProvider<string, object?>
{
    private readonly List<(string Type, string? Member)> _found = [];

    public IReadOnlyList<(string Type, string? Member)> Take()
    {
        (string Type, string? Member)[] taken = [.. _found];
        _found.Clear();
        return taken;
    }

    /// <summary>Adds what a token stands for: a type, a field or a method, of this assembly or of another.</summary>
    public void Entity(MetadataReader metadata, EntityHandle handle)
    {
        if (handle.IsNil) return;
        switch (handle.Kind)
        {
            case HandleKind.TypeDefinition or HandleKind.TypeReference:
                _found.Add((NameOf(metadata, handle), null));
                break;
            case HandleKind.TypeSpecification:
                metadata.GetTypeSpecification((TypeSpecificationHandle)handle).DecodeSignature(this, null);
                break;
            case HandleKind.MethodDefinition:
                MethodDefinition method = metadata.GetMethodDefinition((MethodDefinitionHandle)handle);
                _found.Add((NameOf(metadata, method.GetDeclaringType()), metadata.GetString(method.Name)));
                break;
            case HandleKind.FieldDefinition:
                FieldDefinition field = metadata.GetFieldDefinition((FieldDefinitionHandle)handle);
                _found.Add((NameOf(metadata, field.GetDeclaringType()), metadata.GetString(field.Name)));
                break;
            case HandleKind.MethodSpecification:
                MethodSpecification generic = metadata.GetMethodSpecification((MethodSpecificationHandle)handle);
                generic.DecodeSignature(this, null);
                Entity(metadata, generic.Method);
                break;
            case HandleKind.MemberReference:
                MemberReference member = metadata.GetMemberReference((MemberReferenceHandle)handle);
                if (member.GetKind() == MemberReferenceKind.Method) member.DecodeMethodSignature(this, null);
                else member.DecodeFieldSignature(this, null);
                string name = metadata.GetString(member.Name);
                if (member.Parent.Kind == HandleKind.TypeSpecification)
                {
                    string parent = metadata.GetTypeSpecification((TypeSpecificationHandle)member.Parent).DecodeSignature(this, null);
                    _found.Add((parent, name));
                }
                else if (member.Parent.Kind is HandleKind.TypeReference or HandleKind.TypeDefinition)
                {
                    _found.Add((NameOf(metadata, member.Parent), name));
                }
                break;
            default:
                break;
        }
    }

    /// <summary>The full name of a type definition or reference; nested types are joined with '+'.</summary>
    public static string NameOf(MetadataReader metadata, EntityHandle handle)
    {
        if (handle.Kind == HandleKind.TypeDefinition)
        {
            TypeDefinition type = metadata.GetTypeDefinition((TypeDefinitionHandle)handle);
            TypeDefinitionHandle outer = type.GetDeclaringType();
            return Join(outer.IsNil ? null : NameOf(metadata, outer), metadata.GetString(type.Namespace), metadata.GetString(type.Name));
        }
        TypeReference reference = metadata.GetTypeReference((TypeReferenceHandle)handle);
        bool nested = reference.ResolutionScope.Kind == HandleKind.TypeReference;
        return Join(
            nested ? NameOf(metadata, reference.ResolutionScope) : null,
            metadata.GetString(reference.Namespace),
            metadata.GetString(reference.Name));
    }

    public string GetTypeFromDefinition(MetadataReader reader, TypeDefinitionHandle handle, byte rawTypeKind) => Found(NameOf(reader, handle));

    public string GetTypeFromReference(MetadataReader reader, TypeReferenceHandle handle, byte rawTypeKind) => Found(NameOf(reader, handle));

    public string GetTypeFromSpecification(MetadataReader reader, object? genericContext, TypeSpecificationHandle handle, byte rawTypeKind)
        => reader.GetTypeSpecification(handle).DecodeSignature(this, genericContext);

    public string GetGenericInstantiation(string genericType, ImmutableArray<string> typeArguments) => genericType;

    public string GetPrimitiveType(PrimitiveTypeCode typeCode) => "System." + typeCode;

    public string GetSZArrayType(string elementType) => elementType;

    public string GetArrayType(string elementType, ArrayShape shape) => elementType;

    public string GetByReferenceType(string elementType) => elementType;

    public string GetPointerType(string elementType) => elementType;

    public string GetPinnedType(string elementType) => elementType;

    public string GetModifiedType(string modifier, string unmodifiedType, bool isRequired) => unmodifiedType;

    public string GetFunctionPointerType(MethodSignature<string> signature) => "System.IntPtr";

    public string GetGenericMethodParameter(object? genericContext, int index) => "!!" + index;

    public string GetGenericTypeParameter(object? genericContext, int index) => "!" + index;

    private static string Join(string? outer, string space, string name) => outer is not null ? $"{outer}+{name}" : space.Length == 0 ? name : $"{space}.{name}";

    private string Found(string type)
    {
        _found.Add((type, null));
        return type;
    }
}
