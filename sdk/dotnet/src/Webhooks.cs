// Verification of webhooks.

using System.Security.Cryptography;
using System.Text;

namespace TickerQ.Client
{
    /// <summary>Verifies webhooks.</summary>
    public static class Webhooks
    {
        /// <summary>The HMAC-SHA256 of a body's exact bytes in lower-case hex, as in the header.</summary>
        public static string ComputeHmacSha256(byte[] body, string secret)
        {
            using var hmac = new HMACSHA256(Encoding.UTF8.GetBytes(secret));
            var text = new StringBuilder();
            foreach (var part in hmac.ComputeHash(body)) text.Append(part.ToString("x2"));
            return text.ToString();
        }

        /// <summary>True if this <c>X-TickerQ-Signature</c> signs the exact bytes of a body. Compares in constant
        /// time.</summary>
        public static bool Verify(byte[] body, string signature, string secret)
        {
            var expected = "sha256=" + ComputeHmacSha256(body, secret);
            if (signature == null || signature.Length != expected.Length) return false;
            var difference = 0;
            for (var index = 0; index < expected.Length; index += 1) difference |= expected[index] ^ signature[index];
            return difference == 0;
        }
    }
}
