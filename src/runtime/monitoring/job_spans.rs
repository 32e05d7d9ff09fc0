//! Traces of jobs: the context that is propagated to handlers and endpoints, and the spans that are exported.
//!
//! Each step of a job has a span of its own, exported or not: calls of a handler are children of its attempt. When
//! more spans occur than can be exported, fewer traces are exported, each complete; the trace id decides which.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, Utc};
use tokio::sync::mpsc;

use super::report_channel::ReportChannel;
use crate::domain::events::event::{Event, JobEventKind};
use crate::domain::job::Job;
use crate::domain::job::attempt::Attempt;
use crate::domain::values::trace_context::{JobSpan, JobTrace, SamplingRatio, TraceParent};
use crate::storage::change::{Applied, Change, Finished, Inserted, JobChange, RecurringChange};
use crate::webhooks::client_spans::CallReporter;
pub(crate) use crate::webhooks::client_spans::{CallReport, CallSubject, CallTarget};

/// An event of a trace.
#[derive(Clone, Debug)]
pub enum TraceReport {
    /// A job was stored.
    Created {
        /// The job.
        job: Arc<Job>,
        /// Time of the insert.
        at: DateTime<Utc>,
    },
    /// An attempt has started.
    Started(Arc<Job>),
    /// An attempt has finished.
    Ended {
        /// The job after it.
        job: Arc<Job>,
        /// The attempt.
        attempt: Attempt,
    },
    /// A call to another program.
    Called(CallReport),
}

/// The traces of jobs. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Traces(Option<Exported>);

#[derive(Clone, Debug)]
struct Exported {
    /// Sampling ratio of traces that no caller has started.
    ratio: SamplingRatio,
    /// Ratio of sampled traces that are exported.
    export_ratio: Arc<ExportRatio>,
    reports: ReportChannel<TraceReport>,
}

#[derive(Debug)]
struct ExportRatio(AtomicU64);

impl Traces {
    /// Traces with an exporter. `ratio` is the sampling ratio of traces that no caller has started.
    pub fn exported(ratio: SamplingRatio) -> Self {
        Self(Some(Exported {
            ratio,
            export_ratio: Arc::new(ExportRatio(AtomicU64::new(SamplingRatio::all().number()))),
            reports: ReportChannel::default(),
        }))
    }

    /// All reports from now on; `None` if there is a subscriber already, or no exporter.
    pub fn open(&self) -> Option<mpsc::Receiver<TraceReport>> {
        self.0.as_ref()?.reports.subscribe()
    }

    /// Number of dropped reports.
    pub fn dropped(&self) -> u64 {
        self.0.as_ref().map_or(0, |exported| exported.reports.dropped())
    }

    /// Sampling ratio of traces that no caller has started; `None` without an exporter.
    pub fn sampling_ratio(&self) -> Option<SamplingRatio> {
        self.0.as_ref().map(|exported| exported.ratio)
    }

    /// Sets the ratio of sampled traces that are exported.
    pub fn set_sampling_ratio(&self, ratio: SamplingRatio) {
        if let Some(exported) = &self.0 {
            exported.export_ratio.0.store(ratio.number(), Ordering::Relaxed);
        }
    }

    /// Reports outgoing calls.
    pub fn calls(&self) -> CallReporter {
        match &self.0 {
            None => CallReporter::default(),
            Some(exported) => {
                let exported = exported.clone();
                CallReporter::new(move |call| {
                    if exported.export_ratio().includes(call.span_context.trace_id) {
                        exported.reports.try_send(TraceReport::Called(call));
                    }
                })
            }
        }
    }

    /// The trace of a job. Without an exporter, a trace that no caller has started is not sampled.
    fn of(&self, job: &Job) -> JobTrace {
        let ratio = self
            .0
            .as_ref()
            .map_or(SamplingRatio::from_number(0), |exported| exported.ratio);
        JobTrace::of(job, ratio)
    }

