//! A worker: leases jobs, runs them with handlers of this program, and reports their results.

mod attempts;
mod heartbeat;
mod shared;

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use self::attempts::lease_loop;
use self::heartbeat::heartbeat_loop;
pub(crate) use self::shared::Shared;
use crate::attempt::{JobContext, JobError, StopReason, lock};
use crate::client::Client;
use crate::error::Error;
use crate::http::backoff;
use crate::json::Json;
use crate::reports::report_loop;

/// The time after which a stopped handler is abandoned.
const STOP_GRACE: Duration = Duration::from_secs(1);

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
        let (id, heartbeat_interval) = register_when_reachable(&self, &types).await?;
        let (reports, reporting) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            free: Arc::new(Semaphore::new(self.concurrency)),
            running: Mutex::default(),
            id: watch::channel(id).0,
            stopping: CancellationToken::new(),
            heartbeat_lock: tokio::sync::Mutex::default(),
            reported_failure: Mutex::default(),
            unknown: AtomicU32::new(0),
            refused: Mutex::default(),
            types,
            reports,
            worker: self,
        });
        let tasks = vec![
            spawn(lease_loop(Arc::clone(&shared))),
            spawn(heartbeat_loop(Arc::clone(&shared), heartbeat_interval)),
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
        let quiet = tokio::time::timeout(STOP_GRACE * 10, self.shared.heartbeat_lock.lock()).await;
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
