//! Progress and log lines of attempts that run in this process, on their way to storage.
//!
//! A handler may report a thousand times a second. Reports are merged while the last ones are written, so that an
//! attempt writes at most once in [`INTERVAL`].

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Mutex as AsyncMutex;
use tracing::warn;

use crate::domain::cluster::remote_worker::{AttemptReport, LOG_LINES_KEPT, LogLevel, LogLine, Progress};
use crate::domain::job::Job;
use crate::handlers::ReportSink;
use crate::handlers::limits::HandlerLimits;
use crate::runtime::actor::clock::Clock;
use crate::runtime::actor::failure_log::log_failure;
use crate::runtime::writer::error::WriteError;
use crate::runtime::writer::handle::WriterHandle;
use crate::runtime::writer::messages::WritePriority;
use crate::storage::change::{Change, JobChange};

/// Minimum time between two writes of an attempt's reports.
const INTERVAL: Duration = Duration::from_millis(250);
/// Maximum time that the completion of an attempt waits for its last reports.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// The reports of one attempt.
#[derive(Clone)]
pub(crate) struct AttemptReports(Arc<Shared>);

struct Shared {
    job: Arc<Job>,
    writer: WriterHandle,
    limits: HandlerLimits,
    clock: Clock,
    /// Reports are not written on handler threads, which handlers may block.
    writers: Handle,
    pending: Mutex<Pending>,
    /// Held while a report is written, so that the attempt's completion follows it.
    writing: AsyncMutex<()>,
}

/// Reports that are not written yet.
#[derive(Default)]
struct Pending {
    progress: Option<Progress>,
    log: VecDeque<LogLine>,
    is_writing: bool,
    /// The attempt has finished: later reports are discarded.
    is_closed: bool,
}

impl Pending {
    /// Restores a report that could not be written, which is older than the pending ones.
    fn restore(&mut self, report: AttemptReport) {
        self.progress = self.progress.take().or(report.progress);
        for line in report.log.into_iter().rev() {
            if self.log.len() < LOG_LINES_KEPT {
                self.log.push_front(line);
            }
        }
        self.is_writing = true;
    }
}

impl AttemptReports {
    pub(crate) fn new(
        job: &Arc<Job>,
        writer: WriterHandle,
        limits: HandlerLimits,
        clock: Clock,
        writers: Handle,
    ) -> Self {
        Self(Arc::new(Shared {
            job: Arc::clone(job),
            writer,
            limits,
            clock,
            writers,
            pending: Mutex::default(),
            writing: AsyncMutex::default(),
        }))
    }

    /// The sink that the attempt's handler reports to.
    pub(crate) fn sink(&self) -> Arc<dyn ReportSink> {
        Arc::new(self.clone())
    }

    /// Writes the remaining reports. Called before the completion is written, because storage discards later reports.
    pub(crate) async fn close(&self) {
        let has_reports = self.0.with_pending(|pending| {
            pending.is_closed = true;
            pending.is_writing
        });
        if !has_reports {
            return;
        }
        let id = self.0.job.id;
        match tokio::time::timeout(FLUSH_TIMEOUT, self.0.write_pending()).await {
            Ok(Ok(_)) => {}
            Ok(Err(failure)) => {
                log_failure!(failure, job.id = %id, "failed to store the last reports of job {id}: {failure}")
            }
            Err(_) => warn!(job.id = %id, "timed out storing the last reports of job {id}"),
        }
    }
}

impl Shared {
    fn with_pending<T>(&self, change: impl FnOnce(&mut Pending) -> T) -> T {
        // Consistent after a panic: each change replaces complete values.
        change(&mut self.pending.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn take(&self, pending: &mut Pending) -> Option<AttemptReport> {
        if pending.progress.is_none() && pending.log.is_empty() {
            return None;
        }
        Some(AttemptReport {
            job_id: self.job.id,
            attempt: self.job.attempt,
            at: self.clock.now(),
            progress: pending.progress.take(),
            log: pending.log.drain(..).collect(),
        })
    }

    async fn write(&self, report: AttemptReport) -> Result<(), WriteError> {
        let report = Change::Job(JobChange::Report {
            job: Arc::clone(&self.job),
            report: Arc::new(report),
        });
        // A rejection means that the attempt no longer belongs to this node; its result is then discarded and logged.
        let _ = self.writer.write_one(report, WritePriority::Background).await?;
        Ok(())
    }

    fn add(self: &Arc<Self>, add: impl FnOnce(&mut Pending)) {
        let starts = self.with_pending(|pending| {
            if pending.is_closed {
                return false;
            }
            add(pending);
            !std::mem::replace(&mut pending.is_writing, true)
        });
        if starts {
            self.writers.spawn(Arc::clone(self).write_until_empty());
        }
    }

    /// Writes the pending reports after the one in progress. Returns whether there were any.
    async fn write_pending(&self) -> Result<bool, WriteError> {
        let _turn = self.writing.lock().await;
        let next = self.with_pending(|pending| {
            let next = self.take(pending);
            pending.is_writing = next.is_some();
            next
        });
        let Some(report) = next else {
            return Ok(false);
        };
        let written = self.write(report.clone()).await;
        if written.is_err() {
            self.with_pending(|pending| pending.restore(report));
        }
        written.map(|()| true)
    }

    async fn write_until_empty(self: Arc<Self>) {
        loop {
            match self.write_pending().await {
                Ok(true) => {}
                Ok(false) => return,
                Err(failure) => {
                    let id = self.job.id;
                    log_failure!(failure, job.id = %id, "failed to store a report of job {id}: {failure}");
                }
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }
}

impl ReportSink for AttemptReports {
    fn progress(&self, progress: Progress) {
        let message = progress.message.map(|text| Arc::from(self.0.limits.bound_line(&text)));
        self.0
            .add(|pending| pending.progress = Some(Progress { message, ..progress }));
    }

    fn log(&self, level: LogLevel, message: &str) {
        let line = LogLine {
            attempt: self.0.job.attempt,
            at: self.0.clock.now(),
            level,
            message: Arc::from(self.0.limits.bound_line(message)),
        };
        self.0.add(|pending| {
            if pending.log.len() == LOG_LINES_KEPT {
                pending.log.pop_front();
            }
            pending.log.push_back(line);
        });
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::domain::values::id::JobId;

    fn line(number: usize) -> LogLine {
        LogLine {
            attempt: 1,
            at: DateTime::UNIX_EPOCH,
            level: LogLevel::Info,
            message: number.to_string().into(),
        }
    }

    #[test]
    fn a_report_that_could_not_be_written_is_pending_again_before_later_lines() {
        let progress = |basis_points| Progress {
            basis_points,
            message: None,
        };
        let report = AttemptReport {
            job_id: JobId::new(DateTime::UNIX_EPOCH, 1),
            attempt: 1,
            at: DateTime::UNIX_EPOCH,
            progress: Some(progress(10)),
            log: vec![line(1), line(2)],
        };
        let mut pending = Pending::default();
        pending.restore(report.clone());
        assert_eq!((pending.progress.clone(), pending.log.len()), (Some(progress(10)), 2));
        let mut pending = Pending {
            progress: Some(progress(20)),
            log: (3..LOG_LINES_KEPT + 2).map(line).collect(),
            ..Pending::default()
        };
        pending.restore(report);
        assert_eq!(pending.progress, Some(progress(20)), "the newer one");
        assert_eq!(pending.log.len(), LOG_LINES_KEPT, "the oldest are left out");
        assert_eq!((&pending.log[0], &pending.log[1]), (&line(2), &line(3)));
        assert!(pending.is_writing);
    }
}
