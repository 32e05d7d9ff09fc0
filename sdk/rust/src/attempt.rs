//! One attempt of a job: what its handler receives and returns, as the server accepts it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::Utc;
use tickerq_core::values::id::JobId;
use tickerq_core::values::time_span::TimeSpan;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::model::{Ended, Held, LogReport, ProgressReport};
use crate::schemas::LeasedJob;

const LOG_LINES_MAX: usize = 200;
/// Maximum length of a stored log line.
const LINE_LENGTH_MAX: usize = 1_024;

/// The reason why a job should stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// It was cancelled.
    Cancelled,
    /// It timed out.
    Timeout,
    /// The worker has lost its lease.
    Lost,
    /// The worker stops.
    Stopping,
}

/// The failure of a handler.
#[derive(Clone, Debug)]
pub struct JobError {
    pub(crate) message: String,
    pub(crate) retry: bool,
    pub(crate) retry_after: Option<TimeSpan>,
}

impl JobError {
    /// Another attempt may help.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            retry: true,
            retry_after: None,
        }
    }

    /// Another attempt can't help: the job fails permanently.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self {
            retry: false,
            ..Self::new(message)
        }
    }

    /// Another attempt may help, after this wait: at most ten years.
    pub fn retry_after(message: impl Into<String>, wait: TimeSpan) -> Self {
        Self {
            retry_after: Some(wait.clamp(TimeSpan::ZERO, TimeSpan::LONGEST)),
            ..Self::new(message)
        }
    }
}

impl<E: std::error::Error> From<E> for JobError {
    fn from(error: E) -> Self {
        Self::new(error.to_string())
    }
}

/// The lease of an attempt. A job may be leased twice for a moment: its next attempt may start before the response to
/// the report of the last one arrives.
pub(crate) type Lease = (JobId, String);

/// Context of a handler, beside the parameters.
#[derive(Clone)]
pub struct JobContext {
    /// The job.
    pub job: Arc<LeasedJob>,
    /// Cancelled when the job should stop.
    pub cancellation: CancellationToken,
    state: Arc<State>,
}

struct State {
    stop: watch::Sender<Option<StopReason>>,
    reports: Mutex<Reports>,
    is_lost: AtomicBool,
    is_ended: AtomicBool,
}

#[derive(Default)]
struct Reports {
    progress: Option<ProgressReport>,
    log: VecDeque<LogReport>,
}

impl JobContext {
    /// Reports progress, from 0 to 100. Other numbers are clamped; NaN and infinity are ignored.
    pub fn progress(&self, percent: f64, message: Option<&str>) {
        if !percent.is_finite() {
            return;
        }
        lock(&self.state.reports).progress = Some(ProgressReport {
            percent: percent.clamp(0.0, 100.0),
            message: message.map(shortened),
        });
    }

