// What handlers of a worker receive and throw.

using System;
using System.Collections.Generic;
using System.Threading;

namespace TickerQ.Client
{
    /// <summary>Throw it in a handler when another attempt can't help: the job fails permanently.</summary>
    public sealed class PermanentJobException : Exception
    {
        /// <summary>With a reason.</summary>
        public PermanentJobException(string message) : base(message) { }
    }

    /// <summary>Throw it in a handler to set the wait before the next attempt.</summary>
    public sealed class RetryLaterException : Exception
    {
        /// <summary>With the wait, and a reason.</summary>
        public RetryLaterException(TimeSpan after, string message = null) : base(message ?? $"retry after {after:c}")
        {
            After = after < TimeSpan.Zero ? TimeSpan.Zero : after;
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

        private readonly object _lock = new object();
        private readonly CancellationTokenSource _stop = new CancellationTokenSource();
        private object _progress;
        private List<object> _log = new List<object>();
        private string _reason;

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

        /// <summary>Reports progress, from 0 to 100.</summary>
        public void Progress(double percent, string message = null) { lock (_lock) _progress = new { percent, message }; }

        /// <summary>Logs a line: debug, info, warning or error.</summary>
        public void Log(string message, string level = "info")
        {
            lock (_lock)
            {
                if (_log.Count == LogLinesMax) _log.RemoveAt(0);
                _log.Add(new { at = DateTime.UtcNow.ToString("o"), level, message });
            }
        }

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
            _stop.Cancel();
        }
    }
}
