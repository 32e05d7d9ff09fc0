// A worker: leases jobs, runs them with functions of this program, and reports their results.

using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;

namespace TickerQ.Client
{
    /// <summary>Runs jobs with functions of this program.</summary>
    public sealed class TickerQWorker : IDisposable, IAsyncDisposable
    {
        private static readonly TimeSpan LeaseWait = TimeSpan.FromSeconds(30);
        private static readonly TimeSpan StopGrace = TimeSpan.FromSeconds(5);
        private const int ReportTries = 20;

        private readonly TickerQDashboardClient _client;
        private readonly string _name;
        private readonly string[] _queues;
        private readonly int _concurrency;
        private readonly TimeSpan? _heartbeatEvery;
        private readonly bool _keepSubscriptions;
        private readonly Dictionary<string, Func<JobContext, Task<object>>> _handlers = new Dictionary<string, Func<JobContext, Task<object>>>();
        private readonly ConcurrentDictionary<string, JobContext> _running = new ConcurrentDictionary<string, JobContext>();
        private readonly CancellationTokenSource _stopping = new CancellationTokenSource();
        private readonly CancellationTokenSource _left = new CancellationTokenSource();
        private readonly SemaphoreSlim _free;
        /// <summary>Held during a heartbeat, which carries progress and log: they must arrive before the result of their job.</summary>
        private readonly SemaphoreSlim _beating = new SemaphoreSlim(1);
        private TimeSpan _beatEvery;
        private Task _starting;
        private Task _loops;
        private string _trouble;
        private string _refused = "";

        /// <summary>A worker of this name. Stopping it closes the subscriptions of its client, unless
        /// <paramref name="keepSubscriptions"/> is set.</summary>
        public TickerQWorker(TickerQDashboardClient client, string name, IEnumerable<string> queues = null, int concurrency = 10, TimeSpan? heartbeatEvery = null, bool keepSubscriptions = false)
        {
            _client = client;
            _name = name;
            _queues = (queues ?? Enumerable.Empty<string>()).ToArray();
            _concurrency = concurrency;
            _free = new SemaphoreSlim(concurrency);
            _heartbeatEvery = heartbeatEvery;
            _keepSubscriptions = keepSubscriptions;
        }

        /// <summary>The id of this run of the worker; null before it is registered.</summary>
        public string Id { get; private set; }

        /// <summary>Receives failed requests and errors of handlers as text; the standard error by default.</summary>
        public Action<string> Logger { get; set; } = text => Console.Error.WriteLine(text);

        /// <summary>Registers a function for a job type; its result is the job's.</summary>
        public TickerQWorker Handle(string type, Func<JobContext, Task<object>> handler)
        {
            _handlers[type] = handler;
            return this;
        }

        /// <summary>Registers a function for the jobs whose type is the name of the class of their data.</summary>
        public TickerQWorker Handle<T>(Func<T, JobContext, Task<object>> handler) => Handle(typeof(T).Name, context => handler(context.Parameters<T>(), context));

        /// <summary>Registers and starts to work. Waits for a server that is not reachable yet; <see cref="StopAsync"/> ends
        /// the wait.</summary>
        public Task StartAsync() => _starting ??= RegisterWhenReachableAsync();

        private async Task RegisterWhenReachableAsync()
        {
            for (var tries = 0; !_stopping.IsCancellationRequested; tries += 1)
            {
                try
                {
                    await RegisterAsync(_stopping.Token, 0).ConfigureAwait(false);
                    Recovered();
                    _loops = Task.WhenAll(Task.Run(LeaseLoop), Task.Run(BeatLoop));
                    return;
                }
                catch (OperationCanceledException)
                {
                    return;
                }
                catch (TickerQException error) when (error.Status == 0 || error.Status == 429 || error.Status >= 500)
                {
                    Failed("could not register", error);
                    await PauseAsync(tries, error).ConfigureAwait(false);
                }
            }
        }

