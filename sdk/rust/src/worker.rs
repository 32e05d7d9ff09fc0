//! A worker: leases jobs, runs them with functions of this program, and reports their results.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::Utc;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tickerq::domain::id::JobId;
use tickerq::domain::time_span::TimeSpan;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::client::Client;
use crate::error::Error;
use crate::http::backoff;
use crate::json::Json;
use crate::model::{Ended, Held, LogReport, ProgressReport};
use crate::schemas::LeasedJob;

const LEASE_WAIT: Duration = Duration::from_secs(30);
/// The time after which a stopped handler is abandoned.
const STOP_GRACE: Duration = Duration::from_secs(1);
const REPORTS_MAX: usize = 1_000;
const REPORT_TRIES: u32 = 20;

/// The reason why a job should stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// It was cancelled.
    Cancelled,
    /// It timed out.
    Timeout,
    /// The worker has lost its lease.
    Lost,
    /// The worker stops.
    Stopping,
}

/// The failure of a handler.
#[derive(Clone, Debug)]
pub struct JobError {
    message: String,
    retry: bool,
    retry_after: Option<TimeSpan>,
}

impl JobError {
    /// Another attempt may help.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            retry: true,
            retry_after: None,
        }
    }

    /// Another attempt can't help: the job fails permanently.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self {
            retry: false,
            ..Self::new(message)
        }
    }

    /// Another attempt may help, after this wait.
    pub fn retry_after(message: impl Into<String>, wait: TimeSpan) -> Self {
        Self {
            retry_after: Some(wait),
            ..Self::new(message)
        }
    }
}

impl<E: std::error::Error> From<E> for JobError {
    fn from(error: E) -> Self {
        Self::new(error.to_string())
    }
}

/// What a handler receives beside the parameters.
#[derive(Clone)]
pub struct JobContext {
    /// The job.
    pub job: Arc<LeasedJob>,
    /// Cancelled when the job should stop.
    pub cancellation: CancellationToken,
    reports: Arc<Mutex<Reports>>,
}

#[derive(Default)]
struct Reports {
    progress: Option<ProgressReport>,
    log: Vec<LogReport>,
}

impl JobContext {
    /// Reports progress, from 0 to 100.
    pub fn progress(&self, percent: f64, message: Option<&str>) {
        let message = message.map(str::to_owned);
        lock(&self.reports).progress = Some(ProgressReport { percent, message });
    }

