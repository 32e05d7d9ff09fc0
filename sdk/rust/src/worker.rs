//! A worker: leases jobs, runs them with handlers of this program, and reports their results.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tickerq_core::values::time_span::TimeSpan;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::attempt::{JobContext, JobError, Lease, StopReason, lock};
use crate::client::Client;
use crate::error::Error;
use crate::http::backoff;
use crate::json::Json;
use crate::model::{Ended, Held};
use crate::reports::{Report, is_verdict, report_loop};
use crate::schemas::{Heartbeat, LeasedJob};

const LEASE_WAIT: Duration = Duration::from_secs(30);
/// The time after which a stopped handler is abandoned.
const STOP_GRACE: Duration = Duration::from_secs(1);
/// Heartbeats with the response 404 of a proxy before the worker registers again: as long as a lease.
const UNKNOWN_MAX: u32 = 3;

type HandlerFuture = Pin<Box<dyn Future<Output = Result<Json, JobError>> + Send>>;
type Handler = Arc<dyn Fn(Json, JobContext) -> HandlerFuture + Send + Sync>;

/// A worker before it starts.
pub struct Worker {
    client: Client,
    name: String,
    queues: Vec<String>,
    concurrency: usize,
    heartbeat_every: Option<Duration>,
    keep_subscriptions: bool,
    handlers: HashMap<String, Handler>,
}

impl Worker {
    /// A worker of this name, which runs up to ten jobs at the same time.
    pub fn new(client: Client, name: impl Into<String>) -> Self {
        Self {
            client,
            name: name.into(),
            queues: Vec::new(),
            concurrency: 10,
            heartbeat_every: None,
            keep_subscriptions: false,
            handlers: HashMap::new(),
        }
    }

    /// Leases jobs from these queues only.
    #[must_use]
    pub fn queues<Q: Into<String>>(mut self, queues: impl IntoIterator<Item = Q>) -> Self {
        self.queues = queues.into_iter().map(Into::into).collect();
        self
    }

    /// The number of jobs that run at the same time, 1 to 1,000.
    #[must_use]
    pub fn concurrency(mut self, concurrency: usize) -> Self {
        self.concurrency = concurrency.clamp(1, 1_000);
        self
    }

    /// The interval of heartbeats; the server's by default.
    #[must_use]
    pub fn heartbeat_every(mut self, interval: Duration) -> Self {
        self.heartbeat_every = Some(interval);
        self
    }

    /// Leaves the subscriptions of the client open when the worker stops.
    #[must_use]
    pub fn keep_subscriptions(mut self) -> Self {
        self.keep_subscriptions = true;
        self
    }

    /// Registers an async function for a job type. Parameters that can't be deserialized fail the job permanently; as
    /// [`Json`] they are passed byte for byte.
    #[must_use]
    pub fn handle<P, R, F, Fut>(mut self, job_type: impl Into<String>, function: F) -> Self
    where
        P: DeserializeOwned + Send + 'static,
        R: Serialize,
        F: Fn(P, JobContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, JobError>> + Send + 'static,
    {
        let function = Arc::new(function);
        let handler: Handler = Arc::new(move |parameters, context| {
            let function = Arc::clone(&function);
            Box::pin(async move {
                let parameters = parameters
                    .parse()
                    .map_err(|error| JobError::permanent(format!("the parameters can't be read: {error}")))?;
                let result = function(parameters, context).await?;
                Json::of(&result).map_err(|error| JobError::permanent(format!("the result can't be written: {error}")))
            })
        });
        self.handlers.insert(job_type.into(), handler);
        self
    }

    /// Registers and starts to work. Waits for a server that is not reachable yet. Failed requests and errors of
    /// handlers are logged with `tracing`. Dropping the handle ends the worker like a crash; see
    /// [`WorkerHandle::stop`].
    pub async fn start(self) -> Result<WorkerHandle, Error> {
        let mut types: Vec<String> = self.handlers.keys().cloned().collect();
        types.sort();
        let (id, beat_every) = register_when_reachable(&self, &types).await?;
        let (reports, reporting) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            free: Arc::new(Semaphore::new(self.concurrency)),
            running: Mutex::default(),
            id: watch::channel(id).0,
            stopping: CancellationToken::new(),
            beating: tokio::sync::Mutex::default(),
            reported_failure: Mutex::default(),
            unknown: AtomicU32::new(0),
            refused: Mutex::default(),
            types,
            reports,
            worker: self,
        });
        let tasks = vec![
            spawn(lease_loop(Arc::clone(&shared))),
            spawn(beat_loop(Arc::clone(&shared), beat_every)),
            spawn(report_loop(Arc::clone(&shared), reporting)),
        ];
        Ok(WorkerHandle { shared, _tasks: tasks })
    }
}