        /// <summary>Leases no more jobs, waits the grace time for those that run, releases the others, unregisters, and closes
        /// the subscriptions of the client.</summary>
        public async Task StopAsync(TimeSpan grace)
        {
            _stopping.Cancel();
            if (_starting != null) await Task.WhenAny(_starting).ConfigureAwait(false);
            if (_loops != null)
            {
                if (!await QuietWithin(grace).ConfigureAwait(false))
                {
                    foreach (var context in _running.Values) context.StopFor("stopping");
                    await QuietWithin(StopGrace).ConfigureAwait(false);
                }
                _left.Cancel();
                await _loops.ConfigureAwait(false);
                _loops = null;
                try { await _client.RemoveWorkerAsync(Id).ConfigureAwait(false); } catch (TickerQException error) { Failed("could not unregister", error); }
            }
            if (!_keepSubscriptions) _client.CloseSubscriptions();
        }

        /// <summary>Stops within 30 seconds; see <see cref="StopAsync"/>.</summary>
        public async ValueTask DisposeAsync() => await StopAsync(TimeSpan.FromSeconds(30)).ConfigureAwait(false);

        /// <summary>The same for programs without <c>await using</c>.</summary>
        public void Dispose() => Task.Run(() => StopAsync(TimeSpan.FromSeconds(30))).GetAwaiter().GetResult();

        private void Log(string text) => Logger?.Invoke($"worker {_name}: {text}");

        /// <summary>Logs a failed request; one that repeats is logged once.</summary>
        private void Failed(string what, Exception error)
        {
            var text = $"{what}: {error.Message}";
            if (Interlocked.Exchange(ref _trouble, text) != text) Log(text);
        }

        private void Recovered()
        {
            if (Interlocked.Exchange(ref _trouble, null) != null) Log("connected");
        }

        private async Task PauseAsync(int tries, TickerQException error)
        {
            var wait = TickerQDashboardClient.Backoff(tries);
            if (error.RetryAfter > wait) wait = error.RetryAfter.Value;
            try { await Task.Delay(wait, _stopping.Token).ConfigureAwait(false); } catch (OperationCanceledException) { }
        }

        private async Task<bool> QuietWithin(TimeSpan time)
        {
            var end = DateTime.UtcNow + time;
            while (!_running.IsEmpty && DateTime.UtcNow < end) await Task.Delay(10).ConfigureAwait(false);
            return _running.IsEmpty;
        }

        private async Task RegisterAsync(CancellationToken cancellation, int? retries = null)
        {
            var worker = await _client.RegisterWorkerAsync(_name, _handlers.Keys, _queues, _concurrency, retries, cancellation).ConfigureAwait(false);
            Id = worker.Id;
            _beatEvery = _heartbeatEvery ?? worker.HeartbeatInterval;
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
                    foreach (var job in await _client.LeaseJobsAsync(Id, max, LeaseWait, _stopping.Token).ConfigureAwait(false))
                    {
                        max -= 1;
                        var context = new JobContext(job);
                        _running[context.JobId] = context;
                        _ = Task.Run(() => RunAsync(context));
                    }
                    Recovered();
                    tries = 0;
                }
                catch (OperationCanceledException)
                {
                    return;
                }
                catch (TickerQException error)
                {
                    Failed("could not lease jobs", error);
                    if (error is NotFoundException || error is ConflictException) await BeatAsync().ConfigureAwait(false);
                    await PauseAsync(tries, error).ConfigureAwait(false);
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
                try { await Task.Delay(_beatEvery, _left.Token).ConfigureAwait(false); } catch (OperationCanceledException) { return; }
                await BeatAsync().ConfigureAwait(false);
            }
        }

        /// <summary>One heartbeat; only if a job has progress or log lines to send, where one is given.</summary>
        private async Task BeatAsync(JobContext ended = null)
        {
            await _beating.WaitAsync().ConfigureAwait(false);
            try { if (ended == null || ended.HasNews) await BeatAloneAsync().ConfigureAwait(false); }
            finally { _beating.Release(); }
        }

