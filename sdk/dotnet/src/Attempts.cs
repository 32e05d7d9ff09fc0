// The attempts of a worker: each runs a function of the program and reports its result.

using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Text.Json;
using System.Threading;
using System.Threading.Tasks;

namespace TickerQ.Client
{
    public sealed partial class TickerQWorker
    {
        /// <summary>Runs an attempt; false for one that runs already.</summary>
        private bool Begin(LeasedJob job)
        {
            var others = _running.Keys.Where(other => other.JobId == job.JobId).ToList();
            if (others.Any(other => other.Job.LeaseToken == job.LeaseToken)) return false;
            // The server has started another attempt: earlier ones are abandoned.
            foreach (var other in others) Lose(other);
            var context = new JobContext(job);
            _running[context] = true;
            _ = Task.Run(() => RunAsync(context));
            return true;
        }

        private async Task RunAsync(JobContext context)
        {
            try
            {
                var (isCompleted, result) = await AttemptAsync(context).ConfigureAwait(false);
                context.IsEnded = true;
                if (context.IsLost) return;
                await BeatAsync(context).ConfigureAwait(false);
                await ReportAsync(context, isCompleted, result).ConfigureAwait(false);
            }
            catch (Exception error)
            {
                Log($"could not report attempt {context.Attempt} of job {context.JobId}: {error}");
            }
            finally
            {
                _running.TryRemove(context, out _);
                _free.Release();
            }
        }

        private async Task<(bool, Dictionary<string, object>)> AttemptAsync(JobContext context)
        {
            var result = context.Held();
            var timeout = TimeSpan.FromMilliseconds(Math.Min(context.Job.Timeout.TotalMilliseconds, 4000000000));
            using var timer = new Timer(_ => context.StopFor("timeout"), null, timeout, Timeout.InfiniteTimeSpan);
            object value;
            try
            {
                var work = Task.Run(() => _handlers[context.Job.Type](context));
                var stopped = Stopped(context);
                // A handler that ignores its cancellation is abandoned.
                if (await Task.WhenAny(work, stopped).ConfigureAwait(false) == stopped) throw new OperationCanceledException();
                value = await work.ConfigureAwait(false);
            }
            catch (Exception error)
            {
                Fail(context, result, error);
                return (false, result);
            }
            try
            {
                // By itself: what can't be written must not fail other requests.
                if (value != null) result["result"] = JsonDocument.Parse(JsonSerializer.SerializeToUtf8Bytes(value, value.GetType(), Wire.Values)).RootElement;
                return (true, result);
            }
            catch (Exception error)
            {
                result["error"] = "the result can't be written as JSON: " + TextOf(error);
                result["retry"] = false;
                Log($"attempt {context.Attempt} of job {context.JobId} ({context.Job.Type}) failed: {result["error"]}");
                return (false, result);
            }
        }

        /// <summary>The text of any exception.</summary>
        private static string TextOf(Exception error)
        {
            try { return string.IsNullOrEmpty(error.Message) ? error.GetType().Name : error.Message; } catch (Exception) { return error.GetType().Name; }
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
            var text = TextOf(error);
            result["error"] = text;
            try { result["errorDetail"] = error.ToString(); } catch (Exception) { result["errorDetail"] = text; }
            if (error is PermanentJobException) result["retry"] = false;
            if (error is RetryLaterException later)
            {
                result["retryAfter"] = later.After;
                Log($"{job} retries in {later.After:c}: {text}");
            }
            else Log($"{job} failed: {result["errorDetail"]}");
        }

        /// <summary>True if an error concerns the content of the request: a rejection, or an error of its serialization. Any other
        /// failure may pass.</summary>
        private static bool IsVerdict(Exception error)
        {
            if (error is TickerQException known) return known.Status == 400 || known.Status == 413 || known.Status == 415 || known.Status == 422;
            return !(error is OperationCanceledException);
        }

        /// <summary>Reports a result until it is stored or the lease is lost.</summary>
        private async Task ReportAsync(JobContext context, bool isCompleted, Dictionary<string, object> result)
        {
            var isPlain = result.ContainsKey("outcome");
            for (var tries = 0; !context.IsLost; tries += 1)
            {
                try
                {
                    await SendAsync<EndedJobs>(isCompleted ? "complete" : "fail", new[] { result }, 0).ConfigureAwait(false);
                    return;
                }
                catch (ConflictException)
                {
                    // Too late, or a repeated request whose first response was lost.
                    return;
                }
                catch (Exception error)
                {
                    Failed("could not report a result", error);
                    if (_left.IsCancellationRequested || (IsVerdict(error) && isPlain && !isCompleted))
                    {
                        Log($"gave up reporting the result of job {context.JobId}: {TextOf(error)}");
                        return;
                    }
                    if (IsVerdict(error))
                    {
                        // A refused result fails its job permanently; a refused failure is reported by its reason alone.
                        var plain = context.Held();
                        plain["error"] = $"the {(isCompleted ? "result" : "error")} was not accepted: {TextOf(error)}";
                        if (isCompleted || result.ContainsKey("retry")) plain["retry"] = false;
                        (isCompleted, isPlain, result) = (false, true, plain);
                        continue;
                    }
                    await PauseWhileHeldAsync(context, Wait(tries, error)).ConfigureAwait(false);
                }
            }
        }

        private async Task PauseWhileHeldAsync(JobContext context, TimeSpan wait)
        {
            var over = Stopwatch.StartNew();
            while (over.Elapsed < wait && !context.IsLost && !_left.IsCancellationRequested)
            {
                var rest = wait - over.Elapsed;
                var step = TimeSpan.FromMilliseconds(Math.Min(Math.Max(rest.TotalMilliseconds, 1), 500));
                try { await Task.Delay(step, _left.Token).ConfigureAwait(false); } catch (OperationCanceledException) { }
            }
        }

        private static async Task Stopped(JobContext context)
        {
            try { await Task.Delay(Timeout.InfiniteTimeSpan, context.Cancellation).ConfigureAwait(false); } catch (OperationCanceledException) { }
            await Task.Delay(1000).ConfigureAwait(false);
        }
    }
}