fn spawn(task: impl Future<Output = ()> + Send + 'static) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(task))
}

async fn register(worker: &Worker, types: &[String]) -> Result<(String, Duration), Error> {
    let known = worker
        .client
        .register_worker(&worker.name, types, &worker.queues, worker.concurrency)
        .await?;
    let interval = worker
        .heartbeat_every
        .unwrap_or_else(|| known.heartbeat_interval.to_std());
    Ok((known.id, interval))
}

/// Registers; retries while the server is unreachable or unavailable.
async fn register_when_reachable(worker: &Worker, types: &[String]) -> Result<(String, Duration), Error> {
    let mut last = None;
    let mut tries = 0;
    loop {
        let error = match register(worker, types).await {
            Ok(registered) => {
                if last.is_some() {
                    tracing::info!(worker = worker.name, "connected");
                }
                return Ok(registered);
            }
            Err(error) => error,
        };
        // A response of another form is a proxy's, mostly.
        if !error.is_temporary() && !matches!(error, Error::InvalidResponse(_)) {
            return Err(error);
        }
        let text = error.to_string();
        if last.as_ref() != Some(&text) {
            tracing::warn!(worker = worker.name, "could not register: {text}");
            last = Some(text);
        }
        tokio::time::sleep(backoff(tries).max(error.retry_after().unwrap_or_default())).await;
        tries = tries.saturating_add(1);
    }
}

struct Running {
    context: JobContext,
    _task: AbortOnDropHandle<()>,
}

pub(crate) struct Shared {
    worker: Worker,
    types: Vec<String>,
    id: watch::Sender<String>,
    free: Arc<Semaphore>,
    /// All attempts that run or whose result is not reported yet.
    running: Mutex<HashMap<Lease, Running>>,
    reports: mpsc::UnboundedSender<Report>,
    stopping: CancellationToken,
    /// Held during a heartbeat, which carries the progress and log of all running jobs.
    beating: tokio::sync::Mutex<()>,
    /// The last failed request, until one succeeds.
    reported_failure: Mutex<Option<String>>,
    /// Number of consecutive heartbeats with the response 404.
    unknown: AtomicU32,
    /// The types whose jobs servers refuse to lease, as they were logged last.
    refused: Mutex<String>,
}

impl Shared {
    pub(crate) fn client(&self) -> &Client {
        &self.worker.client
    }

    pub(crate) fn id(&self) -> String {
        self.id.borrow().clone()
    }

    fn contexts(&self) -> Vec<JobContext> {
        let running = lock(&self.running);
        running.values().map(|running| running.context.clone()).collect()
    }

    fn lose(&self, context: &JobContext) {
        if context.lose() {
            let id = context.job.job_id;
            tracing::warn!(worker = self.worker.name, job.id = %id, "lost the lease of job {id}");
        }
    }

    async fn beat(&self) {
        let _beating = self.beating.lock().await;
        self.beat_alone().await;
    }

    /// Sends the progress and log of a job that has ended. Another heartbeat that has taken them must arrive before the
    /// result: afterwards the lease is gone, and they are dropped.
    async fn flush(&self, context: &JobContext) {
        let _beating = self.beating.lock().await;
        if context.has_news() {
            self.beat_alone().await;
        }
    }