        private async Task BeatAloneAsync()
        {
            var contexts = _running.Values.ToArray();
            try
            {
                var answer = await _client.HeartbeatAsync(Id, contexts.Select(context => context.Report())).ConfigureAwait(false);
                foreach (var id in answer.Cancelled) if (_running.TryGetValue(id, out var context)) context.StopFor("cancelled");
                foreach (var id in answer.Lost) if (_running.TryGetValue(id, out var context)) Lose(context);
                var refused = string.Join(", ", answer.RefusedTypes ?? new List<string>());
                if (refused != "" && refused != _refused) Log($"servers run jobs of {refused} and lease none of them");
                _refused = refused;
            }
            catch (NotFoundException error)
            {
                Failed("heartbeat failed", error);
                if (_stopping.IsCancellationRequested) return;
                // The server does not know this worker any more, nor its leases.
                foreach (var context in contexts) Lose(context);
                try { await RegisterAsync(default).ConfigureAwait(false); } catch (TickerQException failure) { Failed("could not register", failure); }
            }
            catch (TickerQException error)
            {
                Failed("heartbeat failed", error);
            }
        }

        private void Lose(JobContext context)
        {
            Log($"lost the lease of job {context.JobId}");
            context.StopFor("lost");
        }

        private async Task RunAsync(JobContext context)
        {
            var result = context.Held();
            var isCompleted = false;
            var timeout = TimeSpan.FromMilliseconds(Math.Min(context.Job.Timeout.TotalMilliseconds, 4000000000));
            using (new Timer(_ => context.StopFor("timeout"), null, timeout, Timeout.InfiniteTimeSpan))
            {
                try
                {
                    var work = _handlers[context.Job.Type](context);
                    var stopped = Stopped(context);
                    // A handler that ignores its cancellation is abandoned.
                    if (await Task.WhenAny(work, stopped).ConfigureAwait(false) == stopped) throw new OperationCanceledException();
                    var value = await work.ConfigureAwait(false);
                    isCompleted = true;
                    if (value != null) result["result"] = value;
                }
                catch (Exception error)
                {
                    Fail(context, result, error);
                }
            }
            if (context.Reason != "lost")
            {
                await BeatAsync(context).ConfigureAwait(false);
                await ReportAsync(context, isCompleted, result).ConfigureAwait(false);
            }
            _running.TryRemove(context.JobId, out _);
            _free.Release();
        }

        /// <summary>Fills in the result of an attempt that has failed or was stopped, and logs a failure.</summary>
        private void Fail(JobContext context, Dictionary<string, object> result, Exception error)
        {
            var job = $"attempt {context.Attempt} of job {context.JobId} ({context.Job.Type})";
            switch (context.Reason)
            {
                case "cancelled": result["outcome"] = "cancelled"; return;
                case "stopping": result["outcome"] = "released"; return;
                case "lost": return;
                case "timeout":
                    result["error"] = $"timed out after {context.Job.Timeout:c}";
                    Log($"{job} failed: {result["error"]}");
                    return;
            }
            result["error"] = error.Message;
            result["errorDetail"] = error.ToString();
            if (error is PermanentJobException) result["retry"] = false;
            if (error is RetryLaterException later)
            {
                result["retryAfter"] = later.After;
                Log($"{job} retries in {later.After:c}: {error.Message}");
            }
            else Log($"{job} failed: {error}");
        }

        private async Task ReportAsync(JobContext context, bool isCompleted, Dictionary<string, object> result)
        {
            for (var attempt = 0; attempt < ReportTries; attempt += 1)
            {
                try
                {
                    await (isCompleted ? _client.CompleteJobsAsync(Id, new[] { result }) : _client.FailJobsAsync(Id, new[] { result })).ConfigureAwait(false);
                    return;
                }
                catch (ConflictException)
                {
                    // Too late, or a repeated request whose first response was lost.
                    return;
                }
                catch (Exception error) when (error is ValidationException || error is TooLargeException || error is NotSupportedException || error is System.Text.Json.JsonException)
                {
                    Failed("could not report a result", error);
                    if (!isCompleted) return;
                    isCompleted = false;
                    result = context.Held();
                    result["error"] = "the result was not accepted: " + error.Message;
                    result["retry"] = false;
                }
                catch (TickerQException error)
                {
                    Failed("could not report a result", error);
                    await Task.Delay(TickerQDashboardClient.Backoff(attempt)).ConfigureAwait(false);
                }
            }
            Log($"gave up reporting the result of job {context.JobId}");
        }

        private static async Task Stopped(JobContext context)
        {
            try { await Task.Delay(Timeout.InfiniteTimeSpan, context.Cancellation).ConfigureAwait(false); } catch (OperationCanceledException) { }
            await Task.Delay(1000).ConfigureAwait(false);
        }
    }
}
