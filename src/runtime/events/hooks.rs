//! What a program that embeds the server is told of jobs that were stored.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tracing::error;

use crate::domain::events::event::{Event, JobEventKind};
use crate::domain::job::Job;
use crate::runtime::actor::supervisor::panic_text;

type OnSaved = dyn Fn(JobEventKind, &Arc<Job>) + Send + Sync;

/// A function that is told of each job after it was stored: what has happened to it, and how it is now.
///
/// It is called on the thread that writes, after the commit and after those who wait for it were answered: it must hand
/// on what takes long. What this node has not stored itself it does not tell, and a crash between the commit and the call
/// is not made up for; whoever must not miss anything reads the feed of changed jobs.
#[derive(Clone)]
pub struct SavedHook(Arc<OnSaved>);

impl SavedHook {
    /// A hook that calls this function.
    pub fn new(on_saved: impl Fn(JobEventKind, &Arc<Job>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(on_saved))
    }

    pub(crate) fn call(&self, events: &[Event]) {
        for event in events {
            if let Event::Job { kind, job, at: _ } = event
                && let Err(panic) = catch_unwind(AssertUnwindSafe(|| (self.0)(*kind, job)))
            {
                error!("a hook for saved jobs panicked: {}", panic_text(&*panic));
            }
        }
    }
}

impl fmt::Debug for SavedHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SavedHook")
    }
}
