// The scenarios of sdk/README.md, and the examples: schedule, watch, work, webhook.

using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Net;
using System.Net.Http;
using System.Text;
using System.Text.Json;
using System.Threading;
using System.Threading.Tasks;
using TickerQ.Client;

public class NoopJob { public string To { get; set; } }
public class Hang { public bool hang { get; set; } }
public class Greet { public string name { get; set; } }

public static class Scenarios
{
    private const string Key = "all-all-all-all-all";
    private static TickerQDashboardClient client;
    private static string url;

    private static void Say(string text) { Console.Out.WriteLine(text); Console.Out.Flush(); }

    private static void Check(bool holds, string what) { if (!holds) throw new Exception("it does not hold that " + what); }

    private static async Task<T> Fails<T>(int status, Func<Task> call) where T : TickerQException
    {
        try { await call(); }
        catch (TickerQException error)
        {
            Check(error is T && error.Status == status, $"{error.GetType().Name} ({error.Status}: {error.Message}) is {typeof(T).Name}");
            return (T)error;
        }
        throw new Exception(typeof(T).Name + " expected");
    }

    /// <summary>Polls until the result is not null, for at most a minute.</summary>
    private static async Task<T> Eventually<T>(Func<Task<T>> check) where T : class
    {
        for (var end = DateTime.UtcNow.AddMinutes(1); DateTime.UtcNow < end; await Task.Delay(20))
        {
            if (await check() is T found) return found;
        }
        throw new Exception("not within a minute");
    }

    private static async Task ScheduleReadWait()
    {
        // Calls of the dashboard API.
        string jobId = await client.ScheduleJobAsync(new NoopJob { To = "ann" });
        JobDetails details = await client.GetJobAsync(jobId);
        Check(details.Type == "NoopJob" && details.Parameters.GetProperty("to").GetString() == "ann", "the parameters come back");
        var delayed = await client.CreateJobAsync("NoopJob", new { list = new object[] { 1, 2.5, null } }, new JobOptions { Name = "Welcome", Priority = "high", Delay = TimeSpan.FromMilliseconds(50) });
        var done = await client.WaitForJobAsync(delayed.Id);
        Check(done.Status == "completed" && done.ExecutionHistory.Count == 1 && done.Priority == "high", "it completes");
        var failed = await client.WaitForJobAsync((await client.CreateJobAsync("FailingJob", null)).Id);
        Check(failed.Status == "failed", "it fails");
    }

    private static async Task ListsAndIdempotency()
    {
        var made = await client.ScheduleJobsAsync(Enumerable.Range(0, 5).Select(_ => new NewJob { Type = "PageJob", Queue = "pages" }));
        Check(made.Created == 5, "five are made");
        var page = await client.GetJobsAsync(new JobFilter { Queue = "pages", Status = "pending,running", Limit = 2 });
        Check(page.TotalCount == 5 && page.HasMore, "a page is one of three");
        Check(made.Jobs[0].Warnings[0].Contains("PageJob"), "a job without a handler has a warning");
        Check((await client.GetJobAsync(made.Jobs[0].Id)).Warnings.Count == 1, "it has it later, too");
        var first = await client.CreateJobAsync("OtherJob", new { n = 1 }, idempotencyKey: "once");
        Check((await client.CreateJobAsync("OtherJob", new { n = 1 }, idempotencyKey: "once")).Id == first.Id, "one key is one job");
        await Fails<IdempotencyMismatchException>(422, () => client.CreateJobAsync("OtherJob", new { n = 2 }, idempotencyKey: "once"));
        Task<Batch> Two() => client.ScheduleJobsAsync(Enumerable.Range(0, 2).Select(_ => new NewJob { Type = "OtherJob" }), "batch");
        var two = (await Two()).Jobs;
        await client.CancelJobAsync(two[0].Id);
        await client.DeleteJobAsync(two[0].Id);
        var again = await Two();
        Check(again.Missing.Single() == two[0].Id && again.Jobs.Single().Id == two[1].Id, "one is missing");
    }

