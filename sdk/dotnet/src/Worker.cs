// A worker: leases jobs, runs them with handlers of this program, and reports their results.

using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Net.Http;
using System.Text.Json;
using System.Threading;
using System.Threading.Tasks;

namespace TickerQ.Client
{
    /// <summary>Runs jobs with handlers of this program.</summary>
    public sealed partial class TickerQWorker : IDisposable, IAsyncDisposable
    {
        private static readonly TimeSpan LeaseWait = TimeSpan.FromSeconds(30);
        private static readonly TimeSpan StopGrace = TimeSpan.FromSeconds(5);
        /// <summary>Time that a stop waits for a registration in progress, so that the worker is
        /// unregistered.</summary>
        private static readonly TimeSpan RegisterGrace = TimeSpan.FromSeconds(2);
        /// <summary>Number of heartbeats with a proxy's 404, one lease long, after which the worker registers again.</summary>
        private const int UnknownMax = 3;

        private readonly TickerQDashboardClient _client;
        private readonly string _name;
        private readonly string[] _queues;
        private readonly int _concurrency;
        private readonly TimeSpan? _heartbeatEvery;
        private readonly bool _keepSubscriptions;
        private readonly Dictionary<string, Func<JobContext, Task<object>>> _handlers = new Dictionary<string, Func<JobContext, Task<object>>>();
        /// <summary>Running attempts and those with an unreported result. A job may briefly have two.</summary>
        private readonly ConcurrentDictionary<JobContext, bool> _running = new ConcurrentDictionary<JobContext, bool>();
        private readonly CancellationTokenSource _stopping = new CancellationTokenSource();
        private readonly CancellationTokenSource _registering = new CancellationTokenSource();
        /// <summary>Aborts remaining requests when the worker has stopped.</summary>
        private readonly CancellationTokenSource _left = new CancellationTokenSource();
        private readonly SemaphoreSlim _free;
        /// <summary>Held during a heartbeat: its progress and log lines must precede the result of their job.</summary>
        private readonly SemaphoreSlim _beating = new SemaphoreSlim(1);
        private TimeSpan _beatEvery;
        private Task _starting;
        private Task _loops;
        private string _trouble;
        private int _unknown;
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

        /// <summary>The id of this worker process; null before its registration.</summary>
        public string Id { get; private set; }

        /// <summary>Receives failed requests and errors of handlers as text; standard error by default.</summary>
        public Action<string> Logger { get; set; } = text => Console.Error.WriteLine(text);

        /// <summary>Registers a handler of a job type.</summary>
        public TickerQWorker Handle(string type, Func<JobContext, Task<object>> handler)
        {
            _handlers[type] = handler;
            return this;
        }

        /// <summary>Registers a handler of the job type with the name of the data's class.</summary>
        public TickerQWorker Handle<T>(Func<T, JobContext, Task<object>> handler) => Handle(typeof(T).Name, context => handler(context.Parameters<T>(), context));

        /// <summary>Registers and starts. Waits for an unreachable server; <see cref="StopAsync"/> ends
        /// the wait.</summary>
        public Task StartAsync() => _starting ??= RegisterWhenReachableAsync();

        private async Task RegisterWhenReachableAsync()
        {
            for (var tries = 0; !_stopping.IsCancellationRequested; tries += 1)
            {
                try
                {
                    await RegisterAsync(_registering.Token, 0).ConfigureAwait(false);
                    Recovered();
                    _loops = Task.WhenAll(Task.Run(LeaseLoop), Task.Run(BeatLoop));
                    return;
                }
                catch (OperationCanceledException)
                {
                    return;
                }
                catch (TickerQException error) when (error is ServerException || error.Status == 0 || error.Status == 429 || error.Status >= 500)
                {
                    Failed("could not register", error);
                    await PauseAsync(tries, error).ConfigureAwait(false);
                }
            }
        }

        /// <summary>Leases no more jobs, waits the grace time for running ones, releases the others, unregisters, and closes
        /// the subscriptions of the client.</summary>
        public async Task StopAsync(TimeSpan grace)
        {
            _stopping.Cancel();
            if (_starting != null)
            {
                await Task.WhenAny(_starting, Task.Delay(RegisterGrace)).ConfigureAwait(false);
                _registering.Cancel();
                await Task.WhenAny(_starting).ConfigureAwait(false);
            }
            var loops = Interlocked.Exchange(ref _loops, null);
            if (loops != null)
            {
                if (!await QuietWithin(grace).ConfigureAwait(false))
                {
                    foreach (var context in _running.Keys) context.StopFor("stopping");
                    await QuietWithin(StopGrace).ConfigureAwait(false);
                }
                _left.Cancel();
                await Task.WhenAny(loops).ConfigureAwait(false);
                try { await _client.RemoveWorkerAsync(Id).ConfigureAwait(false); } catch (Exception error) { Failed("could not unregister", error); }
            }
            if (!_keepSubscriptions) _client.CloseSubscriptions();
        }

        /// <summary>Stops within 30 seconds; see <see cref="StopAsync"/>.</summary>
        public async ValueTask DisposeAsync() => await StopAsync(TimeSpan.FromSeconds(30)).ConfigureAwait(false);

