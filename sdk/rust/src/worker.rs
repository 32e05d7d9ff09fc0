//! A worker: asks for jobs, runs them with functions of this program, and says what came of them.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::Utc;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tickerq::domain::id::JobId;
use tickerq::domain::time_span::TimeSpan;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::client::Client;
use crate::error::Error;
use crate::http::backoff;
use crate::model::{Ended, Held, LeasedJob, LogLine, Progress};

const LEASE_WAIT: Duration = Duration::from_secs(30);
/// How long a handler that was told to stop is waited for.
const STOP_GRACE: Duration = Duration::from_secs(1);
const ENDS_MAX: usize = 1_000;
const SETTLE_TRIES: u32 = 20;

/// Why a job should stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// Somebody has cancelled it.
    Cancelled,
    /// Its time is up.
    Timeout,
    /// It is not the worker's any more.
    Lost,
    /// The worker stops.
    Stopping,
}

/// How a handler says that it has failed.
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

    /// Another attempt can't help: the job has failed for good.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self {
            retry: false,
            ..Self::new(message)
        }
    }

    /// The next attempt waits for exactly so long.
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

/// What a handler is given beside the parameters.
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
    progress: Option<Progress>,
    log: Vec<LogLine>,
}

impl JobContext {
    /// Says how far the job is, from 0 to 100.
    pub fn progress(&self, percent: f64, message: Option<&str>) {
        let message = message.map(str::to_owned);
        lock(&self.reports).progress = Some(Progress { percent, message });
    }