    private static async Task ChangesOfJobs()
    {
        var job = await client.CreateJobAsync("OtherJob", null, new JobOptions { Delay = TimeSpan.FromHours(1) });
        Check((await client.UpdateJobAsync(job.Id, new JobUpdate { Name = "Renamed" }, job.Revision)).Name == "Renamed", "it is renamed");
        await Fails<PreconditionFailedException>(412, () => client.UpdateJobAsync(job.Id, new JobUpdate { Name = "x" }, job.Revision));
        Check((await client.ExecuteJobAsync(job.Id, "critical")).Priority == "critical", "it is critical");
        Check((await client.CancelJobAsync(job.Id)).Status == "cancelled", "it is cancelled");
        Check((await client.RetryJobAsync(job.Id, true)).Status == "pending", "it is pending again");
        await Fails<ConflictException>(409, () => client.DeleteJobAsync(job.Id));
        await client.CancelJobAsync(job.Id);
        await client.DeleteJobAsync(job.Id);
        await Fails<NotFoundException>(404, () => client.GetJobAsync(job.Id));
        var running = await client.CreateJobAsync("SleepJob", null);
        while ((await client.GetJobAsync(running.Id)).Status != "running") await Task.Delay(10);
        Check((await client.CancelJobAsync(running.Id)).CancelRequested, "its cancellation was requested");
        Check((await client.WaitForJobAsync(running.Id)).Status == "cancelled", "it has stopped");
    }

