// The client: an operation of the REST API a method.

using System;
using System.Collections.Generic;
using System.Linq;
using System.Net.Http;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Threading;
using System.Threading.Tasks;

namespace TickerQ.Client
{
    /// <summary>What a job may be given beside its parameters; what is not given is as the server's configuration says.</summary>
    public class JobOptions
    {
        public string Name { get; set; }
        public string Queue { get; set; }
        /// <summary>low, normal, high or critical.</summary>
        public string Priority { get; set; }
        public TimeSpan? Delay { get; set; }
        public DateTimeOffset? RunAt { get; set; }
        public int? MaxRetries { get; set; }
        public TimeSpan? Timeout { get; set; }
        public TimeSpan? RetryDelay { get; set; }
        public string UniqueKey { get; set; }
        public string CronExpression { get; set; }

        internal Dictionary<string, object> Fields()
        {
            var fields = new Dictionary<string, object>
            {
                ["name"] = Name, ["queue"] = Queue, ["priority"] = Priority, ["delay"] = Delay?.ToString("c"),
                ["runAt"] = RunAt?.ToString("o"), ["maxRetries"] = MaxRetries, ["timeout"] = Timeout?.ToString("c"),
                ["retryDelay"] = RetryDelay?.ToString("c"), ["uniqueKey"] = UniqueKey, ["cronExpression"] = CronExpression,
            };
            return fields.Where(field => field.Value != null).ToDictionary(field => field.Key, field => field.Value);
        }
    }

    /// <summary>One execution of a job.</summary>
    public class JobAttempt
    {
        public int Attempt { get; set; }
        public DateTimeOffset StartedAt { get; set; }
        public DateTimeOffset? CompletedAt { get; set; }
        public string Status { get; set; }
        public string Duration { get; set; }
        public string Error { get; set; }
        public string ErrorDetail { get; set; }
        public string Node { get; set; }
        public string Worker { get; set; }
    }

    /// <summary>A job with everything that is known of it.</summary>
    public class JobDetails
    {
        public string Id { get; set; }
        public string JobId { get; set; }
        public string Name { get; set; }
        public string Type { get; set; }
        public string Queue { get; set; }
        public string Status { get; set; }
        public string Priority { get; set; }
        public DateTimeOffset CreatedAt { get; set; }
        public DateTimeOffset RunAt { get; set; }
        public DateTimeOffset? ExecutedAt { get; set; }
        public DateTimeOffset? CompletedAt { get; set; }
        public string Duration { get; set; }
        public int Attempt { get; set; }
        public int RetryCount { get; set; }
        public int MaxRetries { get; set; }
        public JsonElement Parameters { get; set; }
        public JsonElement Result { get; set; }
        public string Error { get; set; }
        public string ErrorDetail { get; set; }
        public List<JobAttempt> ExecutionHistory { get; set; }
        public string UniqueKey { get; set; }
        public string RecurringJobId { get; set; }
        public bool CancelRequested { get; set; }
        public JsonElement Progress { get; set; }
        public JsonElement Log { get; set; }
        public int Revision { get; set; }

        /// <summary>Whether it has completed, failed or was cancelled.</summary>
        public bool IsFinished => Status == "completed" || Status == "failed" || Status == "cancelled";
    }

    /// <summary>A client of one server.</summary>
    public sealed class TickerQDashboardClient
    {
        private static readonly HttpClient Shared = new HttpClient { Timeout = Timeout.InfiniteTimeSpan };
        private static readonly Random Dice = new Random();
        private static readonly TimeSpan WaitMax = TimeSpan.FromSeconds(10);

        internal static readonly JsonSerializerOptions Json = new JsonSerializerOptions
        {
            PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        };

        private readonly HttpClient _http;
        private readonly string _apiKey;
        private readonly int _retries;
        private readonly TimeSpan _timeout;

        /// <summary>A client of the server at this address, with this key or token.</summary>
        public TickerQDashboardClient(string baseUrl, string apiKey = null, HttpClient httpClient = null, int retries = 3, TimeSpan? timeout = null, string basePath = "/api/tickerq")
        {
            Root = baseUrl.TrimEnd('/') + basePath;
            _http = httpClient ?? Shared;
            _apiKey = apiKey;
            _retries = retries;
            _timeout = timeout ?? TimeSpan.FromSeconds(30);
        }

        internal string Root { get; }
        internal string ApiKey => _apiKey;

        internal static TimeSpan Backoff(int attempt)
        {
            double part;
            lock (Dice) part = 0.5 + Dice.NextDouble() / 2;
            return TimeSpan.FromMilliseconds(Math.Min(100 * Math.Pow(2, attempt), WaitMax.TotalMilliseconds) * part);
        }

