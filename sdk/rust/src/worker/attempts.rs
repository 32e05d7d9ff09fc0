//! Leases and attempts of jobs.

use std::sync::Arc;
use std::time::Duration;

use tickerq_core::values::time_span::TimeSpan;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio_util::task::AbortOnDropHandle;

use super::shared::{Running, Shared};
use super::{STOP_GRACE, spawn};
use crate::attempt::{JobContext, JobError, StopReason, lock};
use crate::error::Error;
use crate::http::backoff;
use crate::model::Ended;
use crate::reports::Report;
use crate::schemas::LeasedJob;

const LEASE_WAIT: Duration = Duration::from_secs(30);

pub(super) async fn lease_loop(shared: Arc<Shared>) {
    let mut tries = 0;
    while !shared.stopping.is_cancelled() {
        let Ok(one) = Arc::clone(&shared.free).acquire_owned().await else {
            return;
        };
        let mut permits = vec![one];
        while let Ok(permit) = Arc::clone(&shared.free).try_acquire_owned() {
            permits.push(permit);
        }
        let id = shared.id();
        let leasing = shared.client().lease_jobs(&id, permits.len(), LEASE_WAIT);
        let leased = tokio::select! {
            leased = leasing => leased,
            () = shared.stopping.cancelled() => return,
        };
        match leased {
            Ok(jobs) => {
                shared.recovered();
                tries = 0;
                for (job, permit) in jobs.into_iter().zip(permits) {
                    shared.start(job, permit);
                }
            }
            Err(error) => {
                drop(permits);
                shared.failed("could not lease jobs", &error);
                if matches!(error, Error::NotFound(_) | Error::Conflict(_)) {
                    shared.send_heartbeat().await;
                }
                let wait = backoff(tries).max(error.retry_after().unwrap_or_default());
                tokio::select! {
                    () = tokio::time::sleep(wait) => tries += 1,
                    () = shared.stopping.cancelled() => return,
                }
            }
        }
    }
}

impl Shared {
    /// Begins an attempt, unless it runs already.
    fn start(self: &Arc<Self>, job: LeasedJob, permit: OwnedSemaphorePermit) {
        let context = JobContext::new(job);
        let lease = context.lease();
        if lock(&self.running).contains_key(&lease) {
            return;
        }
        // The server has started another attempt: earlier ones are abandoned.
        for other in self.contexts() {
            if other.job.job_id == context.job.job_id {
                self.lose(&other);
            }
        }
        let (start, started) = oneshot::channel::<()>();
        let running = Arc::clone(self).run(context.clone());
        let owner = Arc::clone(self);
        let key = lease.clone();
        let task = spawn(async move {
            // After it is entered into `running`.
            started.await.ok();
            running.await;
            drop(permit);
            if let Some(Running { _task, .. }) = lock(&owner.running).remove(&key) {
                // This task, which ends here.
                drop(_task.detach());
            }
        });
        let running = Running { context, _task: task };
        lock(&self.running).insert(lease, running);
        start.send(()).ok();
    }

    /// Runs one attempt and reports its result.
    async fn run(self: Arc<Self>, context: JobContext) {
        let end = self.attempt(&context).await;
        context.set_ended();
        let Some((is_success, ended)) = end.filter(|_| !context.is_lost()) else {
            return;
        };
        self.flush(&context).await;
        let (done, stored) = oneshot::channel();
        let report = Report {
            context,
            is_success,
            ended,
            is_plain: false,
            _done: done,
        };
        if self.reports.send(report).is_ok() {
            // Dropped when it is done.
            stored.await.ok();
        }
    }

    /// Runs the handler: its result, and whether it is a success; nothing if the lease was lost.
    async fn attempt(&self, context: &JobContext) -> Option<(bool, Ended)> {
        let handler = self.worker.handlers.get(&context.job.job_type).cloned();
        let parameters = context.job.parameters.clone();
        let given = context.clone();
        let work = async move {
            match handler {
                Some(handler) => handler(parameters, given).await,
                None => Err(JobError::new("this worker has no handler for the type")),
            }
        };
        // A task of its own: its panic is a failed attempt.
        let mut working = AbortOnDropHandle::new(tokio::spawn(work));
        let stopped = async {
            let over = tokio::time::sleep(context.job.timeout.to_std());
            let reason = tokio::select! {
                reason = context.stopped() => reason,
                () = over => StopReason::Timeout,
            };
            context.cancellation.cancel();
            reason
        };
        let mut stopped = std::pin::pin!(stopped);
        let outcome = tokio::select! {
            ended = &mut working => Ok(ended),
            reason = &mut stopped => match tokio::time::timeout(STOP_GRACE, &mut working).await {
                Ok(Ok(Ok(result))) => Ok(Ok(Ok(result))),
                Ok(_) | Err(_) => Err(reason),
            },
        };
        let ended = context.ended();
        let failed = |ended| Some((false, ended));
        match outcome {
            Err(StopReason::Lost) => None,
            Err(StopReason::Cancelled) => failed(Ended {
                outcome: Some("cancelled"),
                ..ended
            }),
            Err(StopReason::Stopping) => failed(Ended {
                outcome: Some("released"),
                ..ended
            }),
            Err(StopReason::Timeout) => {
                let error = format!("timed out after {}", context.job.timeout);
                self.attempt_failed(&context.job, &error, None);
                failed(Ended {
                    error: Some(error),
                    ..ended
                })
            }
            Ok(Ok(Ok(result))) => {
                let result = Some(result).filter(|result| !result.is_null());
                Some((true, Ended { result, ..ended }))
            }
            Ok(Ok(Err(JobError {
                message,
                retry,
                retry_after,
            }))) => {
                self.attempt_failed(&context.job, &message, retry_after);
                failed(Ended {
                    error: Some(message),
                    retry: Some(retry),
                    retry_after,
                    ..ended
                })
            }
            Ok(Err(panic)) => {
                self.attempt_failed(&context.job, &panic.to_string(), None);
                failed(Ended {
                    error: Some(panic.to_string()),
                    ..ended
                })
            }
        }
    }

    fn attempt_failed(&self, job: &LeasedJob, error: &str, retry_after: Option<TimeSpan>) {
        let (id, attempt, kind) = (job.job_id, job.attempt, &job.job_type);
        let worker = &self.worker.name;
        if let Some(wait) = retry_after {
            tracing::info!(worker, job.id = %id, "attempt {attempt} of job {id} ({kind}) retries in {wait}: {error}");
        } else {
            tracing::error!(worker, job.id = %id, "attempt {attempt} of job {id} ({kind}) failed: {error}");
        }
    }
}