    private static async Task RecurringQueuesAndTheServer()
    {
        var made = await client.ScheduleRecurringJobAsync("NoopJob", "0 2 * * *", new RecurringOptions { Name = "Nightly", TimeZone = "Europe/Berlin", Parameters = new { a = (string)null } });
        var id = made.Id;
        Check(made.Parameters.GetProperty("a").ValueKind == JsonValueKind.Null, "null remains");
        Check((await client.GetRecurringJobAsync(id)).TimeZone == "Europe/Berlin", "it has its zone");
        Check((await client.GetRecurringJobsAsync()).TotalCount >= 1, "it is listed");
        Check((await client.PreviewScheduleAsync("0 2 * * *", new PreviewOptions { Count = 3 })).Times.Count == 3, "it has three times");
        Check((await client.GetUpcomingAsync()).TotalCount >= 1, "it is due");
        Check(!(await client.DisableRecurringJobAsync(id)).Enabled, "it is disabled");
        Check((await client.EnableRecurringJobAsync(id)).Enabled, "it is enabled");
        Check((await client.UpdateRecurringJobAsync(id, new RecurringUpdate { Name = "Renamed" })).Name == "Renamed", "it is renamed");
        Check((await client.ReplaceRecurringJobAsync(id, "NoopJob", "0 * * * *", new RecurringOptions { Name = "Hourly" })).CronExpression == "0 * * * *", "it is hourly");
        Check((await client.TriggerRecurringJobAsync(id)).RecurringJobId == id, "it has an occurrence");
        await client.DeleteRecurringJobAsync(id);
        await Fails<NotFoundException>(404, () => client.GetRecurringJobAsync(id));
        var kept = await client.PutRecurringJobByKeyAsync("nightly/report", "NoopJob", "0 2 * * *");
        Check(kept.Key == "nightly/report", "it has its key");
        Check((await client.PutRecurringJobByKeyAsync("nightly/report", "NoopJob", "0 2 * * *")).Id == kept.Id, "it is the same");
        Check((await client.GetRecurringJobByKeyAsync("nightly/report")).Id == kept.Id, "it has its key");
        await client.DeleteRecurringJobByKeyAsync("nightly/report");
        await Fails<NotFoundException>(404, () => client.GetRecurringJobByKeyAsync("nightly/report"));
        await client.CreateJobAsync("OtherJob", null, new JobOptions { Queue = "managed" });
        Check((await client.GetQueuesAsync()).Any(queue => queue.Name == "managed"), "the queue is listed");
        Check((await client.PauseQueueAsync("managed")).Status == "paused", "it is paused");
        var held = (await client.ExplainQueueAsync("managed")).Reasons.Single();
        Check(held.Jobs == 1, "it holds the job");
        var listed = (await client.GetJobsAsync(new JobFilter { Queue = "managed", Explain = true })).Jobs.Single();
        Check(listed.Explanation.Reasons[0].Code == held.Code, "the job is held by the same");
        Check((await client.ExplainJobAsync(listed.Id)).Reasons[0].Code == held.Code, "it is explained");
        Check((await client.ResumeQueueAsync("managed")).Status == "running", "it runs");
        Check((await client.ClearQueueAsync("managed")).ClearedPending == 1, "it is cleared");
        Check((await client.GetQueueAsync("managed")).PendingJobs == 0, "it is empty");
        await client.DeleteQueueAsync("managed");
        await Fails<NotFoundException>(404, () => client.GetQueueAsync("managed"));
        Check((await client.GetSystemMetricsAsync()).SystemHealth == "healthy", "the server is healthy");
        Check((await client.GetPerformanceMetricsAsync(new PerformanceFilter { Type = "NoopJob,FailingJob" })).Summary.TotalJobs >= 2, "jobs are counted");
        Check((await client.GetJobTypeMetricsAsync(new PeriodFilter { Type = "FailingJob" }))[0].Type == "FailingJob", "by type, too");
        Check((await client.GetActivityAsync()).Points.Count > 0, "there is a time series");
        Check((await client.GetDurationsAsync()).Run != null, "durations are counted");
        var failure = (await client.GetFailuresAsync())[0];
        Check((await client.GetFailureAsync(failure.Fingerprint)).Reason == failure.Reason, "a failure has details");
        Check((await client.CountJobsAsync("type", "type:FailingJob"))[0].Value == "FailingJob", "jobs are counted by type");
        Check((await client.GetMeAsync()).Name == "all", "the caller has a name");
        Check((await client.GetServerAsync()).Features.Count > 0, "the server has features");
        var node = (await client.GetNodesAsync())[0];
        Check(node.IsSelf, "there is a node");
        Check((await client.DrainNodeAsync(node.Id)).Status == "draining", "it drains");
        Check((await client.ResumeNodeAsync(node.Id)).Status == "live", "it is resumed");
        Check((await client.SetLogLevelAsync("info")).Level == "info", "the log's level is set");
        Check((await client.GetLogLevelAsync()).Level == "info", "and read");
        Check((await client.GetAuditAsync(new AuditFilter { Action = "queue.pause", Limit = 1 })).Records[0].Actor.Name == "all", "it is in the audit log");
        Check((await client.GetHealthAsync()).Status == "ok", "it is live");
        Check((await client.GetReadinessAsync()).SystemHealth == "healthy", "it is ready");
        await client.CreateJobAsync("BulkJob");
        await client.CreateJobAsync("BulkJob");
        Task<Operation> Done(string id) => Eventually(async () =>
        {
            var now = await client.GetOperationAsync(id);
            return now.Status == "completed" ? now : null;
        });
        var moving = await client.PreviewOperationAsync("move", "type:BulkJob", new { queue = "moved" });
        Check(moving.Total == 2, "two jobs would be moved");
        var moved = await client.StartOperationAsync(moving.Token, TimeSpan.FromHours(1), "to the slow queue");
        Check((await client.PauseOperationAsync(moved.Id)).Status == "paused", "it is paused");
        Check((await client.ResumeOperationAsync(moved.Id)).Status == "pending", "it is resumed");
        Check((await client.CancelOperationAsync(moved.Id)).Status == "cancelled", "it is called off");
        var cancelled = await client.StartOperationAsync((await client.PreviewOperationAsync("cancel", "type:BulkJob")).Token);
        Check((await Done(cancelled.Id)).Done == 2, "both are cancelled");
        var undone = await client.UndoOperationAsync(cancelled.Id);
        Check((await Done(undone.Id)).Undoes == cancelled.Id, "and pending again");
        Check((await client.GetOperationsAsync(new OperationFilter { Limit = 1 })).Operations[0].Id == undone.Id, "it is listed");
        var cursor = (await client.GetJobChangesAsync(limit: 1000)).Cursor;
        var job = await client.CreateJobAsync("OtherJob");
        await Eventually(async () => (await client.GetJobChangesAsync(cursor)).Changes.FirstOrDefault(change => change.Id == job.Id && !change.Deleted));
    }

