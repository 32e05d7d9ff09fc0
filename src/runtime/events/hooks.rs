//! The hook of a program that embeds the server.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tracing::error;

use crate::domain::events::event::{Event, JobEventKind};
use crate::domain::job::Job;
use crate::runtime::actor::supervisor::panic_text;

type OnJobEvent = dyn Fn(JobEventKind, &Arc<Job>) + Send + Sync;

/// A function that is called with each job event and the job after it, once both are committed.
///
/// It runs on the writer's thread, after the replies to the callers of the commit, and must return quickly. It receives the
/// events of this node only, and a crash between commit and call loses them; a program that must not miss any reads the
/// change feed. A job that was changed without reading its large texts ([`Job::is_brief`]: by a remote worker, the recovery of
/// orphans or a bulk operation, or because they are larger than 32 KiB) comes without them.
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
