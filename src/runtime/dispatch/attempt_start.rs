//! The start of an attempt whose job was claimed ahead: stored with the end of a short attempt, or on its own.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tracing::warn;

use super::attempt::StopSignal;
use crate::domain::job::Job;
use crate::runtime::actor::failure_log::log_failure;
use crate::runtime::writer::handle::WriterHandle;
use crate::runtime::writer::messages::WritePriority;
use crate::storage::change::{Applied, Change, JobChange};

/// Duration of an attempt after which its start is stored. Until then the job is stored as pending.
const START_DELAY: Duration = Duration::from_millis(5);
/// Delay before a failed write is retried.
const RETRY_DELAY: Duration = Duration::from_millis(250);

/// Storage of the start of an attempt.
pub(crate) enum AttemptStart {
    /// It is stored.
    Stored,
    /// It is stored with the end.
    WithEnd,
    /// It is being stored; the end follows it.
    Storing(JoinHandle<()>),
}

/// Runs an attempt, and stores its start if the job was claimed ahead and the attempt is not short.
pub(crate) async fn run_with_start<T>(
    job: &Arc<Job>,
    writer: &WriterHandle,
    stop: watch::Sender<StopSignal>,
    attempt: impl Future<Output = T>,
) -> (T, AttemptStart) {
    if job.claimed_by.is_none() {
        return (attempt.await, AttemptStart::Stored);
    }
    let mut attempt = pin!(attempt);
    if let Ok(ended) = timeout(START_DELAY, &mut attempt).await {
        return (ended, AttemptStart::WithEnd);
    }
    let storing = actix::spawn(store_start(Arc::clone(job), writer.clone(), stop));
    let ended = attempt.await;
    if storing.is_finished() {
        return (ended, AttemptStart::Stored);
    }
    (ended, AttemptStart::Storing(storing))
}

/// Stores the start of a claimed job, with retries until it is stored or refused. A refused attempt is interrupted: its job is
/// no longer claimed by this node.
async fn store_start(job: Arc<Job>, writer: WriterHandle, stop: watch::Sender<StopSignal>) {
    let (id, number) = (job.id, job.attempt);
    let mut may_be_stored = false;
    loop {
        let change = Change::Job(JobChange::Start {
            jobs: vec![Arc::clone(&job)],
        });
        match writer.write_one(change, WritePriority::Internal).await {
            Ok(Ok(Applied::Started(started))) if started.contains(&true) || may_be_stored => return,
            Ok(_) => {
                warn!(job.id = %id, attempt = number, "stopping attempt {number} of job {id} (lease lost)");
                stop.send_replace(StopSignal::Interrupt);
                return;
            }
            Err(failure) => {
                log_failure!(failure, job.id = %id, attempt = number, "failed to store the start of attempt {number} of job {id}, retrying: {failure}");
                may_be_stored = true;
                sleep(RETRY_DELAY).await;
            }
        }
    }
}