    /// The span context of the running attempt, for its calls.
    pub fn run_span_context(&self, job: &Job) -> TraceParent {
        self.of(job).span_context(JobSpan::Run(job.attempt))
    }

    /// The span context of an event.
    pub(crate) fn event_span_context(&self, event: &Event) -> Option<TraceParent> {
        let Event::Job { kind, job, .. } = event else {
            return None;
        };
        let step = match kind {
            JobEventKind::Started | JobEventKind::Completed | JobEventKind::Failed | JobEventKind::Retrying
                if job.attempt > 0 =>
            {
                JobSpan::Run(job.attempt)
            }
            JobEventKind::Created
            | JobEventKind::Started
            | JobEventKind::Completed
            | JobEventKind::Failed
            | JobEventKind::Retrying
            | JobEventKind::Cancelled
            | JobEventKind::Changed
            | JobEventKind::Deleted => JobSpan::Create,
        };
        Some(self.of(job).span_context(step))
    }

    /// `true` if there is an exporter.
    pub(crate) fn have_subscriber(&self) -> bool {
        self.0
            .as_ref()
            .is_some_and(|exported| exported.reports.has_subscriber())
    }

    /// Reports an applied change, at this time.
    pub(crate) fn record(&self, change: &Change, applied: &Applied, at: DateTime<Utc>) {
        let Some(exported) = &self.0 else { return };
        match (change, applied) {
            (Change::Job(JobChange::Insert { jobs, .. }), Applied::Inserted(inserted)) => {
                let new = jobs.iter().zip(inserted).filter(|(_, one)| **one == Inserted::New);
                exported.report_created(new.map(|(job, _)| job), at);
            }
            (Change::Recurring(RecurringChange::Fire(fire)), Applied::Fired(fired)) => {
                let new = fire.occurrences.iter().zip(fired).filter(|(_, is_new)| **is_new);
                exported.report_created(new.map(|(job, _)| job), at);
            }
            (Change::Recurring(RecurringChange::Trigger { occurrence, .. }), Applied::Fired(fired))
                if fired.contains(&true) =>
            {
                exported.report_created(std::iter::once(occurrence), at);
            }
            (Change::Job(JobChange::Start { jobs }), Applied::Started(started)) => {
                let taken = jobs.iter().zip(started).filter(|(_, taken)| **taken);
                exported.report_started(taken.map(|(job, _)| job));
            }
            (Change::Job(JobChange::Claim(claim)), Applied::Claimed(jobs)) if !claim.is_ahead => {
                exported.report_started(jobs.iter());
            }
            (
                Change::Job(JobChange::Finish {
                    started, job, attempt, ..
                }),
                Applied::Finished(Finished::Stored),
            ) if exported.exports(job) => {
                exported.report_started(started.iter());
                exported.reports.try_send(TraceReport::Ended {
                    job: Arc::clone(job),
                    attempt: Attempt::clone(attempt),
                });
            }
            // Other changes concern no attempt or had no effect.
            _ => {}
        }
    }
}

impl Exported {
    fn export_ratio(&self) -> SamplingRatio {
        SamplingRatio::from_number(self.export_ratio.0.load(Ordering::Relaxed))
    }

    fn exports(&self, job: &Job) -> bool {
        let trace = JobTrace::of(job, self.ratio);
        trace.is_sampled && self.export_ratio().includes(trace.trace_id)
    }

    fn report_created<'a>(&self, jobs: impl Iterator<Item = &'a Arc<Job>>, at: DateTime<Utc>) {
        for job in jobs.filter(|job| self.exports(job)) {
            let job = Arc::clone(job);
            self.reports.try_send(TraceReport::Created { job, at });
        }
    }

    fn report_started<'a>(&self, jobs: impl Iterator<Item = &'a Arc<Job>>) {
        for job in jobs.filter(|job| self.exports(job)) {
            self.reports.try_send(TraceReport::Started(Arc::clone(job)));
        }
    }
}

#[cfg(test)]
mod tests;