        /// <summary>The synchronous form.</summary>
        public void Dispose() => Task.Run(() => StopAsync(TimeSpan.FromSeconds(30))).GetAwaiter().GetResult();

        private void Log(string text)
        {
            // An error of the logger can't be reported elsewhere.
            try { Logger?.Invoke($"worker {_name}: {text}"); } catch (Exception) { }
        }

        /// <summary>Logs a failed request; repetitions are logged once.</summary>
        private void Failed(string what, Exception error)
        {
            var text = $"{what}: {TextOf(error)}";
            if (Interlocked.Exchange(ref _trouble, text) != text) Log(text);
        }

        private void Recovered()
        {
            if (Interlocked.Exchange(ref _trouble, null) != null) Log("connected");
        }

        private async Task PauseAsync(int tries, Exception error)
        {
            try { await Task.Delay(Wait(tries, error), _stopping.Token).ConfigureAwait(false); } catch (OperationCanceledException) { }
        }

        private static TimeSpan Wait(int tries, Exception error)
        {
            var wait = TickerQDashboardClient.Backoff(Math.Min(tries, 20));
            return error is TickerQException known && known.RetryAfter > wait ? known.RetryAfter.Value : wait;
        }

        private async Task<bool> QuietWithin(TimeSpan time)
        {
            var over = Stopwatch.StartNew();
            while (!_running.IsEmpty && over.Elapsed < time) await Task.Delay(10).ConfigureAwait(false);
            return _running.IsEmpty;
        }

        private async Task RegisterAsync(CancellationToken cancellation, int? retries = null)
        {
            var worker = await _client.RegisterWorkerAsync(_name, _handlers.Keys, _queues, _concurrency, retries, cancellation).ConfigureAwait(false);
            if (worker.Id == null) throw new ServerException("the response to the registration has no id", 200, null, null);
            Id = worker.Id;
            _unknown = 0;
            var every = (_heartbeatEvery ?? worker.HeartbeatInterval).TotalMilliseconds;
            _beatEvery = TimeSpan.FromMilliseconds(Math.Min(Math.Max(every, 10), 86_400_000));
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
                        if (max > 0 && Begin(job)) max -= 1;
                    }
                    Recovered();
                    tries = 0;
                }
                catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
                {
                    return;
                }
                catch (Exception error)
                {
                    // The loop continues after any response of a proxy.
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

        /// <summary>Sends a heartbeat; with a job, only if it has progress or log lines to send.</summary>
        private async Task BeatAsync(JobContext ended = null)
        {
            await _beating.WaitAsync().ConfigureAwait(false);
            try
            {
                if (ended == null || ended.HasNews) await BeatAloneAsync().ConfigureAwait(false);
            }
            catch (Exception error)
            {
                if (!_left.IsCancellationRequested) Failed("heartbeat failed", error);
            }
            finally
            {
                _beating.Release();
            }
        }

        private async Task BeatAloneAsync()
        {
            // An attempt that another one of its job has replaced is omitted: the response names jobs only.
            var named = _running.Keys.Where(context => !context.IsLost).ToList();
            try
            {
                var response = await HeartbeatAsync(named).ConfigureAwait(false);
                _unknown = 0;
                foreach (var context in named)
                {
                    if (response.Lost.Contains(context.JobId)) Lose(context);
                    else if (response.Cancelled.Contains(context.JobId)) context.StopFor("cancelled");
                }
                var refused = string.Join(", ", response.RefusedTypes ?? new List<string>());
                if (refused != "" && refused != _refused) Log($"servers run jobs of {refused} and lease none of them");
                _refused = refused;
            }
            catch (NotFoundException error)
            {
                Failed("heartbeat failed", error);
                // A 404 without a problem comes from a proxy, unless it persists.
                _unknown += 1;
                if ((error.Code == null && _unknown < UnknownMax) || _stopping.IsCancellationRequested) return;
                // The server no longer knows this worker and its leases.
                foreach (var context in named) Lose(context);
                try { await RegisterAsync(default, 0).ConfigureAwait(false); } catch (Exception failure) { Failed("could not register", failure); }
            }
        }

        /// <summary>Renews the lease. Rejected progress and log lines are dropped: they must not cost the
        /// lease.</summary>
        private async Task<Heartbeat> HeartbeatAsync(List<JobContext> named)
        {
            try
            {
                return await SendAsync<Heartbeat>("heartbeat", named.Select(context => context.Report())).ConfigureAwait(false);
            }
            catch (Exception error) when (IsVerdict(error))
            {
                Failed("progress and log lines were not accepted", error);
                return await SendAsync<Heartbeat>("heartbeat", named.Select(context => context.Held())).ConfigureAwait(false);
            }
        }

        private async Task<T> SendAsync<T>(string what, IEnumerable<object> jobs, int? retries = null) where T : class
        {
            var path = $"/workers/{Uri.EscapeDataString(Id)}/{what}";
            return Wire.ResponseOf<T>(await _client.SendAsync(HttpMethod.Post, path, new { jobs = jobs.ToList() }, true, retries: retries, cancellation: _left.Token).ConfigureAwait(false));
        }

        private void Lose(JobContext context)
        {
            if (context.IsLost) return;
            context.IsLost = true;
            if (context.IsEnded) return;
            Log($"lost the lease of job {context.JobId}");
            context.StopFor("lost");
        }
    }
}
