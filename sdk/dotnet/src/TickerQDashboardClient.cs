// The client: one method for each operation of the REST API.

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
    public partial class JobOptions
    {
        /// <summary>Makes it a recurring job.</summary>
        public string CronExpression { get; set; }
    }

    public partial class JobDetails
    {
        /// <summary>Whether it is completed, failed or cancelled.</summary>
        public bool IsFinished => Status == "completed" || Status == "failed" || Status == "cancelled";
    }

    /// <summary>A client of one server. Disposing it ends its subscriptions; an HTTP client of the program stays open.</summary>
    public sealed class TickerQDashboardClient : IDisposable
    {
        private static readonly HttpClient Shared = new HttpClient { Timeout = Timeout.InfiniteTimeSpan };
        private static readonly Random Dice = new Random();
        private static readonly TimeSpan WaitMax = TimeSpan.FromSeconds(10);
        /// <summary>A longer <c>Retry-After</c> is cut.</summary>
        private static readonly TimeSpan RetryAfterMax = TimeSpan.FromDays(1);

        private readonly HashSet<TickerQSubscription> _subscriptions = new HashSet<TickerQSubscription>();
        private readonly HttpClient _http;
        private readonly string _apiKey;
        private readonly int _retries;
        private readonly TimeSpan _timeout;

        /// <summary>A client of the server at this address, with this key or token.</summary>
        public TickerQDashboardClient(string baseUrl, string apiKey = null, HttpClient httpClient = null, int retries = 3, TimeSpan? timeout = null, string basePath = "/api/tickerq")
        {
            Base = baseUrl.TrimEnd('/');
            Root = Base + basePath;
            _http = httpClient ?? Shared;
            _apiKey = apiKey;
            _retries = retries;
            _timeout = timeout ?? TimeSpan.FromSeconds(30);
        }

        internal string Base { get; }
        internal string Root { get; }

        /// <summary>Ends the subscriptions of this client.</summary>
        public void Dispose() => CloseSubscriptions();

        /// <summary>Ends the subscriptions of this client.</summary>
        public void CloseSubscriptions()
        {
            TickerQSubscription[] all;
            lock (_subscriptions) all = _subscriptions.ToArray();
            foreach (var subscription in all) subscription.Dispose();
        }

        internal void Add(TickerQSubscription subscription) { lock (_subscriptions) _subscriptions.Add(subscription); }

        internal void Remove(TickerQSubscription subscription) { lock (_subscriptions) _subscriptions.Remove(subscription); }

        internal string ApiKey => _apiKey;

        internal static TimeSpan Backoff(int attempt)
        {
            double part;
            lock (Dice) part = 0.5 + Dice.NextDouble() / 2;
            return TimeSpan.FromMilliseconds(Math.Min(100 * Math.Pow(2, attempt), WaitMax.TotalMilliseconds) * part);
        }

        /// <summary>Sends any request, for operations without a method. It is retried after a connection failure if it is
        /// idempotent (<paramref name="safe"/>), and when the server reports that it has done nothing.
        /// <paramref name="atBase"/> requests a path beside the API.</summary>
        public async Task<JsonElement> SendAsync(HttpMethod method, string path, object body = null, bool? safe = null, string idempotencyKey = null, int? revision = null, TimeSpan? timeout = null, int? retries = null, bool atBase = false, CancellationToken cancellation = default)
        {
            var isSafe = safe ?? (method != HttpMethod.Post || idempotencyKey != null);
            var text = body == null ? null : JsonSerializer.Serialize(body, Wire.Values);
            for (var attempt = 0; ; attempt += 1)
            {
                TimeSpan wait;
                try
                {
                    return await SendOnceAsync(method, (atBase ? Base : Root) + path, text, idempotencyKey, revision, timeout ?? _timeout, cancellation).ConfigureAwait(false);
                }
                catch (TickerQException error)
                {
                    wait = Backoff(attempt);
                    if (error.RetryAfter > wait) wait = error.RetryAfter.Value;
                    var again = error is ConnectionException ? isSafe
                        // `busy` means that the request had no effect; with `unavailable` that is unknown.
                        : error.Status == 429 || error.Code == "busy" || (error.Status == 503 && isSafe);
                    if (attempt >= (retries ?? _retries) || wait > WaitMax || !again) throw;
                }
                await Task.Delay(wait, cancellation).ConfigureAwait(false);
            }
        }

        private async Task<JsonElement> SendOnceAsync(HttpMethod method, string url, string body, string key, int? revision, TimeSpan timeout, CancellationToken cancellation)
        {
            using var request = new HttpRequestMessage(method, url);
            request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
            if (!string.IsNullOrEmpty(_apiKey)) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", _apiKey);
            if (key != null) request.Headers.TryAddWithoutValidation("Idempotency-Key", $"\"{key}\"");
            if (revision != null) request.Headers.TryAddWithoutValidation("If-Match", $"\"{revision}\"");
            if (body != null) request.Content = new StringContent(body, Encoding.UTF8, "application/json");
            using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            over.CancelAfter(timeout);
            string text;
            HttpResponseMessage response;
            try
            {
                response = await _http.SendAsync(request, over.Token).ConfigureAwait(false);
                text = await response.Content.ReadAsStringAsync().ConfigureAwait(false);
            }
            catch (Exception error) when (error is HttpRequestException || error is System.IO.IOException || (error is OperationCanceledException && !cancellation.IsCancellationRequested))
            {
                throw new ConnectionException($"{method} {url}: {(error.InnerException ?? error).Message}", error);
            }
            using (response)
            {
                if (!response.IsSuccessStatusCode)
                {
                    var retryAfter = response.Headers.RetryAfter?.Delta;
                    if (retryAfter > RetryAfterMax) retryAfter = RetryAfterMax;
                    throw TickerQException.Of((int)response.StatusCode, text, retryAfter);
                }
                return text.Length == 0 ? default : Parse(text, $"{method} {url}", (int)response.StatusCode);
            }
        }

        private static JsonElement Parse(string text, string what, int status)
        {
            try
            {
                return JsonDocument.Parse(text).RootElement;
            }
            catch (JsonException)
            {
                // Usually the response of a proxy.
                throw new ServerException($"{what}: the response is not JSON: {text.Substring(0, Math.Min(text.Length, 80))}", status, null, null);
            }
        }

        private static string At(string part) => "/" + Uri.EscapeDataString(part);

        private async Task<T> Get<T>(string path) where T : class => Wire.ResponseOf<T>(await SendAsync(HttpMethod.Get, path).ConfigureAwait(false));

        private async Task<T> Post<T>(string path, object body = null, bool? safe = null, int? revision = null, string idempotencyKey = null) where T : class => Wire.ResponseOf<T>(await SendAsync(HttpMethod.Post, path, body, safe, idempotencyKey, revision).ConfigureAwait(false));

        private async Task<T> Change<T>(HttpMethod method, string path, object body, int? revision) where T : class => Wire.ResponseOf<T>(await SendAsync(method, path, body, revision: revision).ConfigureAwait(false));

        private static string NewKey() => Guid.NewGuid().ToString();

        private static readonly HttpMethod Patch = new HttpMethod("PATCH");

        // Jobs

        /// <summary>A job with all its attempts.</summary>
        public Task<JobDetails> GetJobAsync(string jobId) => Get<JobDetails>("/jobs" + At(jobId));

        /// <summary>Numbers of the jobs by the values of a field: <c>status</c>, <c>type</c>, <c>queue</c>, <c>priority</c> or <c>tag</c>.</summary>
        public async Task<List<JobFacetValue>> CountJobsAsync(string by, string filter = null) =>
            (await Get<JobFacets>("/jobs/facets?by=" + Uri.EscapeDataString(by) + (filter == null ? "" : "&filter=" + Uri.EscapeDataString(filter))).ConfigureAwait(false)).Facets[0].Values;

        /// <summary>The reasons why a job does not run, or its state.</summary>
        public Task<Explanation> ExplainJobAsync(string jobId) => Get<Explanation>($"/jobs{At(jobId)}/explain");

        /// <summary>Creates a job whose type is the name of the class of its data; returns its id.</summary>
        public async Task<string> ScheduleJobAsync<T>(T jobData, JobOptions options = null) => (await CreateJobAsync(typeof(T).Name, jobData, options).ConfigureAwait(false)).JobId;

        /// <summary>Creates a job of any type.</summary>
        public Task<JobDetails> CreateJobAsync(string type, object parameters = null, JobOptions options = null, string idempotencyKey = null)
        {
            var body = Wire.Fields(options);
            body["type"] = type;
            body["parameters"] = parameters;
            return Post<JobDetails>("/jobs", body, idempotencyKey: idempotencyKey ?? NewKey());
        }

        /// <summary>Creates several jobs, all or none. <c>Missing</c> of the response: with a repeated key, the jobs that have been
        /// removed since.</summary>
        public Task<Batch> ScheduleJobsAsync(IEnumerable<NewJob> jobs, string idempotencyKey = null) => Post<Batch>("/jobs/batch", new { jobs = jobs.Select(Wire.Fields).ToList() }, idempotencyKey: idempotencyKey ?? NewKey());

        /// <summary>A page of the jobs that match a filter, newest first.</summary>
        public Task<JobList> GetJobsAsync(JobFilter filter = null) => Get<JobList>("/jobs" + Query.Of(filter));

        /// <summary>Jobs that have changed since a cursor, if the server keeps a change feed.</summary>
        public Task<JobChanges> GetJobChangesAsync(string after = null, int limit = 100) => Get<JobChanges>($"/jobs/changes?limit={limit}" + (after == null ? "" : "&after=" + Uri.EscapeDataString(after)));

        /// <summary>Waits until a job has finished, and returns it.</summary>
        public async Task<JobDetails> WaitForJobAsync(string jobId, CancellationToken cancellation = default)
        {
            for (; ; )
            {
                var job = await GetJobAsync(jobId).ConfigureAwait(false);
                if (job.IsFinished) return job;
                await Task.Delay(250, cancellation).ConfigureAwait(false);
            }
        }

        /// <summary>Changes a pending job; fails if it does not have the given revision.</summary>
        public Task<JobDetails> UpdateJobAsync(string jobId, JobUpdate changes, int? revision = null) => Change<JobDetails>(Patch, "/jobs" + At(jobId), Wire.Fields(changes), revision);

        /// <summary>Deletes a finished job and its history.</summary>
        public Task DeleteJobAsync(string jobId, int? revision = null) => SendAsync(HttpMethod.Delete, "/jobs" + At(jobId), revision: revision);

        /// <summary>Makes a pending job due, or queues a finished one again.</summary>
        public Task<JobDetails> ExecuteJobAsync(string jobId, string priority = null, TimeSpan? delay = null) => Post<JobDetails>($"/jobs{At(jobId)}/execute", Wire.Fields(new JobOptions { Priority = priority, Delay = delay }));

        /// <summary>Cancels a pending job, or requests that a running one stops: then <c>CancelRequested</c> is true.</summary>
        public Task<JobDetails> CancelJobAsync(string jobId) => Post<JobDetails>($"/jobs{At(jobId)}/cancel");

        /// <summary>Makes a failed or cancelled job pending again.</summary>
        public Task<JobDetails> RetryJobAsync(string jobId, bool resetRetryCount = false) => Post<JobDetails>($"/jobs{At(jobId)}/retry", new { resetRetryCount });

        // Recurring jobs

        /// <summary>A page of the recurring jobs, newest first.</summary>
        public Task<RecurringJobList> GetRecurringJobsAsync(RecurringFilter filter) => Get<RecurringJobList>("/jobs/recurring" + Query.Of(filter));

        /// <summary>A page of the recurring jobs, newest first.</summary>
        public Task<RecurringJobList> GetRecurringJobsAsync(int limit = 50, int offset = 0) => Get<RecurringJobList>($"/jobs/recurring?limit={limit}&offset={offset}");

        /// <summary>Creates a recurring job.</summary>
        public Task<RecurringJob> ScheduleRecurringJobAsync(string type, string cronExpression, RecurringOptions options = null, string idempotencyKey = null) => Post<RecurringJob>("/jobs/recurring", Recurring(type, cronExpression, options), idempotencyKey: idempotencyKey ?? NewKey());

        /// <summary>A recurring job.</summary>
        public Task<RecurringJob> GetRecurringJobAsync(string id) => Get<RecurringJob>("/jobs/recurring" + At(id));

        /// <summary>Replaces a recurring job.</summary>
        public Task<RecurringJob> ReplaceRecurringJobAsync(string id, string type, string cronExpression, RecurringOptions options = null, int? revision = null) => Change<RecurringJob>(HttpMethod.Put, "/jobs/recurring" + At(id), Recurring(type, cronExpression, options), revision);

        /// <summary>Changes a recurring job.</summary>
        public Task<RecurringJob> UpdateRecurringJobAsync(string id, RecurringUpdate changes, int? revision = null) => Change<RecurringJob>(Patch, "/jobs/recurring" + At(id), Wire.Fields(changes), revision);

        /// <summary>Deletes a recurring job; its occurrences stay.</summary>
        public Task DeleteRecurringJobAsync(string id) => SendAsync(HttpMethod.Delete, "/jobs/recurring" + At(id));

        /// <summary>The recurring job with this key.</summary>
        public Task<RecurringJob> GetRecurringJobByKeyAsync(string key) => Get<RecurringJob>("/jobs/recurring/by-key" + At(key));

        /// <summary>Creates the recurring job with this key, or replaces it: a repeated deployment creates no second one.</summary>
        public Task<RecurringJob> PutRecurringJobByKeyAsync(string key, string type, string cronExpression, RecurringOptions options = null, int? revision = null) => Change<RecurringJob>(HttpMethod.Put, "/jobs/recurring/by-key" + At(key), Recurring(type, cronExpression, options), revision);

        /// <summary>Deletes the recurring job with this key; its occurrences stay.</summary>
        public Task DeleteRecurringJobByKeyAsync(string key) => SendAsync(HttpMethod.Delete, "/jobs/recurring/by-key" + At(key));

        /// <summary>Resumes the occurrences of a recurring job.</summary>
        public Task<RecurringJob> EnableRecurringJobAsync(string id) => Post<RecurringJob>($"/jobs/recurring{At(id)}/enable", safe: true);

        /// <summary>Suspends the occurrences of a recurring job.</summary>
        public Task<RecurringJob> DisableRecurringJobAsync(string id) => Post<RecurringJob>($"/jobs/recurring{At(id)}/disable", safe: true);

        /// <summary>Creates one occurrence of a recurring job now, and returns it.</summary>
        public Task<JobDetails> TriggerRecurringJobAsync(string id) => Post<JobDetails>($"/jobs/recurring{At(id)}/trigger");

        private static Dictionary<string, object> Recurring(string type, string cronExpression, RecurringOptions options)
        {
            var body = Wire.Fields(options);
            body["type"] = type;
            body["cronExpression"] = cronExpression;
            return body;
        }

        // Queues, metrics, the server

        /// <summary>All queues.</summary>
        public async Task<List<QueueDetails>> GetQueuesAsync(bool overview = false) => (await Get<QueueList>("/queues" + (overview ? "?overview=true" : "")).ConfigureAwait(false)).Queues;

        /// <summary>The next times of a cron expression, with notes on clock changes.</summary>
        public Task<SchedulePreview> PreviewScheduleAsync(string cronExpression, PreviewOptions options = null)
        {
            var query = Query.Of(options);
            return Get<SchedulePreview>("/jobs/recurring/preview" + query + (query.Length == 0 ? "?" : "&") + "cronExpression=" + Uri.EscapeDataString(cronExpression));
        }

        /// <summary>The future due times of all recurring jobs, by hour and queue.</summary>
        public Task<Upcoming> GetUpcomingAsync(UpcomingFilter range = null) => Get<Upcoming>("/jobs/recurring/upcoming" + Query.Of(range));

        /// <summary>A queue, with its state for operators if <paramref name="overview"/> is true.</summary>
        public Task<QueueDetails> GetQueueAsync(string name, bool overview = false) => Get<QueueDetails>("/queues" + At(name) + (overview ? "?overview=true" : ""));

        /// <summary>The reasons why the pending jobs of a queue do not run, with their numbers of jobs.</summary>
        public Task<QueueExplanation> ExplainQueueAsync(string name) => Get<QueueExplanation>($"/queues{At(name)}/explain");

        /// <summary>Pauses a queue: no further job starts.</summary>
        public Task<QueueDetails> PauseQueueAsync(string name) => Post<QueueDetails>($"/queues{At(name)}/pause", safe: true);

        /// <summary>Resumes a queue.</summary>
        public Task<QueueDetails> ResumeQueueAsync(string name) => Post<QueueDetails>($"/queues{At(name)}/resume", safe: true);

        /// <summary>Deletes the pending jobs of a queue, the failed ones, or both.</summary>
        public Task<ClearedQueueDetails> ClearQueueAsync(string name, bool clearPending = true, bool clearFailed = false) => Post<ClearedQueueDetails>($"/queues{At(name)}/clear", new { clearPending, clearFailed });

        /// <summary>Deletes a queue that has no unfinished jobs and is not configured.</summary>
        public Task DeleteQueueAsync(string name) => SendAsync(HttpMethod.Delete, "/queues" + At(name));

        /// <summary>Health, load and memory of the server.</summary>
        public Task<SystemOverview> GetSystemMetricsAsync() => Get<SystemOverview>("/metrics/system");

        /// <summary>Outcomes and durations of jobs.</summary>
        public Task<PerformanceMetrics> GetPerformanceMetricsAsync(PerformanceFilter period = null) => Get<PerformanceMetrics>("/metrics/performance" + Query.Of(period));

        /// <summary>The same by job type.</summary>
        public async Task<List<JobTypeMetrics>> GetJobTypeMetricsAsync(PeriodFilter period = null) => (await Get<JobTypeAnalytics>("/metrics/job-types" + Query.Of(period)).ConfigureAwait(false)).JobTypes;

        /// <summary>A time series.</summary>
        public Task<ActivitySeries> GetActivityAsync(ActivityFilter series = null) => Get<ActivitySeries>("/metrics/activity" + Query.Of(series));

        /// <summary>Histograms of run and wait times.</summary>
        public Task<DurationDistribution> GetDurationsAsync(PeriodFilter period = null) => Get<DurationDistribution>("/metrics/durations" + Query.Of(period));

        /// <summary>Kinds of failures.</summary>
        public async Task<List<Failure>> GetFailuresAsync(FailuresFilter filter = null) => (await Get<FailureList>("/metrics/failures" + Query.Of(filter)).ConfigureAwait(false)).Failures;

        /// <summary>A kind of failures in detail.</summary>
        public Task<FailureDetail> GetFailureAsync(string fingerprint, FailureFilter period = null) => Get<FailureDetail>("/metrics/failures" + At(fingerprint) + Query.Of(period));

        /// <summary>The caller: its name, scopes, rate limit and expiry.</summary>
        public Task<Me> GetMeAsync() => Get<Me>("/me");

        /// <summary>The server that responds: its version, features, paths and limits.</summary>
        public Task<ServerInfo> GetServerAsync() => Get<ServerInfo>("/server");

        /// <summary>The servers that share the storage.</summary>
        public async Task<List<NodeDetails>> GetNodesAsync() => (await Get<NodeList>("/nodes").ConfigureAwait(false)).Nodes;

        /// <summary>Drains a node: it starts no new jobs until it is resumed or restarted; its running jobs continue.</summary>
        public Task<NodeDetails> DrainNodeAsync(string nodeId) => Post<NodeDetails>($"/nodes{At(nodeId)}/drain", safe: true);

        /// <summary>Resumes a node that drains.</summary>
        public Task<NodeDetails> ResumeNodeAsync(string nodeId) => Post<NodeDetails>($"/nodes{At(nodeId)}/resume", safe: true);

        /// <summary>Counts the jobs that an operation would change, and returns a token that starts it. <c>spec</c> has the members <c>queue</c>, <c>priority</c>, <c>resetRetryCount</c>.</summary>
        public Task<OperationPreview> PreviewOperationAsync(string kind, string filter, object spec = null, bool all = false) => Post<OperationPreview>("/operations/preview", new { kind, filter, all, spec }, safe: true);

        /// <summary>Starts a previewed operation, after a grace period.</summary>
        public Task<Operation> StartOperationAsync(string token, TimeSpan? grace = null, string note = null) => Post<Operation>("/operations", new { token, grace, note }, safe: true);

        /// <summary>The bulk operations, the newest first.</summary>
        public Task<OperationList> GetOperationsAsync(OperationFilter page = null) => Get<OperationList>("/operations" + Query.Of(page));

        /// <summary>A bulk operation with its progress.</summary>
        public Task<Operation> GetOperationAsync(string operationId) => Get<Operation>($"/operations{At(operationId)}");

        /// <summary>Stops an operation until it is resumed.</summary>
        public Task<Operation> PauseOperationAsync(string operationId) => Post<Operation>($"/operations{At(operationId)}/pause", safe: true);

        /// <summary>Continues a paused operation.</summary>
        public Task<Operation> ResumeOperationAsync(string operationId) => Post<Operation>($"/operations{At(operationId)}/resume", safe: true);

        /// <summary>Ends an operation; changed jobs stay as they are.</summary>
        public Task<Operation> CancelOperationAsync(string operationId) => Post<Operation>($"/operations{At(operationId)}/cancel", safe: true);

        /// <summary>Starts the operation that restores what another one has replaced.</summary>
        public Task<Operation> UndoOperationAsync(string operationId) => Post<Operation>($"/operations{At(operationId)}/undo");

        /// <summary>The log level of this server.</summary>
        public Task<ServerLogLevel> GetLogLevelAsync() => Get<ServerLogLevel>("/log-level");

        /// <summary>Sets the log level of this server until it restarts.</summary>
        public Task<ServerLogLevel> SetLogLevelAsync(string level) => Change<ServerLogLevel>(HttpMethod.Put, "/log-level", new { level }, null);

        /// <summary>The audit log.</summary>
        public Task<AuditList> GetAuditAsync(AuditFilter filter = null) => Get<AuditList>("/audit" + Query.Of(filter));

        /// <summary>Liveness.</summary>
        public async Task<ServerHealth> GetHealthAsync() => Wire.ResponseOf<ServerHealth>(await SendAsync(HttpMethod.Get, "/healthz", atBase: true).ConfigureAwait(false));

        /// <summary>Readiness and the reasons against it; also succeeds while the server is unhealthy.</summary>
        public async Task<ServerHealth> GetReadinessAsync()
        {
            try
            {
                return Wire.ResponseOf<ServerHealth>(await SendAsync(HttpMethod.Get, "/readyz", retries: 0, atBase: true).ConfigureAwait(false));
            }
            catch (UnavailableException error) when (error.Problem is JsonElement health && health.TryGetProperty("systemHealth", out _))
            {
                return Wire.ResponseOf<ServerHealth>(error.Problem.Value);
            }
        }

        // Webhooks

        /// <summary>All endpoints.</summary>
        public async Task<List<WebhookEndpoint>> GetWebhookEndpointsAsync() => (await Get<WebhookEndpointList>("/webhooks/endpoints").ConfigureAwait(false)).Endpoints;

        /// <summary>Creates an endpoint. Only this response has its <c>Secret</c>.</summary>
        public Task<WebhookEndpoint> CreateWebhookEndpointAsync(string url, WebhookEndpointOptions options = null)
        {
            var body = Wire.Fields(options);
            body["url"] = url;
            return Post<WebhookEndpoint>("/webhooks/endpoints", body);
        }

        /// <summary>An endpoint.</summary>
        public Task<WebhookEndpoint> GetWebhookEndpointAsync(string id) => Get<WebhookEndpoint>("/webhooks/endpoints" + At(id));

        /// <summary>Changes an endpoint; fails if it does not have the given revision.</summary>
        public Task<WebhookEndpoint> UpdateWebhookEndpointAsync(string id, WebhookEndpointUpdate changes, int? revision = null) => Change<WebhookEndpoint>(Patch, "/webhooks/endpoints" + At(id), Wire.Fields(changes), revision);

        /// <summary>Deletes an endpoint and its deliveries.</summary>
        public Task DeleteWebhookEndpointAsync(string id, int? revision = null) => SendAsync(HttpMethod.Delete, "/webhooks/endpoints" + At(id), revision: revision);

        /// <summary>Enables an endpoint; its pending deliveries are sent.</summary>
        public Task<WebhookEndpoint> EnableWebhookEndpointAsync(string id) => Post<WebhookEndpoint>($"/webhooks/endpoints{At(id)}/enable", safe: true);

        /// <summary>Disables an endpoint.</summary>
        public Task<WebhookEndpoint> DisableWebhookEndpointAsync(string id) => Post<WebhookEndpoint>($"/webhooks/endpoints{At(id)}/disable", safe: true);

        /// <summary>Replaces an endpoint's secret; the old one remains valid for the overlap. The response contains the new <c>Secret</c>.</summary>
        public Task<WebhookEndpoint> RotateWebhookSecretAsync(string id, string secret = null, TimeSpan? overlap = null, int? revision = null)
        {
            var body = new Dictionary<string, object>();
            if (secret != null) body["secret"] = secret;
            if (overlap != null) body["overlap"] = overlap.Value.ToString("c");
            return Post<WebhookEndpoint>($"/webhooks/endpoints{At(id)}/rotate-secret", body, revision: revision);
        }

        /// <summary>Sends a test message to an endpoint.</summary>
        public Task<WebhookTest> TestWebhookEndpointAsync(string id) => Post<WebhookTest>($"/webhooks/endpoints{At(id)}/test");

        /// <summary>A page of the deliveries of an endpoint, newest first.</summary>
        public Task<WebhookDeliveryList> GetWebhookDeliveriesAsync(string endpointId, DeliveryFilter filter = null) => Get<WebhookDeliveryList>($"/webhooks/endpoints{At(endpointId)}/deliveries" + Query.Of(filter));

        /// <summary>A delivery.</summary>
        public Task<WebhookDelivery> GetWebhookDeliveryAsync(string id) => Get<WebhookDelivery>("/webhooks/deliveries" + At(id));

        /// <summary>Sends one delivery again.</summary>
        public Task<WebhookDelivery> RedeliverWebhookAsync(string deliveryId) => Post<WebhookDelivery>($"/webhooks/deliveries{At(deliveryId)}/redeliver");

        /// <summary>Sends all failed deliveries of an endpoint since a time again.</summary>
        public Task<RedeliveredDeliveries> RedeliverFailedWebhooksAsync(string endpointId, DateTimeOffset since) => Post<RedeliveredDeliveries>($"/webhooks/endpoints{At(endpointId)}/redeliver", new { since });

        // The worker protocol, used by TickerQWorker

        /// <summary>The remote workers.</summary>
        public async Task<List<WorkerDetails>> GetWorkersAsync() => (await Get<WorkerList>("/workers").ConfigureAwait(false)).Workers;

        /// <summary>A remote worker.</summary>
        public Task<WorkerDetails> GetWorkerAsync(string id) => Get<WorkerDetails>("/workers" + At(id));

        /// <summary>Registers a remote worker.</summary>
        public async Task<WorkerDetails> RegisterWorkerAsync(string name, IEnumerable<string> types, IEnumerable<string> queues = null, int concurrency = 10, int? retries = null, CancellationToken cancellation = default)
        {
            var body = new { name, types = types.ToArray(), queues = (queues ?? Enumerable.Empty<string>()).ToArray(), concurrency };
            return Wire.ResponseOf<WorkerDetails>(await SendAsync(HttpMethod.Post, "/workers", body, retries: retries, cancellation: cancellation).ConfigureAwait(false));
        }

        /// <summary>Leases due jobs to a worker; waits up to <paramref name="wait"/>, at most 30 seconds, for the first.</summary>
        public async Task<List<LeasedJob>> LeaseJobsAsync(string workerId, int max, TimeSpan wait = default, CancellationToken cancellation = default)
        {
            var leased = await SendAsync(HttpMethod.Post, $"/workers{At(workerId)}/lease", new { max, wait }, timeout: wait + TimeSpan.FromSeconds(30), retries: 0, cancellation: cancellation).ConfigureAwait(false);
            return Wire.ResponseOf<LeasedJobs>(leased).Jobs;
        }

        /// <summary>Renews a worker's lease, and reports progress.</summary>
        public Task<Heartbeat> HeartbeatAsync(string workerId, IEnumerable<object> jobs) => Post<Heartbeat>($"/workers{At(workerId)}/heartbeat", new { jobs = jobs.ToList() }, true);

        /// <summary>Reports completed jobs.</summary>
        public Task<EndedJobs> CompleteJobsAsync(string workerId, IEnumerable<object> jobs) => Post<EndedJobs>($"/workers{At(workerId)}/complete", new { jobs = jobs.ToList() }, true);

        /// <summary>Reports failed, cancelled or released jobs.</summary>
        public Task<EndedJobs> FailJobsAsync(string workerId, IEnumerable<object> jobs) => Post<EndedJobs>($"/workers{At(workerId)}/fail", new { jobs = jobs.ToList() }, true);

        /// <summary>Unregisters a worker; its running jobs are requeued.</summary>
        public Task RemoveWorkerAsync(string workerId) => SendAsync(HttpMethod.Delete, "/workers" + At(workerId));
    }
}