    /// Logs a line: `debug`, `info`, `warning` or `error`.
    #[expect(
        clippy::disallowed_methods,
        reason = "a line is logged at the worker's time, whose clock is this one"
    )]
    pub fn log(&self, level: &str, message: impl Into<String>) {
        lock(&self.reports).log.push(LogLine {
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
    // Nothing that panics is done under the lock.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

type HandlerFuture = Pin<Box<dyn Future<Output = Result<Value, JobError>> + Send>>;
type Handler = Arc<dyn Fn(Value, JobContext) -> HandlerFuture + Send + Sync>;

/// A worker before it starts.
pub struct Worker {
    client: Client,
    name: String,
    queues: Vec<String>,
    concurrency: usize,
    heartbeat_every: Option<Duration>,
    handlers: HashMap<String, Handler>,
}

impl Worker {
    /// A worker of this name, which runs ten jobs at the same time.
    pub fn new(client: Client, name: impl Into<String>) -> Self {
        Self {
            client,
            name: name.into(),
            queues: Vec::new(),
            concurrency: 10,
            heartbeat_every: None,
            handlers: HashMap::new(),
        }
    }

    /// Takes jobs from these queues alone.
    #[must_use]
    pub fn queues<Q: Into<String>>(mut self, queues: impl IntoIterator<Item = Q>) -> Self {
        self.queues = queues.into_iter().map(Into::into).collect();
        self
    }

    /// Runs so many jobs at the same time, 1 to 1,000.
    #[must_use]
    pub fn concurrency(mut self, concurrency: usize) -> Self {
        self.concurrency = concurrency.clamp(1, 1_000);
        self
    }

    /// Says that it lives more often, or less, than the server wishes.
    #[must_use]
    pub fn heartbeat_every(mut self, interval: Duration) -> Self {
        self.heartbeat_every = Some(interval);
        self
    }

    /// Has an async function run the jobs of a type. Parameters that it can't read fail the job for good.
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
                let parameters = serde_json::from_value(parameters)
                    .map_err(|error| JobError::permanent(format!("the parameters can't be read: {error}")))?;
                let result = function(parameters, context).await?;
                serde_json::to_value(result)
                    .map_err(|error| JobError::permanent(format!("the result can't be written: {error}")))
            })
        });
        self.handlers.insert(job_type.into(), handler);
        self
    }

    /// Registers, and works from now on. Dropping the handle ends the worker as a crash does; see
    /// [`WorkerHandle::stop`].
    pub async fn start(self) -> Result<WorkerHandle, Error> {
        let mut types: Vec<String> = self.handlers.keys().cloned().collect();
        types.sort();
        let (id, beat_every) = register(&self, &types).await?;
        let (ends, settling) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            free: Arc::new(Semaphore::new(self.concurrency)),
            running: Mutex::default(),
            id: watch::channel(id).0,
            stopping: CancellationToken::new(),
            types,
            ends,
            worker: self,
        });
        let tasks = vec![
            spawn(lease_loop(Arc::clone(&shared))),
            spawn(beat_loop(Arc::clone(&shared), beat_every)),
            spawn(settle_loop(Arc::clone(&shared), settling)),
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
        let held: Vec<Held> = lock(&self.running)
            .values()
            .map(|running| running.context.held())
            .collect();
        match self.client().heartbeat(&self.id(), &held).await {
            Ok(beat) => {
                for id in beat.cancelled {
                    self.stop(id, StopReason::Cancelled);
                }
                for id in beat.lost {
                    self.stop(id, StopReason::Lost);
                }
            }
            Err(Error::NotFound(_)) if !self.stopping.is_cancelled() => {
                // The server knows this worker no more, nor that it runs anything.
                self.stop_all(StopReason::Lost);
                if let Ok((id, _)) = register(&self.worker, &self.types).await {
                    self.id.send_replace(id);
                }
            }
            // The next heartbeat tells it again; what was to be reported is lost.
            Err(_) => {}
        }
    }

    /// Runs one attempt to its end, and has that stored.
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
        // On a task of its own, whose panic is a failed attempt.
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
                let error = Some(format!("timed out after {}", context.job.timeout));
                End::Failed(Ended { error, ..ended })
            }
            Ok(Ok(Ok(result))) => End::Completed(Ended {
                result: Some(result).filter(|result| !result.is_null()),
                ..ended
            }),
            Ok(Ok(Err(JobError {
                message,
                retry,
                retry_after,
            }))) => End::Failed(Ended {
                error: Some(message),
                retry: Some(retry),
                retry_after,
                ..ended
            }),
            Ok(Err(panic)) => End::Failed(Ended {
                error: Some(panic.to_string()),
                ..ended
            }),
        };
        if context.has_news() {
            self.beat().await;
        }
        let (sender, stored) = oneshot::channel();
        if self.ends.send((end, sender)).is_ok() {
            // When the worker is gone nobody stores it.
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
                        // Not before it is known that it runs.
                        begun.await.ok();
                        running.await;
                        drop(permit);
                        if let Some(ended) = lock(&owner.running).remove(&job_id) {
                            // Its own task, which ends here by itself.
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

async fn settle_loop(shared: Arc<Shared>, mut ends: mpsc::UnboundedReceiver<(End, oneshot::Sender<()>)>) {
    let mut batch = Vec::new();
    while ends.recv_many(&mut batch, ENDS_MAX).await > 0 {
        let (mut completed, mut failed, mut waiting) = (Vec::new(), Vec::new(), Vec::new());
        for (end, sender) in batch.drain(..) {
            match end {
                End::Completed(ended) => completed.push(ended),
                End::Failed(ended) => failed.push(ended),
            }
            waiting.push(sender);
        }
        say(&shared, true, completed).await;
        say(&shared, false, failed).await;
        for sender in waiting {
            // Whoever no longer waits needs no answer.
            sender.send(()).ok();
        }
    }
}

async fn say(shared: &Shared, is_success: bool, jobs: Vec<Ended>) {
    if jobs.is_empty() {
        return;
    }
    let id = shared.id();
    for attempt in 0..SETTLE_TRIES {
        let said = if is_success {
            shared.client().complete_jobs(&id, &jobs).await
        } else {
            shared.client().fail_jobs(&id, &jobs).await
        };
        match said {
            // Too late, or said before and the answer was lost: nothing more can be done.
            Ok(()) | Err(Error::Conflict(_)) => return,
            Err(error @ (Error::Validation(_) | Error::TooLarge(_))) => {
                return refused(shared, is_success, jobs, &error).await;
            }
            Err(error) => {
                let wait = backoff(attempt).max(error.retry_after().unwrap_or_default());
                tokio::time::sleep(wait).await;
            }
        }
    }
}

/// One of the ends is not accepted; the others are.
async fn refused(shared: &Shared, is_success: bool, jobs: Vec<Ended>, error: &Error) {
    if let [job] = jobs.as_slice() {
        let failure = Ended {
            job_id: job.job_id.clone(),
            lease_token: job.lease_token.clone(),
            error: Some(format!("the result was not accepted: {error}")),
            retry: Some(false),
            ..Ended::default()
        };
        // Should that not be accepted either, the job is lost to this worker when its lease ends.
        shared.client().fail_jobs(&shared.id(), &[failure]).await.ok();
        return;
    }
    for job in jobs {
        Box::pin(say(shared, is_success, vec![job])).await;
    }
}

/// A worker that works.
pub struct WorkerHandle {
    shared: Arc<Shared>,
    _tasks: Vec<AbortOnDropHandle<()>>,
}

impl WorkerHandle {
    /// This run of the worker, as the server knows it.
    pub fn id(&self) -> String {
        self.shared.id()
    }

    /// Takes no more jobs, lets those that run end within `grace`, hands back the rest, and leaves.
    pub async fn stop(self, grace: Duration) -> Result<(), Error> {
        self.shared.stopping.cancel();
        if !self.quiet_within(grace).await {
            self.shared.stop_all(StopReason::Stopping);
            self.quiet_within(STOP_GRACE * 5).await;
        }
        self.shared.client().remove_worker(&self.shared.id()).await
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
        // What runs is dropped with its tasks.
        self.shared.stopping.cancel();
        lock(&self.shared.running).clear();
    }
}
