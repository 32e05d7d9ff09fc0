// A worker: asks for jobs, runs them with functions of this program, and says what came of them.

using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Linq;
using System.Net.Http;
using System.Text.Json;
using System.Threading;
using System.Threading.Tasks;

namespace TickerQ.Client
{
    /// <summary>Throw it in a handler when another attempt can't help: the job has failed for good.</summary>
    public sealed class PermanentJobException : Exception
    {
        /// <summary>With why.</summary>
        public PermanentJobException(string message) : base(message) { }
    }

    /// <summary>Throw it in a handler when the next attempt should wait for exactly so long.</summary>
    public sealed class RetryLaterException : Exception
    {
        /// <summary>With why, and the wait.</summary>
        public RetryLaterException(string message, TimeSpan after) : base(message)
        {
            After = after < TimeSpan.Zero ? TimeSpan.Zero : after;
        }

        /// <summary>The wait before the next attempt.</summary>
        public TimeSpan After { get; }
    }

    /// <summary>What a handler is given.</summary>
    public sealed class JobContext
    {
        private readonly object _lock = new object();
        private object _progress;
        private List<object> _log = new List<object>();
        internal readonly CancellationTokenSource Stop = new CancellationTokenSource();
        internal string Reason;

        internal JobContext(JsonElement job) { Job = job; }

        /// <summary>The job as it was leased.</summary>
        public JsonElement Job { get; }
        /// <summary>Its id.</summary>
        public string JobId => Job.GetProperty("jobId").GetString();
        /// <summary>The number of this attempt.</summary>
        public int Attempt => Job.GetProperty("attempt").GetInt32();
        /// <summary>Cancelled when the job should stop.</summary>
        public CancellationToken Cancellation => Stop.Token;
        /// <summary>The parameters.</summary>
        public T Parameters<T>() => JsonSerializer.Deserialize<T>(Job.GetProperty("parameters").GetRawText(), TickerQDashboardClient.Json);

        /// <summary>Says how far the job is, from 0 to 100.</summary>
        public void Progress(double percent, string message = null) { lock (_lock) _progress = new { percent, message }; }

        /// <summary>Logs a line: debug, info, warning or error.</summary>
        public void Log(string message, string level = "info") { lock (_lock) _log.Add(new { at = DateTime.UtcNow.ToString("o"), level, message }); }

        internal Dictionary<string, object> Said() => new Dictionary<string, object> { ["jobId"] = JobId, ["leaseToken"] = Job.GetProperty("leaseToken").GetString() };

        internal Dictionary<string, object> Report()
        {
            lock (_lock)
            {
                var said = Said();
                if (_progress != null) said["progress"] = _progress;
                if (_log.Count > 0) said["log"] = _log;
                _progress = null;
                _log = new List<object>();
                return said;
            }
        }

        internal bool HasNews { get { lock (_lock) return _progress != null || _log.Count > 0; } }

        internal void StopFor(string reason)
        {
            Interlocked.CompareExchange(ref Reason, reason, null);
            Stop.Cancel();
        }
    }

    /// <summary>Runs jobs with functions of this program.</summary>
    public sealed class TickerQWorker
    {
        private readonly TickerQDashboardClient _client;
        private readonly string _name;
        private readonly string[] _queues;
        private readonly int _concurrency;
        private readonly Dictionary<string, Func<JobContext, Task<object>>> _handlers = new Dictionary<string, Func<JobContext, Task<object>>>();
        private readonly ConcurrentDictionary<string, JobContext> _running = new ConcurrentDictionary<string, JobContext>();
        private readonly CancellationTokenSource _stopping = new CancellationTokenSource();
        private readonly SemaphoreSlim _free;
        private TimeSpan _beatEvery;
        private readonly TimeSpan? _heartbeatEvery;