    /// Logs a line: `debug`, `info`, `warning` or `error`.
    #[expect(
        clippy::disallowed_methods,
        reason = "a line is logged at the worker's time, whose clock is this one"
    )]
    pub fn log(&self, level: &str, message: impl Into<String>) {
        lock(&self.reports).log.push(LogReport {
            at: Utc::now(),
            level: level.to_owned(),
            message: message.into(),
        });
    }

    fn held(&self) -> Held {
        let Reports { progress, log } = std::mem::take(&mut *lock(&self.reports));
        Held {
            job_id: self.job.job_id.to_string(),
            lease_token: self.job.lease_token.clone(),
            progress,
            log,
        }
    }

    fn has_news(&self) -> bool {
        let reports = lock(&self.reports);
        reports.progress.is_some() || !reports.log.is_empty()
    }

    fn ended(&self) -> Ended {
        Ended {
            job_id: self.job.job_id.to_string(),
            lease_token: self.job.lease_token.clone(),
            ..Ended::default()
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics under the lock.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

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
        let (ends, reporting) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            free: Arc::new(Semaphore::new(self.concurrency)),
            running: Mutex::default(),
            id: watch::channel(id).0,
            stopping: CancellationToken::new(),
            beating: tokio::sync::Mutex::default(),
            trouble: Mutex::default(),
            refused: Mutex::default(),
            types,
            ends,
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
        if !error.is_temporary() {
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
    stop: watch::Sender<Option<StopReason>>,
    _task: AbortOnDropHandle<()>,
}

struct Shared {
    worker: Worker,
    types: Vec<String>,
    id: watch::Sender<String>,
    free: Arc<Semaphore>,
    running: Mutex<HashMap<JobId, Running>>,
    ends: mpsc::UnboundedSender<(End, oneshot::Sender<()>)>,
    stopping: CancellationToken,
    /// Held during a heartbeat, which carries the progress and log of all running jobs.
    beating: tokio::sync::Mutex<()>,
    /// The last failed request, until one succeeds.
    trouble: Mutex<Option<String>>,
    /// The types whose jobs servers refuse to lease, as they were logged last.
    refused: Mutex<String>,
}

enum End {
    Completed(Ended),
    Failed(Ended),
}

impl Shared {
    fn client(&self) -> &Client {
        &self.worker.client
    }

    fn id(&self) -> String {
        self.id.borrow().clone()
    }

    fn stop(&self, id: JobId, reason: StopReason) {
        if let Some(running) = lock(&self.running).get(&id) {
            running.stop.send_if_modified(|known| {
                let is_first = known.is_none();
                *known = known.or(Some(reason));
                is_first
            });
        }
    }

    fn stop_all(&self, reason: StopReason) {
        let ids: Vec<JobId> = lock(&self.running).keys().copied().collect();
        for id in ids {
            self.stop(id, reason);
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
        let held: Vec<Held> = lock(&self.running)
            .values()
            .map(|running| running.context.held())
            .collect();
        let answer = match self.client().heartbeat(&self.id(), &held).await {
            Ok(answer) => answer,
            Err(error) => return self.beat_failed(&error).await,
        };
        for id in answer.cancelled {
            self.stop(id, StopReason::Cancelled);
        }
        for id in answer.lost {
            tracing::warn!(worker = self.worker.name, job.id = %id, "lost the lease of job {id}");
            self.stop(id, StopReason::Lost);
        }
        self.note_refused(&answer.refused_types.unwrap_or_default().join(", "));
    }

    fn note_refused(&self, types: &str) {
        let mut refused = lock(&self.refused);
        if !types.is_empty() && *refused != types {
            tracing::warn!(
                worker = self.worker.name,
                "servers run jobs of {types} and lease none of them"
            );
        }
        types.clone_into(&mut refused);
    }

    async fn beat_failed(&self, error: &Error) {
        self.failed("heartbeat failed", error);
        if matches!(error, Error::NotFound(_)) && !self.stopping.is_cancelled() {
            // The server does not know this worker any more, nor its leases.
            self.stop_all(StopReason::Lost);
            match register(&self.worker, &self.types).await {
                Ok((id, _)) => drop(self.id.send_replace(id)),
                Err(error) => self.failed("could not register", &error),
            }
        }
    }

    /// Logs a failed request; one that repeats is logged once.
    fn failed(&self, what: &str, error: &Error) {
        let text = format!("{what}: {error}");
        let mut trouble = lock(&self.trouble);
        if trouble.as_ref() != Some(&text) {
            tracing::warn!(worker = self.worker.name, "{text}");
        }
        *trouble = Some(text);
    }

    fn recovered(&self) {
        if lock(&self.trouble).take().is_some() {
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
    async fn run(self: Arc<Self>, context: JobContext, mut stop: watch::Receiver<Option<StopReason>>) {
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
            let told = stop.wait_for(Option::is_some);
            let reason = tokio::select! {
                told = told => told.ok().and_then(|reason| *reason).unwrap_or(StopReason::Stopping),
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
        let end = match outcome {
            Err(StopReason::Lost) => return,
            Err(StopReason::Cancelled) => End::Failed(Ended {
                outcome: Some("cancelled"),
                ..ended
            }),
            Err(StopReason::Stopping) => End::Failed(Ended {
                outcome: Some("released"),
                ..ended
            }),
            Err(StopReason::Timeout) => {
                let error = format!("timed out after {}", context.job.timeout);
                self.attempt_failed(&context.job, &error, None);
                End::Failed(Ended {
                    error: Some(error),
                    ..ended
                })
            }
            Ok(Ok(Ok(result))) => End::Completed(Ended {
                result: Some(result).filter(|result| !result.is_null()),
                ..ended
            }),
            Ok(Ok(Err(JobError {
                message,
                retry,
                retry_after,
            }))) => {
                self.attempt_failed(&context.job, &message, retry_after);
                End::Failed(Ended {
                    error: Some(message),
                    retry: Some(retry),
                    retry_after,
                    ..ended
                })
            }
            Ok(Err(panic)) => {
                self.attempt_failed(&context.job, &panic.to_string(), None);
                End::Failed(Ended {
                    error: Some(panic.to_string()),
                    ..ended
                })
            }
        };
        self.flush(&context).await;
        let (sender, stored) = oneshot::channel();
        if self.ends.send((end, sender)).is_ok() {
            // The worker may have been dropped.
            stored.await.ok();
        }
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
                    let job_id = job.job_id;
                    let context = JobContext {
                        job: Arc::new(job),
                        cancellation: CancellationToken::new(),
                        reports: Arc::default(),
                    };
                    let (stop, told) = watch::channel(None);
                    let (begin, begun) = oneshot::channel::<()>();
                    let running = Arc::clone(&shared).run(context.clone(), told);
                    let owner = Arc::clone(&shared);
                    let task = spawn(async move {
                        // After it is entered into `running`.
                        begun.await.ok();
                        running.await;
                        drop(permit);
                        if let Some(ended) = lock(&owner.running).remove(&job_id) {
                            // This task, which ends here.
                            let Running { _task, .. } = ended;
                            drop(_task.detach());
                        }
                    });
                    let running = Running {
                        context,
                        stop,
                        _task: task,
                    };
                    lock(&shared.running).insert(job_id, running);
                    begin.send(()).ok();
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

async fn report_loop(shared: Arc<Shared>, mut ends: mpsc::UnboundedReceiver<(End, oneshot::Sender<()>)>) {
    let mut batch = Vec::new();
    while ends.recv_many(&mut batch, REPORTS_MAX).await > 0 {
        let (mut completed, mut failed, mut waiting) = (Vec::new(), Vec::new(), Vec::new());
        for (end, sender) in batch.drain(..) {
            match end {
                End::Completed(ended) => completed.push(ended),
                End::Failed(ended) => failed.push(ended),
            }
            waiting.push(sender);
        }
        report(&shared, true, completed).await;
        report(&shared, false, failed).await;
        for sender in waiting {
            // A dropped worker does not wait.
            sender.send(()).ok();
        }
    }
}

async fn report(shared: &Shared, is_success: bool, jobs: Vec<Ended>) {
    if jobs.is_empty() {
        return;
    }
    let id = shared.id();
    for attempt in 0..REPORT_TRIES {
        let reported = if is_success {
            shared.client().complete_jobs(&id, &jobs).await
        } else {
            shared.client().fail_jobs(&id, &jobs).await
        };
        match reported {
            // Too late, or a repeated request whose first response was lost.
            Ok(_) | Err(Error::Conflict(_)) => return,
            Err(error @ (Error::Validation(_) | Error::TooLarge(_))) => {
                return refused(shared, is_success, jobs, &error).await;
            }
            Err(error) => {
                shared.failed("could not report results", &error);
                let wait = backoff(attempt).max(error.retry_after().unwrap_or_default());
                tokio::time::sleep(wait).await;
            }
        }
    }
    let ids: Vec<&str> = jobs.iter().map(|job| job.job_id.as_str()).collect();
    tracing::error!(
        worker = shared.worker.name,
        "gave up reporting results of {}",
        ids.join(", ")
    );
}

/// Reports the results of a refused batch one by one; an invalid one fails its job.
async fn refused(shared: &Shared, is_success: bool, jobs: Vec<Ended>, error: &Error) {
    shared.failed("could not report results", error);
    if let [job] = jobs.as_slice() {
        let failure = Ended {
            job_id: job.job_id.clone(),
            lease_token: job.lease_token.clone(),
            error: Some(format!("the result was not accepted: {error}")),
            retry: Some(false),
            ..Ended::default()
        };
        if let Err(error) = shared.client().fail_jobs(&shared.id(), &[failure]).await {
            shared.failed("could not report results", &error);
        }
        return;
    }
    for job in jobs {
        Box::pin(report(shared, is_success, vec![job])).await;
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

    /// Leases no more jobs, waits `grace` for those that run, releases the others, unregisters, and closes the
    /// subscriptions of the client unless [`Worker::keep_subscriptions`] was set.
    pub async fn stop(self, grace: Duration) -> Result<(), Error> {
        self.shared.stopping.cancel();
        if !self.quiet_within(grace).await {
            self.shared.stop_all(StopReason::Stopping);
            self.quiet_within(STOP_GRACE * 5).await;
        }
        let removed = self.shared.client().remove_worker(&self.shared.id()).await;
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