    async fn beat_alone(&self) {
        let mut named = self.contexts();
        // An attempt that another one of its job has replaced is omitted: the response names jobs only.
        named.retain(|context| !context.is_lost());
        let response = match self.heartbeat(&named).await {
            Ok(response) => response,
            Err(error) => return self.beat_failed(&error, &named).await,
        };
        self.unknown.store(0, Ordering::Relaxed);
        for context in &named {
            if response.lost.contains(&context.job.job_id) {
                self.lose(context);
            } else if response.cancelled.contains(&context.job.job_id) {
                context.stop(StopReason::Cancelled);
            }
        }
        self.log_refused(&response.refused_types.unwrap_or_default().join(", "));
    }

    fn log_refused(&self, types: &str) {
        let mut refused = lock(&self.refused);
        if !types.is_empty() && *refused != types {
            tracing::warn!(
                worker = self.worker.name,
                "servers run jobs of {types} and lease none of them"
            );
        }
        types.clone_into(&mut refused);
    }

    /// Renews the lease. Rejected progress and log lines are dropped: they must not cost the lease.
    async fn heartbeat(&self, named: &[JobContext]) -> Result<Heartbeat, Error> {
        let held: Vec<Held> = named.iter().map(JobContext::report).collect();
        match self.client().heartbeat(&self.id(), &held).await {
            Err(error) if is_verdict(&error) => {
                self.failed("progress and log lines were not accepted", &error);
                let held: Vec<Held> = named.iter().map(JobContext::held).collect();
                self.client().heartbeat(&self.id(), &held).await
            }
            other => other,
        }
    }

    async fn beat_failed(&self, error: &Error, named: &[JobContext]) {
        self.failed("heartbeat failed", error);
        let Error::NotFound(problem) = error else {
            return;
        };
        // A 404 without a problem comes from a proxy, unless it persists.
        let times = self.unknown.fetch_add(1, Ordering::Relaxed) + 1;
        if (problem.kind.is_empty() && times < UNKNOWN_MAX) || self.stopping.is_cancelled() {
            return;
        }
        // The server no longer knows this worker or its leases.
        for context in named {
            self.lose(context);
        }
        match register(&self.worker, &self.types).await {
            Ok((id, _)) => {
                self.id.send_replace(id);
                self.unknown.store(0, Ordering::Relaxed);
            }
            Err(error) => self.failed("could not register", &error),
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

    fn recovered(&self) {
        if lock(&self.reported_failure).take().is_some() {
            tracing::info!(worker = self.worker.name, "connected");
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
}

async fn lease_loop(shared: Arc<Shared>) {
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
                    shared.beat().await;
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

async fn beat_loop(shared: Arc<Shared>, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        shared.beat().await;
    }
}

/// A running worker.
pub struct WorkerHandle {
    shared: Arc<Shared>,
    _tasks: Vec<AbortOnDropHandle<()>>,
}

impl WorkerHandle {
    /// The id of this run of the worker.
    pub fn id(&self) -> String {
        self.shared.id()
    }

    /// Leases no more jobs, waits `grace` for running ones, releases the others, unregisters, and closes the
    /// subscriptions of the client unless [`Worker::keep_subscriptions`] was set.
    pub async fn stop(self, grace: Duration) -> Result<(), Error> {
        self.shared.stopping.cancel();
        if !self.quiet_within(grace).await {
            for context in self.shared.contexts() {
                context.stop(StopReason::Stopping);
            }
            self.quiet_within(STOP_GRACE * 5).await;
        }
        for context in self.shared.contexts() {
            let stopped = Error::Connection("the worker has stopped".to_owned());
            self.shared.gave_up(&context, &stopped);
        }
        // A concurrent heartbeat may register the worker again.
        let quiet = tokio::time::timeout(STOP_GRACE * 10, self.shared.beating.lock()).await;
        let removed = self.shared.client().remove_worker(&self.shared.id()).await;
        drop(quiet);
        if !self.shared.worker.keep_subscriptions {
            self.shared.client().close_subscriptions();
        }
        removed
    }

    async fn quiet_within(&self, time: Duration) -> bool {
        let quiet = async {
            while !lock(&self.shared.running).is_empty() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(time, quiet).await.is_ok()
    }
}

impl Drop for WorkerHandle {
    fn drop(&mut self) {
        // Dropping the tasks aborts the jobs.
        self.shared.stopping.cancel();
        lock(&self.shared.running).clear();
    }
}
