//! A server without an HTTP server: it runs jobs, and its facades are part of a program's app.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tracing::{info, warn};

use super::error::ServerError;
use super::facades::Facades;
use super::facts::{page_paths, server_info};
use super::options::ServerOptions;
use super::system_thread::SystemThread;
use crate::api::auth::Authenticator;
use crate::api::graphql::{GraphQl, Services};
use crate::api::memory::RequestMemory;
use crate::api::middleware::security_headers::ResponseHeaders;
use crate::api::pages::Pages;
use crate::api::realtime::Realtime;
use crate::api::rest::Exposition;
use crate::api::rest::RestApi;
use crate::api::rest::prometheus::PrometheusOptions;
use crate::domain::job::Job;
use crate::domain::queue::QueueSettings;
use crate::runtime::{Runtime, RuntimeHandle};
use crate::service::audit::AuditLog;
use crate::service::change_feed::Changes;
use crate::service::error::ServiceError;
use crate::service::events::Events;
use crate::service::facade_metrics::Traffic;
use crate::service::health::Health;
use crate::service::jobs::job_request::JobRequestError;
use crate::service::jobs::operations::Operations;
use crate::service::jobs::{Explanations, Jobs};
use crate::service::limits::expensive_reads::ExpensiveReads;
use crate::service::log_level::Log;
use crate::service::metrics::Metrics;
use crate::service::nodes::Nodes;
use crate::service::queues::Queues;
use crate::service::recurring::{DeclaredRecurringJob, Put, Recurring};
use crate::service::shutdown::Shutdown;
use crate::service::webhooks::Webhooks;
use crate::service::workers::Workers;
use crate::storage::repository::JobRepository;
use crate::telemetry::exporter::TelemetryExport;
use crate::telemetry::pipeline::{Exports, Watched};
use crate::telemetry::prometheus::PrometheusExport;

/// A running server whose requests come through the program's HTTP server.
pub struct Embedded {
    repository: Arc<dyn JobRepository>,
    // Boxed, like the jobs, so that a future that holds the server is small.
    runtime: Box<Runtime>,
    telemetry: Option<TelemetryExport>,
    health: Health,
    shutdown: Shutdown,
    jobs: Box<Jobs>,
    recurring: Recurring,
    queues: Queues,
    facades: Arc<Facades>,
    closes_storage: bool,
    shutdown_grace: Duration,
    /// The thread of the actors if the program has no actix system.
    pub(super) system: Option<SystemThread>,
}

impl Embedded {
    /// Starts it over this storage. Needs a running actix system. The program listens itself, so the listener's
    /// options are not used.
    pub(crate) async fn start(repository: Arc<dyn JobRepository>, options: ServerOptions) -> Result<Self, ServerError> {
        let mut info = server_info(&options, repository.database());
        let pages = Pages::new(&options.pages, &page_paths(&options));
        let ServerOptions {
            server,
            closes_storage,
            auth,
            audit: is_audited,
            access_log,
            log,
            rest,
            realtime,
            prometheus,
            telemetry,
            graphql,
            pages: _,
            event_buffer,
            recurring: declared,
            expensive_reads,
            job_limits,
            runtime,
        } = options;
        let origins = auth.origins.clone();
        if !auth.is_required && origins.are_any() {
            return Err(ServerError::AnyOrigin);
        }
        let response_headers = ResponseHeaders {
            is_private: auth.is_required,
        };
        let authenticator = Authenticator::new(auth)?;
        let configured: Arc<[QueueSettings]> = runtime.queues.clone().into();
        let workers_by_default = runtime.workers_by_default;
        let runtime = Box::pin(Runtime::start(Arc::clone(&repository), runtime)).await?;
        let handle = runtime.handle().clone();
        info.node = handle.node;
        let workers_per_caller = job_limits.workers_per_caller;
        let job_limits = Arc::new(job_limits);
        let reads = ExpensiveReads::new(expensive_reads);
        let jobs = Jobs::new(Arc::clone(&repository), handle.clone(), Arc::clone(&job_limits))
            .audited(is_audited)
            .with_expensive_reads(reads.clone());
        let recurring = jobs.recurring().clone();
        if let Err(error) = declare(&recurring, declared).await {
            Box::pin(runtime.stop(server.shutdown_grace.to_std())).await;
            return Err(error);
        }
        let explanations = Explanations::new(
            Arc::clone(&repository),
            handle.clone(),
            Arc::clone(&configured),
            workers_by_default,
        );
        let queues = Queues::new(
            Arc::clone(&repository),
            handle.clone(),
            configured,
            workers_by_default,
            job_limits,
        )
        .audited(is_audited);
        let workers = Workers::new(Arc::clone(&repository), handle.clone())
            .audited(is_audited)
            .with_limit_per_caller(workers_per_caller);
        let audit = AuditLog::new(Arc::clone(&repository)).with_expensive_reads(reads);
        let log = Log::new(handle.clone(), log).audited(is_audited);
        let nodes = Nodes::new(Arc::clone(&repository), handle.clone()).audited(is_audited);
        let operations = Operations::new(Arc::clone(&repository), handle.clone(), jobs.clone()).audited(is_audited);
        let webhooks = Webhooks::new(Arc::clone(&repository), handle.clone()).audited(is_audited);
        let changes = Changes::new(Arc::clone(&repository), handle.clone());
        let metrics = Metrics::new(Arc::clone(&repository), handle.clone());
        let traffic = Traffic::default();
        let requests = (prometheus.is_some() || telemetry.is_some()).then(|| traffic.requests.clone());
        let watched = Watched {
            node: handle.node,
            metrics: metrics.clone(),
            traces: handle.traces.clone(),
            traffic: traffic.clone(),
        };
        let names = prometheus.as_ref().map(|options| options.names.clone());
        let Exports {
            prometheus: text,
            telemetry,
        } = Exports::start(watched, names, telemetry)?;
        let exposition = prometheus.zip(text).map(|(options, text)| exposition(options, text));
        let health = Health::new(Arc::clone(&repository), handle.clone());
        let shutdown = Shutdown::default();
        let events = Events::new(handle, event_buffer);
        let realtime = Realtime::new(
            events.clone(),
            authenticator.clone(),
            shutdown.clone(),
            traffic.clients,
            realtime,
        );
        let info = Arc::new(info);
        let services = Services {
            jobs: jobs.clone(),
            explanations: explanations.clone(),
            recurring: recurring.clone(),
            queues: queues.clone(),
            nodes: nodes.clone(),
            operations: operations.clone(),
            log: log.clone(),
            audit: audit.clone(),
            metrics: metrics.clone(),
            webhooks: webhooks.clone(),
            workers: workers.clone(),
            events,
            info: Arc::clone(&info),
        };
        let memory = RequestMemory::new(rest.response_memory_max, rest.body_memory_max);
        let graphql = GraphQl::new(
            services,
            traffic.operations,
            authenticator.clone(),
            realtime.clone(),
            memory.clone(),
            graphql,
        );
        let access = access_log.then(|| authenticator.clone());
        let rest = RestApi {
            jobs: jobs.clone(),
            explanations,
            queues: queues.clone(),
            audit,
            recurring: recurring.clone(),
            metrics,
            exposition,
            nodes,
            operations,
            log,
            webhooks,
            changes,
            workers,
            health: health.clone(),
            info,
            authenticator,
            memory,
            options: rest,
            openapi: Arc::default(),
        };
        let facades = Facades {
            realtime,
            graphql,
            pages,
            rest,
            response_headers,
            origins,
            requests,
            connections: traffic.connections,
            access,
        };
        Ok(Self {
            repository,
            runtime: Box::new(runtime),
            telemetry,
            health,
            shutdown,
            jobs: Box::new(jobs),
            recurring,
            queues,
            facades: Arc::new(facades),
            closes_storage,
            shutdown_grace: server.shutdown_grace.to_std(),
            system: None,
        })
    }