    private static async Task WebhookEndpoints()
    {
        var since = DateTimeOffset.UtcNow.AddMinutes(-1);
        // The server's own address accepts no webhooks: each delivery fails.
        var made = await client.CreateWebhookEndpointAsync(url + "/none", new WebhookEndpointOptions
        {
            Name = "scenario",
            Events = new List<string> { "job.completed" },
            RetryPolicy = new WebhookRetryPolicyRequest { MaxRetries = 0, RetryDelay = TimeSpan.FromSeconds(1) },
        });
        Check(made.Secret.StartsWith("whsec_") && made.RetryPolicy.RetryDelay == TimeSpan.FromSeconds(1), "it is created");
        Check((await client.GetWebhookEndpointsAsync()).Any(endpoint => endpoint.Id == made.Id), "it is listed");
        Check((await client.GetWebhookEndpointAsync(made.Id)).Name == "scenario", "it is read");
        Check((await client.UpdateWebhookEndpointAsync(made.Id, new WebhookEndpointUpdate { Name = "Renamed" }, made.Revision)).Name == "Renamed", "it is renamed");
        await Fails<PreconditionFailedException>(412, () => client.UpdateWebhookEndpointAsync(made.Id, new WebhookEndpointUpdate { Name = "x" }, made.Revision));
        Check(!(await client.DisableWebhookEndpointAsync(made.Id)).Enabled, "it is disabled");
        Check((await client.EnableWebhookEndpointAsync(made.Id)).Enabled, "it is enabled");
        Check((await client.RotateWebhookSecretAsync(made.Id, overlap: TimeSpan.FromHours(1))).Secret != made.Secret, "it has another secret");
        var test = (await client.TestWebhookEndpointAsync(made.Id)).WebhookId;
        var failed = await Eventually(async () => (await client.GetWebhookDeliveriesAsync(made.Id, new DeliveryFilter { Status = "failed" })).Deliveries.FirstOrDefault(delivery => delivery.WebhookId == test));
        Check((await client.GetWebhookDeliveryAsync(failed.Id)).WebhookId == test, "its delivery is read");
        Check((await client.RedeliverWebhookAsync(failed.Id)).EndpointId == made.Id, "it is sent again");
        Check((await client.RedeliverFailedWebhooksAsync(made.Id, since)).Redelivered >= 0, "all are sent again");
        await client.DeleteWebhookEndpointAsync(made.Id);
        await Fails<NotFoundException>(404, () => client.GetWebhookEndpointAsync(made.Id));
    }

    private static async Task EveryErrorHasItsClass()
    {
        var wrong = await Fails<ValidationException>(400, () => client.SendAsync(HttpMethod.Post, "/jobs", new { type = "A", delay = "24:00:00" }));
        Check(wrong.Code == "validation" && wrong.Problem.Value.GetProperty("errors")[0].GetProperty("pointer").GetString() == "#/delay", "the field is named");
        await Fails<AuthenticationException>(401, () => new TickerQDashboardClient(url, "wrong").GetQueuesAsync());
        await Fails<ForbiddenException>(403, () => new TickerQDashboardClient(url, "reader-reader-reader").PauseQueueAsync("default"));
        await Fails<TooLargeException>(413, () => client.CreateJobAsync("A", new string('x', 200_000)));
        var slow = new TickerQDashboardClient(url, "slow-slow-slow-slow", retries: 0);
        await slow.GetQueuesAsync();
        Check((await Fails<RateLimitedException>(429, () => slow.GetQueuesAsync())).RetryAfter > TimeSpan.Zero, "it has a Retry-After");
        var impatient = new TickerQDashboardClient(url, Key, retries: 0);
        await impatient.CreateJobAsync("OtherJob", null, new JobOptions { Queue = "full" });
        Check((await Fails<UnavailableException>(503, () => impatient.CreateJobAsync("OtherJob", null, new JobOptions { Queue = "full" }))).Code == "busy", "it is busy");
        await Fails<ConnectionException>(0, () => new TickerQDashboardClient("http://127.0.0.1:1", Key, retries: 0).GetQueuesAsync());
    }

    private static async Task ALostResponseDoesNoHarm(string flakyUrl)
    {
        var flaky = new TickerQDashboardClient(flakyUrl, Key, retries: 10);
        for (var number = 0; number < 5; number += 1) await flaky.CreateJobAsync("LostJob", new { number });
        Check((await client.GetJobsAsync(new JobFilter { Type = "LostJob" })).TotalCount == 5, "each was created once");
    }