        /// <summary>A worker of this name.</summary>
        public TickerQWorker(TickerQDashboardClient client, string name, IEnumerable<string> queues = null, int concurrency = 10, TimeSpan? heartbeatEvery = null)
        {
            _client = client;
            _name = name;
            _queues = (queues ?? Enumerable.Empty<string>()).ToArray();
            _concurrency = concurrency;
            _free = new SemaphoreSlim(concurrency);
            _heartbeatEvery = heartbeatEvery;
        }

        /// <summary>This run of the worker, as the server knows it.</summary>
        public string Id { get; private set; }

        /// <summary>Has a function run the jobs of a type; what it gives is the result.</summary>
        public TickerQWorker Handle(string type, Func<JobContext, Task<object>> handler)
        {
            _handlers[type] = handler;
            return this;
        }

        /// <summary>Has a function run the jobs that are called as the class of their data.</summary>
        public TickerQWorker Handle<T>(Func<T, JobContext, Task<object>> handler) => Handle(typeof(T).Name, context => handler(context.Parameters<T>(), context));

        /// <summary>Registers, and works from now on.</summary>
        public async Task StartAsync()
        {
            await RegisterAsync().ConfigureAwait(false);
            _ = Task.Run(LeaseLoop);
            _ = Task.Run(BeatLoop);
        }

        /// <summary>Takes no more jobs, lets those that run end within the grace time, hands back the rest, and leaves.</summary>
        public async Task StopAsync(TimeSpan grace)
        {
            _stopping.Cancel();
            if (!await QuietWithin(grace).ConfigureAwait(false))
            {
                foreach (var context in _running.Values) context.StopFor("stopping");
                await QuietWithin(TimeSpan.FromSeconds(5)).ConfigureAwait(false);
            }
            await _client.SendAsync(HttpMethod.Delete, "/workers/" + Id).ConfigureAwait(false);
            _left.Cancel();
        }

        private readonly CancellationTokenSource _left = new CancellationTokenSource();

        private async Task<bool> QuietWithin(TimeSpan time)
        {
            var end = DateTime.UtcNow + time;
            while (!_running.IsEmpty && DateTime.UtcNow < end) await Task.Delay(10).ConfigureAwait(false);
            return _running.IsEmpty;
        }

        private async Task RegisterAsync()
        {
            var worker = await _client.SendAsync(HttpMethod.Post, "/workers", new { name = _name, types = _handlers.Keys.ToArray(), queues = _queues, concurrency = _concurrency }).ConfigureAwait(false);
            Id = worker.GetProperty("id").GetString();
            _beatEvery = _heartbeatEvery ?? TimeSpan.Parse(worker.GetProperty("heartbeatInterval").GetString());
        }

        private async Task LeaseLoop()
        {
            var tries = 0;
            while (!_stopping.IsCancellationRequested)
            {
                var max = 0;
                try
                {
                    await _free.WaitAsync(_stopping.Token).ConfigureAwait(false);
                    max = 1;
                    while (max < 1000 && _free.Wait(0)) max += 1;
                    var leased = await _client.SendAsync(HttpMethod.Post, $"/workers/{Id}/lease", new { max, wait = "00:00:30" }, timeout: TimeSpan.FromSeconds(60), retries: 0, cancellation: _stopping.Token).ConfigureAwait(false);
                    foreach (var job in leased.GetProperty("jobs").EnumerateArray())
                    {
                        max -= 1;
                        var context = new JobContext(job);
                        _running[context.JobId] = context;
                        _ = Task.Run(() => RunAsync(context));
                    }
                    tries = 0;
                }
                catch (OperationCanceledException)
                {
                    return;
                }
                catch (TickerQException error)
                {
                    if (error is NotFoundException || error is ConflictException) await BeatAsync().ConfigureAwait(false);
                    await Task.Delay(TickerQDashboardClient.Backoff(tries)).ConfigureAwait(false);
                    tries += 1;
                }
                finally
                {
                    if (max > 0) _free.Release(max);
                }
            }
        }