    /// The server's facades.
    pub fn facades(&self) -> Arc<Facades> {
        Arc::clone(&self.facades)
    }

    /// Use cases of jobs, for the program itself.
    pub fn jobs(&self) -> &Jobs {
        &self.jobs
    }

    /// Schedules a job of this type with these parameters, and the configured settings of its type for the rest;
    /// [`Jobs::request`] sets more. The job is durable when this returns.
    ///
    /// # Errors
    ///
    /// See [`JobRequestError`].
    pub async fn schedule(&self, job_type: &str, parameters: &impl Serialize) -> Result<Arc<Job>, JobRequestError> {
        Ok(self.jobs.request(job_type).parameters(parameters).schedule().await?.job)
    }

    /// Use cases of recurring jobs, for the program itself.
    pub const fn recurring(&self) -> &Recurring {
        &self.recurring
    }

    /// Use cases of queues, for the program itself.
    pub const fn queues(&self) -> &Queues {
        &self.queues
    }

    /// The handle to the actors.
    // For tests; its types are internal.
    #[doc(hidden)]
    pub fn runtime(&self) -> &RuntimeHandle {
        self.runtime.handle()
    }

    /// Starts no more jobs, waits for running jobs within the grace period, and requeues the others. Meanwhile
    /// requests are served, and readiness reports the shutdown; subscribers are disconnected at the end. Storage that
    /// the server has opened is closed; the program stops its HTTP server before or afterwards.
    pub async fn stop(mut self) {
        match self.system.take() {
            None => Box::pin(self.stop_here()).await,
            // The thread ends early only if the program stops its system itself.
            Some(system) => drop(system.run(|| Box::pin(self.stop_here())).await),
        }
    }

    async fn stop_here(self) {
        if let Some(storage) = self.finish().await {
            storage.close().await;
        }
        info!("stopped");
    }

    /// The same without closing storage, which is returned if it is to be closed.
    pub(super) async fn finish(self) -> Option<Arc<dyn JobRepository>> {
        self.health.stopping();
        Box::pin(self.runtime.stop(self.shutdown_grace)).await;
        // Subscribers have received the last event and are now redirected to another server.
        self.shutdown.begin();
        if let Some(telemetry) = self.telemetry {
            telemetry.stop().await;
        }
        self.closes_storage.then_some(self.repository)
    }
}

/// Creates and updates the recurring jobs of the configuration. Several servers may do so concurrently.
async fn declare(recurring: &Recurring, declared: Vec<DeclaredRecurringJob>) -> Result<(), ServerError> {
    for declared in declared {
        let key = declared.key.clone();
        match recurring.declare(declared).await {
            Ok(Put::Created(created)) => info!("created recurring job {} with the key '{key}'", created.id),
            Ok(Put::Existing(_)) => {}
            // It has ended since it was declared: nothing is created.
            Err(ServiceError::Invalid {
                field: "endsAt",
                detail,
                ..
            }) => warn!("recurring job '{key}' is not created: {detail}"),
            Err(cause) => return Err(ServerError::Recurring { key, cause }),
        }
    }
    Ok(())
}

/// The route of the Prometheus metrics.
fn exposition(options: PrometheusOptions, export: PrometheusExport) -> Exposition {
    let PrometheusOptions {
        path,
        names: _,
        is_open,
    } = options;
    let export = Arc::new(export);
    Exposition {
        path,
        is_open,
        text: Arc::new(move || {
            let export = Arc::clone(&export);
            Box::pin(async move { export.text().await })
        }),
    }
}
