// The page itself: three embedded files put together once, and per answer a nonce, so that nothing but its own script and style can run.
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Membership.Provider.AspNetCore;

internal static class LivePage
{
    private const string Nonce = "{{nonce}}";

    // Split where the nonce goes.
    private static readonly string[] Parts = Read("page.html").Replace("{{style}}", Read("page.css"), StringComparison.Ordinal)
        .Replace("{{script}}", Read("page.js"), StringComparison.Ordinal).Split(Nonce);

    public static Task WriteAsync(HttpContext context)
    {
        string nonce = Convert.ToBase64String(RandomNumberGenerator.GetBytes(18));
        IHeaderDictionary headers = context.Response.Headers;
        headers.ContentSecurityPolicy =
            $"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self'; img-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        headers.CacheControl = "no-store";
        context.Response.ContentType = "text/html; charset=utf-8";
        return context.Response.WriteAsync(string.Join(nonce, Parts), Encoding.UTF8, context.RequestAborted);
    }

    private static string Read(string name)
    {
        using Stream stream = typeof(LivePage).Assembly.GetManifestResourceStream(name) ?? throw new InvalidOperationException($"The assembly has no resource {name}.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
