//! State of a running worker.

use std::collections::HashMap;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex};

use tokio::sync::{Semaphore, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::Worker;
use crate::attempt::{JobContext, Lease, lock};
use crate::client::Client;
use crate::error::Error;
use crate::reports::Report;

pub(super) struct Running {
    pub(super) context: JobContext,
    pub(super) _task: AbortOnDropHandle<()>,
}

pub(crate) struct Shared {
    pub(super) worker: Worker,
    pub(super) types: Vec<String>,
    pub(super) id: watch::Sender<String>,
    pub(super) free: Arc<Semaphore>,
    /// All attempts that run or whose result is not reported yet.
    pub(super) running: Mutex<HashMap<Lease, Running>>,
    pub(super) reports: mpsc::UnboundedSender<Report>,
    pub(super) stopping: CancellationToken,
    /// Held during a heartbeat, which carries the progress and log of all running jobs.
    pub(super) heartbeat_lock: tokio::sync::Mutex<()>,
    /// The last failed request, until one succeeds.
    pub(super) reported_failure: Mutex<Option<String>>,
    /// Number of consecutive heartbeats with the response 404.
    pub(super) unknown: AtomicU32,
    /// The types whose jobs servers refuse to lease, as they were logged last.
    pub(super) refused: Mutex<String>,
}

impl Shared {
    pub(crate) fn client(&self) -> &Client {
        &self.worker.client
    }

    pub(crate) fn id(&self) -> String {
        self.id.borrow().clone()
    }

    pub(super) fn contexts(&self) -> Vec<JobContext> {
        let running = lock(&self.running);
        running.values().map(|running| running.context.clone()).collect()
    }

    pub(super) fn lose(&self, context: &JobContext) {
        if context.lose() {
            let id = context.job.job_id;
            tracing::warn!(worker = self.worker.name, job.id = %id, "lost the lease of job {id}");
        }
    }

    /// Logs a failed request; repetitions are logged once.
    pub(crate) fn failed(&self, what: &str, error: &Error) {
        let text = format!("{what}: {error}");
        let mut reported_failure = lock(&self.reported_failure);
        if reported_failure.as_ref() != Some(&text) {
            tracing::warn!(worker = self.worker.name, "{text}");
        }
        *reported_failure = Some(text);
    }

    pub(crate) fn gave_up(&self, context: &JobContext, error: &Error) {
        let id = context.job.job_id;
        tracing::error!(worker = self.worker.name, job.id = %id, "gave up reporting the result of job {id}: {error}");
    }

    pub(super) fn recovered(&self) {
        if lock(&self.reported_failure).take().is_some() {
            tracing::info!(worker = self.worker.name, "connected");
        }
    }
}