        /// <summary>Any request. It is sent again when there was no answer, if that can do no harm, and when the server said
        /// that it has done nothing.</summary>
        public async Task<JsonElement> SendAsync(HttpMethod method, string path, object body = null, bool? safe = null, string idempotencyKey = null, int? revision = null, TimeSpan? timeout = null, int? retries = null, CancellationToken cancellation = default)
        {
            var isSafe = safe ?? (method != HttpMethod.Post || idempotencyKey != null);
            var text = body == null ? null : JsonSerializer.Serialize(body, Json);
            for (var attempt = 0; ; attempt += 1)
            {
                TimeSpan wait;
                try
                {
                    return await SendOnceAsync(method, path, text, idempotencyKey, revision, timeout ?? _timeout, cancellation).ConfigureAwait(false);
                }
                catch (TickerQException error)
                {
                    wait = Backoff(attempt);
                    if (error.RetryAfter > wait) wait = error.RetryAfter.Value;
                    var again = error is ConnectionException ? isSafe
                        // The server has done nothing, and says so; of `unavailable` it does not know.
                        : error.Status == 429 || error.Code == "busy" || (error.Status == 503 && isSafe);
                    if (attempt >= (retries ?? _retries) || wait > WaitMax || !again) throw;
                }
                await Task.Delay(wait, cancellation).ConfigureAwait(false);
            }
        }

        private async Task<JsonElement> SendOnceAsync(HttpMethod method, string path, string body, string key, int? revision, TimeSpan timeout, CancellationToken cancellation)
        {
            using var request = new HttpRequestMessage(method, Root + path);
            request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
            if (!string.IsNullOrEmpty(_apiKey)) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", _apiKey);
            if (key != null) request.Headers.TryAddWithoutValidation("Idempotency-Key", $"\"{key}\"");
            if (revision != null) request.Headers.TryAddWithoutValidation("If-Match", $"\"{revision}\"");
            if (body != null) request.Content = new StringContent(body, Encoding.UTF8, "application/json");
            using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            over.CancelAfter(timeout);
            string answer;
            HttpResponseMessage response;
            try
            {
                response = await _http.SendAsync(request, over.Token).ConfigureAwait(false);
                answer = await response.Content.ReadAsStringAsync().ConfigureAwait(false);
            }
            catch (Exception error) when (error is HttpRequestException || error is System.IO.IOException || (error is OperationCanceledException && !cancellation.IsCancellationRequested))
            {
                throw new ConnectionException($"{method} {path}: {error.Message}", error);
            }
            using (response)
            {
                if (!response.IsSuccessStatusCode)
                {
                    throw TickerQException.Of((int)response.StatusCode, answer, response.Headers.RetryAfter?.Delta);
                }
                return answer.Length == 0 ? default : JsonDocument.Parse(answer).RootElement;
            }
        }

        private static T Read<T>(JsonElement element) => JsonSerializer.Deserialize<T>(element.GetRawText(), Json);

        private static string At(string part) => "/" + Uri.EscapeDataString(part);

        private static string Query(IEnumerable<KeyValuePair<string, string>> query)
        {
            var parts = (query ?? Enumerable.Empty<KeyValuePair<string, string>>()).Where(part => part.Value != null).Select(part => $"{part.Key}={Uri.EscapeDataString(part.Value)}").ToList();
            return parts.Count == 0 ? "" : "?" + string.Join("&", parts);
        }

        private Task<JsonElement> Get(string path) => SendAsync(HttpMethod.Get, path);

        private static readonly HttpMethod Patch = new HttpMethod("PATCH");

        // Jobs

        /// <summary>A job with all its attempts.</summary>
        public async Task<JobDetails> GetJobAsync(string jobId) => Read<JobDetails>(await Get("/jobs" + At(jobId)).ConfigureAwait(false));

        /// <summary>Stores a job to be run, of the type that is called as the class of its data; gives its id.</summary>
        public async Task<string> ScheduleJobAsync<T>(T jobData, JobOptions options = null)
        {
            return (await CreateJobAsync(typeof(T).Name, jobData, options).ConfigureAwait(false)).JobId;
        }

        /// <summary>Stores a job of any type to be run.</summary>
        public async Task<JobDetails> CreateJobAsync(string type, object parameters = null, JobOptions options = null, string idempotencyKey = null)
        {
            var body = (options ?? new JobOptions()).Fields();
            body["type"] = type;
            body["parameters"] = parameters;
            return Read<JobDetails>(await SendAsync(HttpMethod.Post, "/jobs", body, idempotencyKey: idempotencyKey ?? Guid.NewGuid().ToString()).ConfigureAwait(false));
        }

        /// <summary>Stores several jobs, all or none: the fields of each as the API has them.</summary>
        public Task<JsonElement> ScheduleJobsAsync(IEnumerable<object> jobs, string idempotencyKey = null) => SendAsync(HttpMethod.Post, "/jobs/batch", new { jobs = jobs.ToList() }, idempotencyKey: idempotencyKey ?? Guid.NewGuid().ToString());

        /// <summary>A page: <c>jobs</c>, <c>totalCount</c>, <c>hasMore</c>.</summary>
        public Task<JsonElement> GetJobsAsync(IDictionary<string, string> filter = null) => Get("/jobs" + Query(filter));

        /// <summary>Waits until a job has ended, and gives it.</summary>
        public async Task<JobDetails> WaitForJobAsync(string jobId, CancellationToken cancellation = default)
        {
            for (; ; )
            {
                var job = await GetJobAsync(jobId).ConfigureAwait(false);
                if (job.IsFinished) return job;
                await Task.Delay(250, cancellation).ConfigureAwait(false);
            }
        }

