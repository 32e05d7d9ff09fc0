// Errors: one class for each kind of problem (RFC 9457).

using System;
using System.Text.Json;

namespace TickerQ.Client
{
    /// <summary>Base class of all errors of a client.</summary>
    public class TickerQException : Exception
    {
        internal TickerQException(string message, int status, JsonElement? problem, TimeSpan? retryAfter, Exception inner = null)
            : base(message, inner)
        {
            Status = status;
            Problem = problem;
            RetryAfter = retryAfter;
        }

        /// <summary>The HTTP status; 0 without a response.</summary>
        public int Status { get; }

        /// <summary>The problem of the response.</summary>
        public JsonElement? Problem { get; }

        /// <summary>The <c>Retry-After</c> of the response.</summary>
        public TimeSpan? RetryAfter { get; }

        /// <summary>The last part of the problem's type, such as <c>validation</c>.</summary>
        public string Code
        {
            get
            {
                if (Problem is JsonElement problem && problem.TryGetProperty("type", out var type) && type.ValueKind == JsonValueKind.String)
                {
                    var text = type.GetString() ?? "";
                    return text.Substring(text.LastIndexOf(':') + 1);
                }
                return null;
            }
        }

        internal static TickerQException Of(int status, string text, TimeSpan? retryAfter)
        {
            JsonElement? problem = null;
            var message = $"the server answered {status}";
            try
            {
                var body = JsonDocument.Parse(text).RootElement;
                if (body.ValueKind == JsonValueKind.Object)
                {
                    problem = body;
                    if (body.TryGetProperty("detail", out var detail) && detail.ValueKind == JsonValueKind.String) message = detail.GetString();
                }
            }
            catch (JsonException)
            {
                // A proxy's response has no problem.
            }
            switch (status)
            {
                case 400: case 415: return new ValidationException(message, status, problem, retryAfter);
                case 401: return new AuthenticationException(message, status, problem, retryAfter);
                case 403: return new ForbiddenException(message, status, problem, retryAfter);
                case 404: return new NotFoundException(message, status, problem, retryAfter);
                case 409: return new ConflictException(message, status, problem, retryAfter);
                case 412: return new PreconditionFailedException(message, status, problem, retryAfter);
                case 413: return new TooLargeException(message, status, problem, retryAfter);
                case 422: return new IdempotencyMismatchException(message, status, problem, retryAfter);
                case 429: return new RateLimitedException(message, status, problem, retryAfter);
                case 503: return new UnavailableException(message, status, problem, retryAfter);
                default: return new ServerException(message, status, problem, retryAfter);
            }
        }
    }

    /// <summary>No response: connection refused, interrupted or timed out.</summary>
    public sealed class ConnectionException : TickerQException
    {
        internal ConnectionException(string message, Exception inner) : base(message, 0, null, null, inner) { }
    }

    /// <summary>Invalid request (400, 415).</summary>
    public sealed class ValidationException : TickerQException { internal ValidationException(string m, int s, JsonElement? p, TimeSpan? r) : base(m, s, p, r) { } }
    /// <summary>Missing or invalid credentials (401).</summary>
    public sealed class AuthenticationException : TickerQException { internal AuthenticationException(string m, int s, JsonElement? p, TimeSpan? r) : base(m, s, p, r) { } }
    /// <summary>Insufficient scope (403).</summary>
    public sealed class ForbiddenException : TickerQException { internal ForbiddenException(string m, int s, JsonElement? p, TimeSpan? r) : base(m, s, p, r) { } }
    /// <summary>Not found (404).</summary>
    public sealed class NotFoundException : TickerQException { internal NotFoundException(string m, int s, JsonElement? p, TimeSpan? r) : base(m, s, p, r) { } }
    /// <summary>Conflict with the state of the job or worker (409).</summary>
    public sealed class ConflictException : TickerQException { internal ConflictException(string m, int s, JsonElement? p, TimeSpan? r) : base(m, s, p, r) { } }
    /// <summary>The revision does not match (412).</summary>
    public sealed class PreconditionFailedException : TickerQException { internal PreconditionFailedException(string m, int s, JsonElement? p, TimeSpan? r) : base(m, s, p, r) { } }
    /// <summary>The body is too large (413).</summary>
    public sealed class TooLargeException : TickerQException { internal TooLargeException(string m, int s, JsonElement? p, TimeSpan? r) : base(m, s, p, r) { } }
    /// <summary>The idempotency key was used for another request (422).</summary>
    public sealed class IdempotencyMismatchException : TickerQException { internal IdempotencyMismatchException(string m, int s, JsonElement? p, TimeSpan? r) : base(m, s, p, r) { } }
    /// <summary>Too many requests (429).</summary>
    public sealed class RateLimitedException : TickerQException { internal RateLimitedException(string m, int s, JsonElement? p, TimeSpan? r) : base(m, s, p, r) { } }
    /// <summary>The server is busy, or its storage is unavailable (503).</summary>
    public sealed class UnavailableException : TickerQException { internal UnavailableException(string m, int s, JsonElement? p, TimeSpan? r) : base(m, s, p, r) { } }
    /// <summary>Internal server error (500 and others).</summary>
    public sealed class ServerException : TickerQException { internal ServerException(string m, int s, JsonElement? p, TimeSpan? r) : base(m, s, p, r) { } }
}