        private async Task BeatLoop()
        {
            while (!_left.IsCancellationRequested)
            {
                await Task.Delay(_beatEvery).ConfigureAwait(false);
                if (!_left.IsCancellationRequested) await BeatAsync().ConfigureAwait(false);
            }
        }

        private async Task BeatAsync()
        {
            var contexts = _running.Values.ToArray();
            try
            {
                var told = await _client.SendAsync(HttpMethod.Post, $"/workers/{Id}/heartbeat", new { jobs = contexts.Select(context => context.Report()).ToArray() }, safe: true).ConfigureAwait(false);
                foreach (var reason in new[] { "cancelled", "lost" })
                {
                    foreach (var id in told.GetProperty(reason).EnumerateArray())
                    {
                        if (_running.TryGetValue(id.GetString(), out var context)) context.StopFor(reason);
                    }
                }
            }
            catch (NotFoundException)
            {
                if (_stopping.IsCancellationRequested) return;
                // The server knows this worker no more, nor that it runs anything.
                foreach (var context in contexts) context.StopFor("lost");
                try { await RegisterAsync().ConfigureAwait(false); } catch (TickerQException) { }
            }
            catch (TickerQException)
            {
                // The next one tells it again.
            }
        }

        private async Task RunAsync(JobContext context)
        {
            var timeout = TimeSpan.Parse(context.Job.GetProperty("timeout").GetString());
            var said = context.Said();
            var how = "fail";
            using (var over = new Timer(_ => context.StopFor("timeout"), null, TimeSpan.FromMilliseconds(Math.Min(timeout.TotalMilliseconds, 4000000000)), Timeout.InfiniteTimeSpan))
            {
                try
                {
                    var work = _handlers[context.Job.GetProperty("type").GetString()](context);
                    var stopped = Stopped(context);
                    // A handler that does not stop is waited for no longer.
                    if (await Task.WhenAny(work, stopped).ConfigureAwait(false) == stopped) throw new OperationCanceledException();
                    var result = await work.ConfigureAwait(false);
                    how = "complete";
                    if (result != null) said["result"] = result;
                }
                catch (Exception error)
                {
                    if (context.Reason == "cancelled") said["outcome"] = "cancelled";
                    else if (context.Reason == "stopping") said["outcome"] = "released";
                    else if (context.Reason == "timeout") said["error"] = $"timed out after {timeout:c}";
                    else
                    {
                        said["error"] = error.Message;
                        said["errorDetail"] = error.ToString();
                        if (error is PermanentJobException) said["retry"] = false;
                        if (error is RetryLaterException later) said["retryAfter"] = later.After.ToString("c");
                    }
                }
            }
            if (context.Reason != "lost")
            {
                if (context.HasNews) await BeatAsync().ConfigureAwait(false);
                for (var attempt = 0; attempt < 20; attempt += 1)
                {
                    try
                    {
                        await _client.SendAsync(HttpMethod.Post, $"/workers/{Id}/{how}", new { jobs = new[] { said } }, safe: true).ConfigureAwait(false);
                        break;
                    }
                    catch (ConflictException)
                    {
                        // Too late, or said before and the answer was lost.
                        break;
                    }
                    catch (TickerQException error) when (error is ValidationException || error is TooLargeException)
                    {
                        if (how == "fail") break;
                        how = "fail";
                        said = context.Said();
                        said["error"] = "the result was not accepted: " + error.Message;
                        said["retry"] = false;
                    }
                    catch (TickerQException)
                    {
                        await Task.Delay(TickerQDashboardClient.Backoff(attempt)).ConfigureAwait(false);
                    }
                }
            }
            _running.TryRemove(context.JobId, out _);
            _free.Release();
        }

        private static async Task Stopped(JobContext context)
        {
            try { await Task.Delay(Timeout.InfiniteTimeSpan, context.Cancellation).ConfigureAwait(false); } catch (OperationCanceledException) { }
            await Task.Delay(1000).ConfigureAwait(false);
        }
    }
}