    private static async Task LiveUpdates()
    {
        var received = new List<string>();
        var done = new TaskCompletionSource<bool>();
        using var limit = new CancellationTokenSource(20_000);
        limit.Token.Register(() => done.TrySetCanceled());
        string id;
        await using (await client.SubscribeAsync(new[] { "job-status" }, (type, data) =>
        {
            if (type != "job-status-changed") return;
            lock (received) received.Add(data.GetProperty("jobId").GetString() + " " + data.GetProperty("status").GetString());
            if (received.Count == 3) done.TrySetResult(true);
        }, new { type = "NoopJob" }, limit.Token))
        {
            // The subscription is active: all events of this job are received.
            id = (await client.CreateJobAsync("NoopJob")).Id;
            await done.Task;
        }
        Check(received.SequenceEqual(new[] { $"{id} pending", $"{id} running", $"{id} completed" }), string.Join(", ", received));
        await Fails<AuthenticationException>(401, () => new TickerQDashboardClient(url, "wrong").SubscribeAsync(new[] { "job-status" }, (_, __) => { }));
        await Fails<ValidationException>(400, () => client.SubscribeAsync(new[] { "nothing" }, (_, __) => { }));
    }

    private static void VerifyWebhooks()
    {
        var good = "sha256=733ae5122573f3ff45cad4406d879b88326cf5308d1d53c50e6efde0fa6036e1";
        var body = Encoding.UTF8.GetBytes("{\"a\":1}");
        Check(Webhooks.Verify(body, good, "webhook-secret-key"), "the right one is accepted");
        Check("sha256=" + Webhooks.ComputeHmacSha256(body, "webhook-secret-key") == good, "the reference computes the same");
        Check(!Webhooks.Verify(body, good, "x") && !Webhooks.Verify(body, null, "x") && !Webhooks.Verify(new byte[1], good, "webhook-secret-key"), "no other is");
    }

