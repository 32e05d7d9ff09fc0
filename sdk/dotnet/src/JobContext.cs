// What handlers of a worker receive and throw.

using System;
using System.Collections.Generic;
using System.Threading;

namespace TickerQ.Client
{
    /// <summary>Thrown in a handler, it fails the job permanently, without retries.</summary>
    public sealed class PermanentJobException : Exception
    {
        /// <summary>With a reason.</summary>
        public PermanentJobException(string message) : base(message) { }
    }

    /// <summary>Throw it in a handler to set the wait before the next attempt, at most ten years.</summary>
    public sealed class RetryLaterException : Exception
    {
        /// <summary>The longest wait that the server accepts: ten years.</summary>
        private static readonly TimeSpan WaitMax = TimeSpan.FromDays(3653);

        /// <summary>With the wait, and a reason.</summary>
        public RetryLaterException(TimeSpan after, string message = null) : base(message ?? $"retry after {after:c}")
        {
            After = after < TimeSpan.Zero ? TimeSpan.Zero : after > WaitMax ? WaitMax : after;
        }

        /// <summary>With a reason, and the wait.</summary>
        public RetryLaterException(string message, TimeSpan after) : this(after, message) { }

        /// <summary>The wait before the next attempt.</summary>
        public TimeSpan After { get; }
    }

    /// <summary>What a handler receives.</summary>
    public sealed class JobContext
    {
        private const int LogLinesMax = 200;
        /// <summary>Maximum length of a stored log line.</summary>
        private const int LineLengthMax = 1024;

        private readonly object _lock = new object();
        private readonly CancellationTokenSource _stop = new CancellationTokenSource();
        private object _progress;
        private List<object> _log = new List<object>();
        private string _reason;
        private volatile bool _isLost;
        private volatile bool _isEnded;

        internal JobContext(LeasedJob job) { Job = job; }

        /// <summary>The leased job.</summary>
        public LeasedJob Job { get; }
        /// <summary>Its id.</summary>
        public string JobId => Job.JobId;
        /// <summary>The number of this attempt.</summary>
        public int Attempt => Job.Attempt;
        /// <summary>Cancelled when the job should stop; <see cref="Reason"/> has the reason.</summary>
        public CancellationToken Cancellation => _stop.Token;
        /// <summary><c>cancelled</c>, <c>timeout</c>, <c>lost</c> or <c>stopping</c>; null while the job may run.</summary>
        public string Reason => Volatile.Read(ref _reason);
        /// <summary>The parameters.</summary>
        public T Parameters<T>() => Wire.Read<T>(Job.Parameters);

        /// <summary>Reports progress, from 0 to 100. Other numbers are clamped; NaN and infinity are ignored.</summary>
        public void Progress(double percent, string message = null)
        {
            if (double.IsNaN(percent) || double.IsInfinity(percent)) return;
            percent = Math.Min(Math.Max(percent, 0), 100);
            message = Shorten(message);
            lock (_lock) _progress = new { percent, message };
        }

        /// <summary>Logs a line: debug, info, warning or error.</summary>
        public void Log(string message, string level = "info")
        {
            if (level != "debug" && level != "warning" && level != "error") level = level == "warn" ? "warning" : "info";
            message = Shorten(message ?? "");
            lock (_lock)
            {
                if (_log.Count == LogLinesMax) _log.RemoveAt(0);
                _log.Add(new { at = DateTime.UtcNow.ToString("o"), level, message });
            }
        }

        private static string Shorten(string text) => text != null && text.Length > LineLengthMax ? text.Substring(0, LineLengthMax) : text;

        /// <summary>The lease has expired, or the server has started another attempt: this one reports nothing further.</summary>
        internal bool IsLost { get => _isLost; set => _isLost = value; }

        /// <summary>The handler has finished.</summary>
        internal bool IsEnded { get => _isEnded; set => _isEnded = value; }

        internal Dictionary<string, object> Held() => new Dictionary<string, object> { ["jobId"] = JobId, ["leaseToken"] = Job.LeaseToken };

        internal Dictionary<string, object> Report()
        {
            lock (_lock)
            {
                var report = Held();
                if (_progress != null) report["progress"] = _progress;
                if (_log.Count > 0) report["log"] = _log;
                _progress = null;
                _log = new List<object>();
                return report;
            }
        }

        internal bool HasNews { get { lock (_lock) return _progress != null || _log.Count > 0; } }

        internal void StopFor(string reason)
        {
            Interlocked.CompareExchange(ref _reason, reason, null);
            // An error of a function that the handler has registered.
            try { _stop.Cancel(); } catch (AggregateException) { }
        }
    }
}