        /// <summary>Changes a pending job; if a revision is given, only while it has that one.</summary>
        public async Task<JobDetails> UpdateJobAsync(string jobId, JobOptions changes, int? revision = null) => Read<JobDetails>(await SendAsync(Patch, "/jobs" + At(jobId), changes.Fields(), revision: revision).ConfigureAwait(false));

        /// <summary>Deletes a finished job and its history.</summary>
        public Task DeleteJobAsync(string jobId) => SendAsync(HttpMethod.Delete, "/jobs" + At(jobId));

        /// <summary>Makes a pending job due, or queues a finished one again.</summary>
        public async Task<JobDetails> ExecuteJobAsync(string jobId, string priority = null, TimeSpan? delay = null) => Read<JobDetails>(await SendAsync(HttpMethod.Post, $"/jobs{At(jobId)}/execute", new JobOptions { Priority = priority, Delay = delay }.Fields()).ConfigureAwait(false));

        /// <summary>Cancels a pending job, or tells a running one to stop.</summary>
        public async Task<JobDetails> CancelJobAsync(string jobId) => Read<JobDetails>(await SendAsync(HttpMethod.Post, $"/jobs{At(jobId)}/cancel").ConfigureAwait(false));

        /// <summary>Makes a failed or cancelled job pending again.</summary>
        public async Task<JobDetails> RetryJobAsync(string jobId, bool resetRetryCount = false) => Read<JobDetails>(await SendAsync(HttpMethod.Post, $"/jobs{At(jobId)}/retry", new { resetRetryCount }).ConfigureAwait(false));

        // Recurring jobs

        public Task<JsonElement> GetRecurringJobsAsync(int limit = 50, int offset = 0) => Get($"/jobs/recurring?limit={limit}&offset={offset}");
        public Task<JsonElement> ScheduleRecurringJobAsync(object recurring, string idempotencyKey = null) => SendAsync(HttpMethod.Post, "/jobs/recurring", recurring, idempotencyKey: idempotencyKey ?? Guid.NewGuid().ToString());
        public Task<JsonElement> GetRecurringJobAsync(string id) => Get("/jobs/recurring" + At(id));
        public Task<JsonElement> ReplaceRecurringJobAsync(string id, object recurring, int? revision = null) => SendAsync(HttpMethod.Put, "/jobs/recurring" + At(id), recurring, revision: revision);
        public Task<JsonElement> UpdateRecurringJobAsync(string id, object changes, int? revision = null) => SendAsync(Patch, "/jobs/recurring" + At(id), changes, revision: revision);
        public Task DeleteRecurringJobAsync(string id) => SendAsync(HttpMethod.Delete, "/jobs/recurring" + At(id));
        public Task<JsonElement> EnableRecurringJobAsync(string id) => SendAsync(HttpMethod.Post, $"/jobs/recurring{At(id)}/enable", safe: true);
        public Task<JsonElement> DisableRecurringJobAsync(string id) => SendAsync(HttpMethod.Post, $"/jobs/recurring{At(id)}/disable", safe: true);
        public async Task<JobDetails> TriggerRecurringJobAsync(string id) => Read<JobDetails>(await SendAsync(HttpMethod.Post, $"/jobs/recurring{At(id)}/trigger").ConfigureAwait(false));

        // Queues, metrics, the server

        public Task<JsonElement> GetQueuesAsync() => Get("/queues");
        public Task<JsonElement> GetQueueAsync(string name) => Get("/queues" + At(name));
        public Task<JsonElement> PauseQueueAsync(string name) => SendAsync(HttpMethod.Post, $"/queues{At(name)}/pause", safe: true);
        public Task<JsonElement> ResumeQueueAsync(string name) => SendAsync(HttpMethod.Post, $"/queues{At(name)}/resume", safe: true);
        public Task<JsonElement> ClearQueueAsync(string name, bool clearPending = true, bool clearFailed = false) => SendAsync(HttpMethod.Post, $"/queues{At(name)}/clear", new { clearPending, clearFailed });
        public Task<JsonElement> GetSystemMetricsAsync() => Get("/metrics/system");
        public Task<JsonElement> GetPerformanceMetricsAsync(IDictionary<string, string> period = null) => Get("/metrics/performance" + Query(period));
        public Task<JsonElement> GetJobTypeMetricsAsync(IDictionary<string, string> period = null) => Get("/metrics/job-types" + Query(period));
        public Task<JsonElement> GetNodesAsync() => Get("/nodes");
        public Task<JsonElement> GetLogLevelAsync() => Get("/log-level");
        public Task<JsonElement> SetLogLevelAsync(string level) => SendAsync(HttpMethod.Put, "/log-level", new { level });
        public Task<JsonElement> GetWorkersAsync() => Get("/workers");
        public Task<JsonElement> GetAuditAsync(IDictionary<string, string> filter = null) => Get("/audit" + Query(filter));
    }
}
