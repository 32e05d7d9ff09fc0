//! The traces of jobs: what is passed on to those whom jobs call and tell, and what is told to who exports traces.
//!
//! Each step of a job is a span of its own, whether it is exported or not: what a job calls is below its attempt. When more happens than can be exported, fewer traces are told, each of them whole: which ones is
//! decided by the trace's id.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, Utc};
use tokio::sync::mpsc;

use super::report_channel::ReportChannel;
use crate::domain::events::event::{Event, JobEventKind};
use crate::domain::job::Job;
use crate::domain::job::attempt::Attempt;
use crate::domain::values::trace_context::{JobSpan, JobTrace, SamplingRatio, TraceParent};
use crate::storage::change::{Applied, Change, Finished, Inserted};
use crate::webhooks::client_spans::CallReporter;
pub use crate::webhooks::client_spans::{CallReport, CallSubject, CallTarget};

/// What has happened in a trace.
#[derive(Clone, Debug)]
pub enum TraceReport {
    /// A job was stored.
    Created {
        /// The job.
        job: Arc<Job>,
        /// When that was done.
        at: DateTime<Utc>,
    },
    /// An attempt has started.
    Started(Arc<Job>),
    /// An attempt has ended.
    Ended {
        /// The job after it.
        job: Arc<Job>,
        /// The attempt.
        attempt: Attempt,
    },
    /// Somebody was called.
    Called(CallReport),
}

/// The traces of jobs. Copies are the same.
#[derive(Clone, Debug, Default)]
pub struct Traces(Option<Exported>);

#[derive(Clone, Debug)]
struct Exported {
    /// How many traces that nobody else has begun are kept.
    ratio: SamplingRatio,
    /// How many of all those that are kept are told.
    told: Arc<Told>,
    reports: ReportChannel<TraceReport>,
}

#[derive(Debug)]
struct Told(AtomicU64);

impl Traces {
    /// Traces that are exported. `ratio` says how many are kept of those that no caller has begun.
    pub fn exported(ratio: SamplingRatio) -> Self {
        Self(Some(Exported {
            ratio,
            told: Arc::new(Told(AtomicU64::new(SamplingRatio::all().number()))),
            reports: ReportChannel::default(),
        }))
    }

    /// Everything from now on; `None` when somebody has it already, or nothing is exported.
    pub fn open(&self) -> Option<mpsc::Receiver<TraceReport>> {
        self.0.as_ref()?.reports.subscribe()
    }

    /// How many reports were missed, because there were too many at once.
    pub fn missed(&self) -> u64 {
        self.0.as_ref().map_or(0, |exported| exported.reports.dropped())
    }

    /// How many traces that no caller has begun are kept; `None` when nothing is exported.
    pub fn sampling_ratio(&self) -> Option<SamplingRatio> {
        self.0.as_ref().map(|exported| exported.ratio)
    }

    /// Tells so many of the traces that are kept, from now on.
    pub fn set_sampling_ratio(&self, ratio: SamplingRatio) {
        if let Some(exported) = &self.0 {
            exported.told.0.store(ratio.number(), Ordering::Relaxed);
        }
    }

    /// Who is told of calls.
    pub fn calls(&self) -> CallReporter {
        match &self.0 {
            None => CallReporter::default(),
            Some(exported) => {
                let exported = exported.clone();
                CallReporter::new(move |call| {
                    if exported.told().includes(call.span_context.trace_id) {
                        exported.reports.try_send(TraceReport::Called(call));
                    }
                })
            }
        }
    }

    /// The trace of a job. Without an export, one that no caller has begun is not kept.
    fn of(&self, job: &Job) -> JobTrace {
        let ratio = self
            .0
            .as_ref()
            .map_or(SamplingRatio::from_number(0), |exported| exported.ratio);
        JobTrace::of(job, ratio)
    }

    /// The place of what runs now, for what it calls: its attempt.
    pub fn run_span_context(&self, job: &Job) -> TraceParent {
        self.of(job).span_context(JobSpan::Run(job.attempt))
    }

    /// The place of what an event tells of.
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

    /// Whether anybody is told.
    pub(crate) fn are_told(&self) -> bool {
        self.0
            .as_ref()
            .is_some_and(|exported| exported.reports.has_subscriber())
    }

    /// Tells what a change has come to, at this time.
    pub(crate) fn note(&self, change: &Change, applied: &Applied, at: DateTime<Utc>) {
        let Some(exported) = &self.0 else { return };
        match (change, applied) {
            (Change::Insert { jobs, .. }, Applied::Inserted(inserted)) => {
                let new = jobs.iter().zip(inserted).filter(|(_, one)| **one == Inserted::New);
                exported.tell_created(new.map(|(job, _)| job), at);
            }
            (Change::Fire(fire), Applied::Fired(fired)) => {
                let new = fire.occurrences.iter().zip(fired).filter(|(_, is_new)| **is_new);
                exported.tell_created(new.map(|(job, _)| job), at);
            }
            (Change::Trigger { occurrence, .. }, Applied::Fired(fired)) if fired.contains(&true) => {
                exported.tell_created(std::iter::once(occurrence), at);
            }
            (Change::Start { jobs }, Applied::Started(started)) => {
                let taken = jobs.iter().zip(started).filter(|(_, taken)| **taken);
                exported.tell_started(taken.map(|(job, _)| job));
            }
            (Change::Claim(_), Applied::Claimed(jobs)) => exported.tell_started(jobs.iter()),
            (Change::Finish { job, attempt, .. }, Applied::Finished(Finished::Stored)) if exported.tells(job) => {
                exported.reports.try_send(TraceReport::Ended {
                    job: Arc::clone(job),
                    attempt: Attempt::clone(attempt),
                });
            }
            // The rest is about no attempt, or has changed nothing.
            _ => {}
        }
    }
}

impl Exported {
    fn told(&self) -> SamplingRatio {
        SamplingRatio::from_number(self.told.0.load(Ordering::Relaxed))
    }

    fn tells(&self, job: &Job) -> bool {
        let trace = JobTrace::of(job, self.ratio);
        trace.is_sampled && self.told().includes(trace.trace_id)
    }

    fn tell_created<'a>(&self, jobs: impl Iterator<Item = &'a Arc<Job>>, at: DateTime<Utc>) {
        for job in jobs.filter(|job| self.tells(job)) {
            let job = Arc::clone(job);
            self.reports.try_send(TraceReport::Created { job, at });
        }
    }

    fn tell_started<'a>(&self, jobs: impl Iterator<Item = &'a Arc<Job>>) {
        for job in jobs.filter(|job| self.tells(job)) {
            self.reports.try_send(TraceReport::Started(Arc::clone(job)));
        }
    }
}

#[cfg(test)]
mod tests;
