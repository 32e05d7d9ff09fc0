// The scenarios of sdk/README.md, and the examples: schedule, watch, work, webhook.

using System;
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

    private static IDictionary<string, string> With(params string[] parts) => Enumerable.Range(0, parts.Length / 2).ToDictionary(index => parts[2 * index], index => parts[2 * index + 1]);

    private static async Task ScheduleReadWait()
    {
        // The reference's own calls.
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
        var made = await client.ScheduleJobsAsync(Enumerable.Range(0, 5).Select(_ => (object)new { type = "PageJob", queue = "pages" }));
        Check(made.GetProperty("created").GetInt32() == 5, "five are made");
        var page = await client.GetJobsAsync(With("queue", "pages", "status", "pending,running", "limit", "2"));
        Check(page.GetProperty("totalCount").GetInt32() == 5 && page.GetProperty("hasMore").GetBoolean(), "a page is one of three");
        var first = await client.CreateJobAsync("OtherJob", new { n = 1 }, idempotencyKey: "once");
        Check((await client.CreateJobAsync("OtherJob", new { n = 1 }, idempotencyKey: "once")).Id == first.Id, "one key is one job");
        await Fails<IdempotencyMismatchException>(422, () => client.CreateJobAsync("OtherJob", new { n = 2 }, idempotencyKey: "once"));
    }

    private static async Task Steer()
    {
        var job = await client.CreateJobAsync("OtherJob", null, new JobOptions { Delay = TimeSpan.FromHours(1) });
        Check((await client.UpdateJobAsync(job.Id, new JobOptions { Name = "Renamed" }, job.Revision)).Name == "Renamed", "it is renamed");
        await Fails<PreconditionFailedException>(412, () => client.UpdateJobAsync(job.Id, new JobOptions { Name = "x" }, job.Revision));
        Check((await client.ExecuteJobAsync(job.Id, "critical")).Priority == "critical", "it is critical");
        Check((await client.CancelJobAsync(job.Id)).Status == "cancelled", "it is cancelled");
        Check((await client.RetryJobAsync(job.Id, true)).Status == "pending", "it is pending again");
        await Fails<ConflictException>(409, () => client.DeleteJobAsync(job.Id));
        await client.CancelJobAsync(job.Id);
        await client.DeleteJobAsync(job.Id);
        await Fails<NotFoundException>(404, () => client.GetJobAsync(job.Id));
        var running = await client.CreateJobAsync("SleepJob", null);
        while ((await client.GetJobAsync(running.Id)).Status != "running") await Task.Delay(10);
        Check((await client.CancelJobAsync(running.Id)).CancelRequested, "it was asked to stop");
        Check((await client.WaitForJobAsync(running.Id)).Status == "cancelled", "it has stopped");
    }

    private static async Task RecurringQueuesAndTheServer()
    {
        var made = await client.ScheduleRecurringJobAsync(new { type = "NoopJob", name = "Nightly", cronExpression = "0 2 * * *", timeZone = "Europe/Berlin" });
        var id = made.GetProperty("id").GetString();
        Check((await client.GetRecurringJobAsync(id)).GetProperty("timeZone").GetString() == "Europe/Berlin", "it has its zone");
        Check((await client.GetRecurringJobsAsync()).GetProperty("totalCount").GetInt32() >= 1, "it is listed");
        Check(!(await client.DisableRecurringJobAsync(id)).GetProperty("enabled").GetBoolean(), "it is disabled");
        Check((await client.EnableRecurringJobAsync(id)).GetProperty("enabled").GetBoolean(), "it is enabled");
        Check((await client.UpdateRecurringJobAsync(id, new { name = "Renamed" })).GetProperty("name").GetString() == "Renamed", "it is renamed");
        Check((await client.ReplaceRecurringJobAsync(id, new { type = "NoopJob", name = "Hourly", cronExpression = "0 * * * *" })).GetProperty("cronExpression").GetString() == "0 * * * *", "it is hourly");
        Check((await client.TriggerRecurringJobAsync(id)).RecurringJobId == id, "it has an occurrence");
        await client.DeleteRecurringJobAsync(id);
        await Fails<NotFoundException>(404, () => client.GetRecurringJobAsync(id));
        await client.CreateJobAsync("OtherJob", null, new JobOptions { Queue = "steered" });
        Check((await client.GetQueuesAsync()).GetProperty("queues").EnumerateArray().Any(queue => queue.GetProperty("name").GetString() == "steered"), "the queue is listed");
        Check((await client.PauseQueueAsync("steered")).GetProperty("status").GetString() == "paused", "it is paused");
        Check((await client.ResumeQueueAsync("steered")).GetProperty("status").GetString() == "running", "it runs");
        Check((await client.ClearQueueAsync("steered")).GetProperty("clearedPending").GetInt32() == 1, "it is cleared");
        Check((await client.GetQueueAsync("steered")).GetProperty("pendingJobs").GetInt32() == 0, "it is empty");
        Check((await client.GetSystemMetricsAsync()).GetProperty("systemHealth").GetString() == "healthy", "the server is healthy");
        Check((await client.GetPerformanceMetricsAsync(With("type", "NoopJob,FailingJob"))).GetProperty("summary").GetProperty("totalJobs").GetInt32() >= 2, "jobs are counted");
        Check((await client.GetJobTypeMetricsAsync(With("type", "FailingJob"))).GetProperty("jobTypes")[0].GetProperty("type").GetString() == "FailingJob", "by type, too");
        Check((await client.GetNodesAsync()).GetProperty("nodes")[0].GetProperty("isSelf").GetBoolean(), "there is a node");
        Check((await client.SetLogLevelAsync("info")).GetProperty("level").GetString() == "info", "the log's level is set");
        Check((await client.GetLogLevelAsync()).GetProperty("level").GetString() == "info", "and read");
        Check((await client.GetAuditAsync(With("action", "queue.pause", "limit", "1"))).GetProperty("records")[0].GetProperty("actor").GetProperty("name").GetString() == "all", "it is on record");
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
        Check((await Fails<RateLimitedException>(429, () => slow.GetQueuesAsync())).RetryAfter > TimeSpan.Zero, "it says when to come back");
        var impatient = new TickerQDashboardClient(url, Key, retries: 0);
        await impatient.CreateJobAsync("OtherJob", null, new JobOptions { Queue = "full" });
        Check((await Fails<UnavailableException>(503, () => impatient.CreateJobAsync("OtherJob", null, new JobOptions { Queue = "full" }))).Code == "busy", "it is busy");
        await Fails<ConnectionException>(0, () => new TickerQDashboardClient("http://127.0.0.1:1", Key, retries: 0).GetQueuesAsync());
    }

    private static async Task ALostAnswerDoesNoHarm(string flakyUrl)
    {
        var flaky = new TickerQDashboardClient(flakyUrl, Key, retries: 10);
        for (var number = 0; number < 5; number += 1) await flaky.CreateJobAsync("LostJob", new { number });
        Check((await client.GetJobsAsync(With("type", "LostJob"))).GetProperty("totalCount").GetInt32() == 5, "each was created once");
    }

    private static async Task LiveUpdates()
    {
        var told = new List<string>();
        using var stop = new CancellationTokenSource(20_000);
        string id = null;
        await client.SubscribeAsync(new[] { "job-status" }, (type, data) =>
        {
            if (type == "connected") id = client.CreateJobAsync("NoopJob", null).Result.Id;
            if (type != "job-status-changed") return;
            told.Add(data.GetProperty("jobId").GetString() + " " + data.GetProperty("status").GetString());
            if (told.Count == 3) stop.Cancel();
        }, new { type = "NoopJob" }, stop.Token);
        Check(told.SequenceEqual(new[] { $"{id} pending", $"{id} running", $"{id} completed" }), string.Join(", ", told));
    }

    private static void VerifyWebhooks()
    {
        var good = "sha256=733ae5122573f3ff45cad4406d879b88326cf5308d1d53c50e6efde0fa6036e1";
        var body = Encoding.UTF8.GetBytes("{\"a\":1}");
        Check(Webhooks.Verify(body, good, "webhook-secret-key"), "the right one is accepted");
        Check("sha256=" + Webhooks.ComputeHmacSha256(body, "webhook-secret-key") == good, "the reference computes the same");
        Check(!Webhooks.Verify(body, good, "x") && !Webhooks.Verify(body, null, "x") && !Webhooks.Verify(new byte[1], good, "webhook-secret-key"), "no other is");
    }

    private static async Task AWorker()
    {
        var attempts = 0;
        JobContext held = null;
        var worker = new TickerQWorker(client, "scenario", new[] { "work" }, 5, TimeSpan.FromMilliseconds(100));
        worker.Handle<Greet>((data, context) =>
        {
            context.Progress(50, "half");
            context.Log("hello " + data.name);
            return Task.FromResult<object>(new { greeting = "hello " + data.name });
        });
        worker.Handle("Flaky", context => ++attempts < 2 ? throw new Exception("not yet") : Task.FromResult<object>(null));
        worker.Handle("Broken", context => throw new PermanentJobException("never"));
        worker.Handle("Later", context => context.Job.GetProperty("attempt").GetInt32() < 2 ? throw new RetryLaterException("busy", TimeSpan.FromMilliseconds(1500)) : Task.FromResult<object>(null));
        worker.Handle("Patient", async context => { held = context; await Task.Delay(Timeout.Infinite, context.Cancellation); return null; });
        await worker.StartAsync();
        Task<JobDetails> Run(string type, object parameters = null, JobOptions options = null)
        {
            options ??= new JobOptions();
            options.Queue = "work";
            return client.CreateJobAsync(type, parameters, options);
        }
        async Task<JobDetails> End(Task<JobDetails> job) => await client.WaitForJobAsync((await job).Id);
        var greeted = await End(Run("Greet", new { name = "Ann" }));
        Check(greeted.Result.GetProperty("greeting").GetString() == "hello Ann" && greeted.Progress.GetProperty("percent").GetDouble() == 50, "it greets");
        Check(greeted.Log[0].GetProperty("message").GetString() == "hello Ann" && greeted.ExecutionHistory[0].Worker == "scenario", "it logs");
        var flaky = await End(Run("Flaky", null, new JobOptions { RetryDelay = TimeSpan.FromMilliseconds(50), MaxRetries = 1 }));
        Check(flaky.Status == "completed" && flaky.Attempt == 2 && flaky.ExecutionHistory[0].Error == "not yet", "it is tried again");
        var broken = await End(Run("Broken", null, new JobOptions { MaxRetries = 5 }));
        Check(broken.Status == "failed" && broken.Attempt == 1 && broken.Error == "never", "it has failed for good");
        var late = await End(Run("Later", null, new JobOptions { RetryDelay = TimeSpan.FromMinutes(1) }));
        var waited = late.ExecutionHistory[1].StartedAt - late.ExecutionHistory[0].CompletedAt;
        Check(waited >= TimeSpan.FromMilliseconds(1499) && waited < TimeSpan.FromSeconds(10), "it waits 1.5 s, not " + waited);
        var patient = await Run("Patient");
        while (held == null) await Task.Delay(10);
        await client.CancelJobAsync(patient.Id);
        Check((await client.WaitForJobAsync(patient.Id)).Status == "cancelled", "it is cancelled");
        var timed = await End(Run("Patient", null, new JobOptions { Timeout = TimeSpan.FromMilliseconds(300), MaxRetries = 0 }));
        Check(timed.Error.StartsWith("timed out after"), timed.Error);
        var many = await client.ScheduleJobsAsync(Enumerable.Range(0, 50).Select(n => (object)new { type = "Greet", queue = "work", parameters = new { name = n.ToString() } }));
        foreach (var job in many.GetProperty("jobs").EnumerateArray()) Check((await client.WaitForJobAsync(job.GetProperty("id").GetString())).Status == "completed", "all are run");
        held = null;
        var back = await Run("Patient");
        while (held == null) await Task.Delay(10);
        await worker.StopAsync(TimeSpan.FromMilliseconds(50));
        var pending = await client.GetJobAsync(back.Id);
        Check(pending.Status == "pending" && pending.RetryCount == 0, "it is handed back, not " + pending.Status);
        Check(!(await client.GetWorkersAsync()).GetProperty("workers").EnumerateArray().Any(known => known.GetProperty("id").GetString() == worker.Id), "the worker has left");
    }

    private static async Task Watch()
    {
        await client.SubscribeAsync(new[] { "job-status" }, (type, data) =>
        {
            if (type == "connected" || type == "disconnected") Say(type);
            if (type == "job-status-changed") Say($"told {data.GetProperty("jobId").GetString()} {data.GetProperty("status").GetString()}");
        });
    }

    private static async Task Work(string name)
    {
        var worker = new TickerQWorker(client, name);
        worker.Handle("RemoteJob", async context =>
        {
            Say($"running {context.JobId} {context.Attempt}");
            await Task.Delay(context.Attempt == 1 ? 600_000 : 500);
            return new { by = name };
        });
        var told = new ManualResetEventSlim();
        var stopped = new ManualResetEventSlim();
        AppDomain.CurrentDomain.ProcessExit += (_, __) => { told.Set(); stopped.Wait(30_000); };
        await worker.StartAsync();
        told.Wait();
        await worker.StopAsync(TimeSpan.FromSeconds(30));
        Say("stopped");
        stopped.Set();
    }

    public static async Task Main(string[] arguments)
    {
        url = arguments[1];
        client = new TickerQDashboardClient(url, Key);
        if (arguments[0] == "watch") { await Watch(); return; }
        if (arguments[0] == "work") { await Work(arguments[2]); return; }
        await ScheduleReadWait(); Say("ok schedule, read, wait");
        await ListsAndIdempotency(); Say("ok lists, idempotency");
        await Steer(); Say("ok steer");
        await RecurringQueuesAndTheServer(); Say("ok recurring jobs, queues, metrics, nodes, records");
        await EveryErrorHasItsClass(); Say("ok every error has its class");
        await ALostAnswerDoesNoHarm(arguments[2]); Say("ok a lost answer does no harm");
        await LiveUpdates(); Say("ok live updates");
        VerifyWebhooks(); Say("ok webhooks");
        await AWorker(); Say("ok a worker");
        Say("all scenarios passed");
    }
}