    /// Logs a line: `debug`, `info`, `warning` or `error`. The last 200 lines since a heartbeat are kept.
    #[expect(
        clippy::disallowed_methods,
        reason = "a line is logged at the worker's time, whose clock is this one"
    )]
    pub fn log(&self, level: &str, message: impl Into<String>) {
        let level = match level {
            "debug" | "warning" | "error" => level,
            "warn" => "warning",
            _ => "info",
        };
        let line = LogReport {
            at: Utc::now(),
            level: level.to_owned(),
            message: shortened(&message.into()),
        };
        let mut reports = lock(&self.state.reports);
        if reports.log.len() == LOG_LINES_MAX {
            reports.log.pop_front();
        }
        reports.log.push_back(line);
    }

    pub(crate) fn new(job: LeasedJob) -> Self {
        Self {
            job: Arc::new(job),
            cancellation: CancellationToken::new(),
            state: Arc::new(State {
                stop: watch::channel(None).0,
                reports: Mutex::default(),
                is_lost: AtomicBool::new(false),
                is_ended: AtomicBool::new(false),
            }),
        }
    }

    pub(crate) fn lease(&self) -> Lease {
        (self.job.job_id, self.job.lease_token.clone())
    }

    /// Ends the attempt for the first of these reasons.
    pub(crate) fn stop(&self, reason: StopReason) {
        self.state.stop.send_if_modified(|known| {
            let is_first = known.is_none();
            *known = known.or(Some(reason));
            is_first
        });
    }

    /// Resolves with the reason when the attempt should stop.
    pub(crate) async fn stopped(&self) -> StopReason {
        let mut stop = self.state.stop.subscribe();
        let reason = stop.wait_for(Option::is_some).await;
        reason.ok().and_then(|reason| *reason).unwrap_or(StopReason::Stopping)
    }

    /// Marks the lease as over, or the attempt as replaced by another one: its reports end. Returns
    /// whether it still runs.
    pub(crate) fn lose(&self) -> bool {
        let is_first = !self.state.is_lost.swap(true, Ordering::Relaxed);
        let runs = !self.state.is_ended.load(Ordering::Relaxed);
        if runs {
            self.stop(StopReason::Lost);
        }
        is_first && runs
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.state.is_lost.load(Ordering::Relaxed)
    }

    /// Marks the handler as ended.
    pub(crate) fn set_ended(&self) {
        self.state.is_ended.store(true, Ordering::Relaxed);
    }

    /// Progress and log lines since the last report.
    pub(crate) fn report(&self) -> Held {
        let Reports { progress, log } = std::mem::take(&mut *lock(&self.state.reports));
        Held {
            progress,
            log: log.into(),
            ..self.held()
        }
    }

    pub(crate) fn held(&self) -> Held {
        Held {
            job_id: self.job.job_id.to_string(),
            lease_token: self.job.lease_token.clone(),
            ..Held::default()
        }
    }

    pub(crate) fn has_news(&self) -> bool {
        let reports = lock(&self.state.reports);
        reports.progress.is_some() || !reports.log.is_empty()
    }

    pub(crate) fn ended(&self) -> Ended {
        Ended {
            job_id: self.job.job_id.to_string(),
            lease_token: self.job.lease_token.clone(),
            ..Ended::default()
        }
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(LINE_LENGTH_MAX).collect()
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics under the lock.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context() -> JobContext {
        let job = serde_json::json!({
            "jobId": "00000000-0000-7000-8000-000000000000", "leaseToken": "a token", "type": "A", "name": "A",
            "queue": "default", "parameters": null, "priority": "normal", "attempt": 1, "maxRetries": 0, "retryCount": 0,
            "timeout": "00:01:00", "createdAt": "2026-01-01T00:00:00Z", "startedAt": "2026-01-01T00:00:00Z",
            "runAt": "2026-01-01T00:00:00Z", "leaseUntil": "2026-01-01T00:00:00Z", "traceParent": ""
        });
        JobContext::new(serde_json::from_value(job).expect("a leased job"))
    }

    #[test]
    fn progress_is_clamped_and_nan_is_ignored() {
        let context = context();
        for (given, reported) in [
            (f64::NAN, None),
            (f64::INFINITY, None),
            (150.0, Some(100.0)),
            (-3.0, Some(0.0)),
        ] {
            context.progress(given, None);
            assert_eq!(context.report().progress.map(|progress| progress.percent), reported);
        }
    }

    #[test]
    fn the_last_two_hundred_lines_are_kept() {
        let context = context();
        for number in 0..1_000 {
            context.log("loud", number.to_string());
        }
        let lines = context.report().log;
        assert_eq!(
            (lines.len(), lines[0].message.as_str(), lines[0].level.as_str()),
            (200, "800", "info")
        );
        assert!(!context.has_news());
    }

    #[test]
    fn a_wait_is_at_most_ten_years() {
        let wait = JobError::retry_after("later", TimeSpan::from_secs(i64::MAX)).retry_after;
        assert_eq!(wait, Some(TimeSpan::LONGEST));
    }
}
