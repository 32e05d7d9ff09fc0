//! The hook of a program that embeds the server.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tracing::error;

use crate::domain::events::event::{Event, JobEventKind};
use crate::domain::job::Job;
use crate::runtime::actor::supervisor::panic_text;

type OnJobEvent = dyn Fn(JobEventKind, &Arc<Job>) + Send + Sync;

/// The function of `Builder::on_job_event`.
#[derive(Clone)]
pub struct JobHook(Arc<OnJobEvent>);

impl JobHook {
    /// A hook that calls this function.
    pub fn new(on_job_event: impl Fn(JobEventKind, &Arc<Job>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(on_job_event))
    }

    pub(crate) fn call(&self, events: &[Event]) {
        for event in events {
            if let Event::Job { kind, job, at: _ } = event
                && let Err(panic) = catch_unwind(AssertUnwindSafe(|| (self.0)(*kind, job)))
            {
                error!("a hook for job events panicked: {}", panic_text(&*panic));
            }
        }
    }
}

impl fmt::Debug for JobHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JobHook")
    }
}
