// What can go wrong, a class for each kind of problem that the server tells (RFC 9457).

using System;
using System.Text.Json;

namespace TickerQ.Client
{
    /// <summary>Anything that went wrong.</summary>
    public class TickerQException : Exception
    {
        internal TickerQException(string message, int status, JsonElement? problem, TimeSpan? retryAfter, Exception inner = null)
            : base(message, inner)
        {
            Status = status;
            Problem = problem;
            RetryAfter = retryAfter;
        }

        /// <summary>The HTTP status; 0 when there was no answer.</summary>
        public int Status { get; }

        /// <summary>The problem as the server told it.</summary>
        public JsonElement? Problem { get; }

        /// <summary>When to come back, if the server said so.</summary>
        public TimeSpan? RetryAfter { get; }

        /// <summary>The last part of the problem's type, such as <c>validation</c>.</summary>
        public string Code
        {
            get
            {
                if (Problem is JsonElement problem && problem.TryGetProperty("type", out var type))
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
                    if (body.TryGetProperty("detail", out var detail)) message = detail.GetString();
                }
            }
            catch (JsonException)
            {
                // A proxy may answer something else.
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

    /// <summary>There was no answer.</summary>
    public sealed class ConnectionException : TickerQException
    {
        internal ConnectionException(string message, Exception inner) : base(message, 0, null, null, inner) { }
    }

    /// <summary>The request has something that is not accepted (400, 415).</summary>
    public sealed class ValidationException : TickerQException { internal ValidationException(string m, int s, JsonElement? p, TimeSpan? r) : base(m, s, p, r) { } }
    /// <summary>It is not known who calls (401).</summary>
    public sealed class AuthenticationException : TickerQException { internal AuthenticationException(string m, int s, JsonElement? p, TimeSpan? r) : base(m, s, p, r) { } }
    /// <summary>The caller may not do this (403).</summary>
    public sealed class ForbiddenException : TickerQException { internal ForbiddenException(string m, int s, JsonElement? p, TimeSpan? r) : base(m, s, p, r) { } }
    /// <summary>There is no such thing (404).</summary>
    public sealed class NotFoundException : TickerQException { internal NotFoundException(string m, int s, JsonElement? p, TimeSpan? r) : base(m, s, p, r) { } }
    /// <summary>The state of the job, or of the worker, does not allow it (409).</summary>
    public sealed class ConflictException : TickerQException { internal ConflictException(string m, int s, JsonElement? p, TimeSpan? r) : base(m, s, p, r) { } }
    /// <summary>The job is not as the caller believed (412).</summary>
    public sealed class PreconditionFailedException : TickerQException { internal PreconditionFailedException(string m, int s, JsonElement? p, TimeSpan? r) : base(m, s, p, r) { } }
    /// <summary>The body is too large (413).</summary>
    public sealed class TooLargeException : TickerQException { internal TooLargeException(string m, int s, JsonElement? p, TimeSpan? r) : base(m, s, p, r) { } }
    /// <summary>The idempotency key was used for another request (422).</summary>
    public sealed class IdempotencyMismatchException : TickerQException { internal IdempotencyMismatchException(string m, int s, JsonElement? p, TimeSpan? r) : base(m, s, p, r) { } }
    /// <summary>There were too many requests (429).</summary>
    public sealed class RateLimitedException : TickerQException { internal RateLimitedException(string m, int s, JsonElement? p, TimeSpan? r) : base(m, s, p, r) { } }
    /// <summary>The server has too much to do, or can't reach its storage (503).</summary>
    public sealed class UnavailableException : TickerQException { internal UnavailableException(string m, int s, JsonElement? p, TimeSpan? r) : base(m, s, p, r) { } }
    /// <summary>The server has failed (500 and others).</summary>
    public sealed class ServerException : TickerQException { internal ServerException(string m, int s, JsonElement? p, TimeSpan? r) : base(m, s, p, r) { } }
}