    /// <summary>The span context that a handler has received.</summary>
    private static async Task<string> Traced()
    {
        using var http = new HttpClient(new HttpClientHandler { UseProxy = false });
        var request = new HttpRequestMessage(HttpMethod.Post, url + "/api/tickerq/jobs");
        request.Headers.Add("Authorization", "Bearer " + Key);
        request.Headers.Add("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        request.Headers.Add("tracestate", "rojo=00f067aa0ba902b7");
        request.Headers.Add("baggage", "userId=alice");
        request.Content = new StringContent("{\"type\":\"Traced\",\"queue\":\"work\"}", Encoding.UTF8, "application/json");
        var text = await (await http.SendAsync(request)).Content.ReadAsStringAsync();
        var id = JsonDocument.Parse(text).RootElement.GetProperty("id").GetString();
        var done = await client.WaitForJobAsync(id);
        return string.Join(" ", done.Result.EnumerateArray().Select(part => part.GetString()));
    }

    private static async Task AHandlerThatThrows()
    {
        var logged = new ConcurrentQueue<string>();
        var events = new ConcurrentQueue<string>();
        var subscribing = client.SubscribeAsync(new[] { "job-status" }, (type, data) =>
        {
            events.Enqueue(type == "job-status-changed" ? data.GetProperty("status").GetString() : type);
            throw new InvalidOperationException("a mistake");
        }, logger: logged.Enqueue);
        Check(await Task.WhenAny(subscribing, Task.Delay(20_000)) == subscribing, "it subscribes");
        await using var subscription = await subscribing;
        await client.WaitForJobAsync((await client.CreateJobAsync("NoopJob")).Id);
        await Eventually(() => Task.FromResult(events.Contains("completed") ? events : null));
        Check(logged.Any(line => line.Contains("a mistake")), string.Join("\n", logged));
    }

    private static async Task AWorker()
    {
        var attempts = 0;
        JobContext held = null;
        var logged = new ConcurrentQueue<string>();
        var worker = new TickerQWorker(client, "scenario", new[] { "work" }, 5, TimeSpan.FromMilliseconds(100)) { Logger = logged.Enqueue };
        worker.Handle<Greet>((data, context) =>
        {
            context.Progress(50, "half");
            context.Log("hello " + data.name);
            return Task.FromResult<object>(new { greeting = "hello " + data.name });
        });
        worker.Handle("Flaky", context => ++attempts < 2 ? throw new Exception("not yet") : Task.FromResult<object>(null));
        worker.Handle("Broken", context => throw new PermanentJobException("never"));
        worker.Handle("Later", context => context.Attempt == 1 ? throw new RetryLaterException(TimeSpan.FromSeconds(1.5), "not yet") : Task.FromResult<object>(null));
        worker.Handle("Traced", context => Task.FromResult<object>(new[] { context.Job.TraceParent.Substring(0, 35), context.Job.TraceState, context.Job.Baggage }));
        worker.Handle("Patient", async context => { held = context; await Task.Delay(Timeout.Infinite, context.Cancellation); return null; });
        await worker.StartAsync();
        Check((await client.GetWorkerAsync(worker.Id)).Name == "scenario", "it is known");
        Task<JobDetails> Run(string type, object parameters = null, JobOptions options = null)
        {
            options ??= new JobOptions();
            options.Queue = "work";
            return client.CreateJobAsync(type, parameters, options);
        }
        async Task<JobDetails> End(Task<JobDetails> job) => await client.WaitForJobAsync((await job).Id);
        var greeted = await End(Run("Greet", new { name = "Ann" }));
        Check(greeted.Result.GetProperty("greeting").GetString() == "hello Ann" && greeted.Progress.Percent == 50, "it greets");
        Check(greeted.Log[0].Message == "hello Ann" && greeted.ExecutionHistory[0].Worker == "scenario", "it logs");
        Check(await Traced() == "00-4bf92f3577b34da6a3ce929d0e0e4736 rojo=00f067aa0ba902b7 userId=alice", "it knows its trace");
        var flaky = await End(Run("Flaky", null, new JobOptions { RetryDelay = TimeSpan.FromMilliseconds(50), MaxRetries = 1 }));
        Check(flaky.Status == "completed" && flaky.Attempt == 2 && flaky.ExecutionHistory[0].Error == "not yet", "it is tried again");
        var broken = await End(Run("Broken", null, new JobOptions { MaxRetries = 5 }));
        Check(broken.Status == "failed" && broken.Attempt == 1 && broken.Error == "never", "it has failed for good");
        Check(logged.Any(line => line.Contains($"attempt 1 of job {broken.Id} (Broken) failed") && line.Contains("never")), string.Join("\n", logged));
        var later = await Run("Later", null, new JobOptions { RetryDelay = TimeSpan.FromMinutes(1), MaxRetries = 1 });
        var waiting = await Eventually(async () => (await client.GetJobAsync(later.Id)) is JobDetails job && job.Status == "pending" && job.Attempt == 1 ? job : null);
        var wait = waiting.RunAt - waiting.ExecutionHistory[0].CompletedAt.Value;
        Check(Math.Abs(wait.TotalMilliseconds - 1500) <= 5, $"it retries after {wait}");
        var patient = await Run("Patient");
        while (held == null) await Task.Delay(10);
        await client.CancelJobAsync(patient.Id);
        Check((await client.WaitForJobAsync(patient.Id)).Status == "cancelled", "it is cancelled");
        var timed = await End(Run("Patient", null, new JobOptions { Timeout = TimeSpan.FromMilliseconds(300), MaxRetries = 0 }));
        Check(timed.Error.StartsWith("timed out after"), timed.Error);
        var many = await client.ScheduleJobsAsync(Enumerable.Range(0, 50).Select(n => new NewJob { Type = "Greet", Queue = "work", Parameters = new { name = n.ToString() } }));
        foreach (var job in many.Jobs) Check((await client.WaitForJobAsync(job.Id)).Status == "completed", "all are run");
        held = null;
        var back = await Run("Patient");
        while (held == null) await Task.Delay(10);
        var subscription = await client.SubscribeAsync(new[] { "job-status" }, (_, __) => { });
        await worker.StopAsync(TimeSpan.FromMilliseconds(50));
        // The subscriptions of its client are closed.
        await subscription.Completion;
        var pending = await client.GetJobAsync(back.Id);
        Check(pending.Status == "pending" && pending.RetryCount == 0, "it is handed back, not " + pending.Status);
        Check(!(await client.GetWorkersAsync()).Any(known => known.Id == worker.Id), "the worker has left");
    }

    private static async Task Watch(string key, string topic, TimeSpan? pingInterval)
    {
        try
        {
            using var subscription = await new TickerQDashboardClient(url, key).SubscribeAsync(new[] { topic }, (type, data) =>
            {
                if (type == "connected" || type == "disconnected") Say(type);
                if (type == "job-status-changed") Say($"event {data.GetProperty("jobId").GetString()} {data.GetProperty("status").GetString()}");
            }, pingInterval: pingInterval);
            await subscription.Completion;
        }
        catch (TickerQException error)
        {
            Say($"refused {error.Status}");
        }
    }

    private sealed class Throwing
    {
        public string Text => throw new InvalidOperationException("a getter that throws");
    }

    private sealed class Cycle
    {
        public Cycle Itself => this;
    }

    private static async Task Work(string name)
    {
        var unwritable = new object[] { new Throwing(), new Cycle(), new { n = double.NaN } };
        var worker = new TickerQWorker(client, name);
        worker.Handle("RemoteJob", async context =>
        {
            Say($"running {context.JobId} {context.Attempt}");
            await Task.Delay(context.Attempt == 1 && context.Parameters<Hang>().hang ? 600_000 : 500);
            return new { by = name };
        });
        worker.Handle("UnwritableJob", context => Task.FromResult(unwritable[context.Job.Parameters.GetProperty("n").GetInt32()]));
        worker.Handle("ProgressJob", async context =>
        {
            context.Progress(-3);
            for (var n = 0; n < 300; n += 1) context.Log($"line {n}", "loud");
            for (var n = 0; n < 45; n += 1)
            {
                context.Progress(double.NaN);
                context.Progress(150, "half a pair: \ud83d");
                await Task.Delay(100);
            }
            return null;
        });
        worker.Handle("AgainJob", async context =>
        {
            if (context.Attempt == 1) throw new InvalidOperationException("not yet");
            await Task.Delay(6000);
            return null;
        });
        worker.Handle("FarJob", context => throw new RetryLaterException(TimeSpan.MaxValue));
        var terminated = new TaskCompletionSource<bool>();
        var stopped = new ManualResetEventSlim();
        AppDomain.CurrentDomain.ProcessExit += (_, __) => { terminated.TrySetResult(true); stopped.Wait(30_000); };
        var starting = worker.StartAsync();
        await terminated.Task;
        await worker.StopAsync(TimeSpan.FromSeconds(30));
        await starting;
        Say("stopped");
        stopped.Set();
    }

    public static async Task Main(string[] arguments)
    {
        url = arguments[1];
        client = new TickerQDashboardClient(url, Key);
        string Argument(int at, string otherwise) => arguments.Length > at ? arguments[at] : otherwise;
        if (arguments[0] == "watch")
        {
            var seconds = Argument(4, null);
            await Watch(Argument(2, Key), Argument(3, "job-status"), seconds == null ? (TimeSpan?)null : TimeSpan.FromSeconds(double.Parse(seconds)));
            return;
        }
        if (arguments[0] == "work") { await Work(arguments[2]); return; }
        await ScheduleReadWait(); Say("ok schedule, read, wait");
        await ListsAndIdempotency(); Say("ok lists, idempotency");
        await ChangesOfJobs(); Say("ok changes of jobs");
        await RecurringQueuesAndTheServer(); Say("ok recurring jobs, queues, metrics, nodes, audit, changes");
        await WebhookEndpoints(); Say("ok webhook endpoints");
        await EveryErrorHasItsClass(); Say("ok every error has its class");
        await ALostResponseDoesNoHarm(arguments[2]); Say("ok a lost response does no harm");
        await LiveUpdates(); Say("ok live updates");
        await AHandlerThatThrows(); Say("ok a handler that throws");
        VerifyWebhooks(); Say("ok webhooks");
        await AWorker(); Say("ok a worker");
        Say("all scenarios passed");
    }
}
