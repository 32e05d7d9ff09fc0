//! The options of a server, and those of a configuration.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::handlers;
use super::handlers::HandlerError;
use crate::api::auth::AuthOptions;
use crate::api::graphql::GraphQlOptions;
use crate::api::pages::PagesOptions;
use crate::api::realtime::RealtimeOptions;
use crate::api::rest::RestOptions;
use crate::api::rest::prometheus::PrometheusOptions;
use crate::config::Config;
use crate::config::sections::server::ServerConfig;
use crate::domain::job::new_job::{DefaultsByType, JobDefaults};
use crate::domain::values::name::{JobType, QueueName};
use crate::handlers::HandlerRegistry;
use crate::runtime::RuntimeOptions;
use crate::runtime::actor::clock::Clock;
use crate::runtime::monitoring::metrics_sampler::SamplerOptions;
use crate::service::limits::expensive_reads::ReadLimits;
use crate::service::limits::job_limits::JobLimits;
use crate::service::log_level::LogControl;
use crate::service::recurring::DeclaredRecurringJob;
use crate::storage::sea::SeaRepository;
use crate::telemetry::options::TelemetryOptions;

/// The options of a server.
#[derive(Clone)]
pub struct ServerOptions {
    /// The listener: its addresses, connections and threads.
    pub server: ServerConfig,
    /// Close storage when the server has stopped; not if the program has opened it.
    pub closes_storage: bool,
    /// Authentication.
    pub auth: AuthOptions,
    /// Record changes with their callers.
    pub audit: bool,
    /// Log every request with its caller and the client's address.
    pub access_log: bool,
    /// The control of the process's log level, if the program offers one.
    pub log: Option<LogControl>,
    /// The REST API.
    pub rest: RestOptions,
    /// Live updates.
    pub realtime: RealtimeOptions,
    /// The export to Prometheus, if any.
    pub prometheus: Option<PrometheusOptions>,
    /// The exports of telemetry, if any.
    pub telemetry: Option<TelemetryOptions>,
    /// GraphQL.
    pub graphql: GraphQlOptions,
    /// The web pages.
    pub pages: PagesOptions,
    /// Maximum number of events in a subscriber's buffer before it loses some.
    pub event_buffer: usize,
    /// The recurring jobs that the configuration declares.
    pub recurring: Vec<DeclaredRecurringJob>,
    /// The limits of expensive reads.
    pub expensive_reads: ReadLimits,
    /// The checks of new jobs.
    pub job_limits: JobLimits,
    /// The runtime.
    pub runtime: RuntimeOptions,
}

impl ServerOptions {
    /// The options of a configuration and of the handlers that the program has registered.
    pub(super) fn new(config: &Config, registered: HandlerRegistry) -> Result<Self, HandlerError> {
        let traces = config.telemetry.traces();
        let handlers = handlers::configured(config, &traces, registered)?;
        let queues = &config.queues.configured;
        let defaults = Arc::new(defaults(config, &handlers));
        let limits = queues
            .iter()
            .filter_map(|queue| queue.pending_max.map(|max| (queue.name.clone(), max)));
        let concurrency = config
            .job_types
            .iter()
            .filter_map(|settings| settings.concurrency.map(|limit| (settings.job_type.clone(), limit)));
        let runtime = RuntimeOptions {
            queues: queues.clone(),
            workers_by_default: config.queues.default_workers,
            concurrency: concurrency.collect(),
            handlers,
            handler_limits: config.jobs.handler_limits,
            handler_threads: std::thread::available_parallelism().map_or(2, usize::from),
            cancel_grace: config.jobs.cancel_grace,
            retention: config.retention,
            node_name: Arc::clone(&config.cluster.node_name),
            lease: config.cluster.lease_ttl,
            sampler: SamplerOptions {
                queues_every: config.realtime.queue_metrics_interval,
                system_every: config.realtime.system_metrics_interval,
                rules: config.health,
                disk: SeaRepository::folder(config.database.url.expose()).map(Arc::from),
            },
            defaults: Arc::clone(&defaults),
            clock: Clock::system(),
            sync: config.change_feed.clone(),
            webhooks: config.webhooks.options(traces.calls())?,
            on_job_event: None,
            traces,
            log_jobs: config.log.jobs,
        };
        Ok(Self {
            server: config.server.clone(),
            closes_storage: true,
            auth: config.api.auth.clone(),
            audit: config.audit.enable,
            access_log: config.log.access,
            log: None,
            rest: config.api.rest.clone(),
            realtime: config.realtime.options.clone(),
            prometheus: config.metrics.clone(),
            telemetry: config.telemetry.exports.clone(),
            graphql: config.graphql,
            pages: config.pages.clone(),
            event_buffer: config.realtime.event_buffer,
            recurring: config
                .recurring
                .iter()
                .map(|settings| settings.declared.clone())
                .collect(),
            expensive_reads: config.database.expensive_reads,
            job_limits: JobLimits {
                defaults,
                unknown_job_types: config.api.unknown_job_types,
                queues: queue_names(config),
                pending_max: limits.collect(),
                ..config.jobs.limits.clone()
            },
            runtime,
        })
    }
}

/// The queues of the configuration, those of job types among them.
fn queue_names(config: &Config) -> HashSet<QueueName> {
    let configured = config.queues.configured.iter().map(|queue| &queue.name);
    let of_types = config.job_types.iter().map(|settings| &settings.defaults.queue);
    configured.chain(of_types).cloned().collect()
}

/// The defaults of every configured type; a type that has only a registered handler has the general ones.
fn defaults(config: &Config, handlers: &HandlerRegistry) -> DefaultsByType {
    let general = config.jobs.defaults();
    let registered = handlers.job_types().map(|job_type| (job_type.clone(), general.clone()));
    let configured = config
        .job_types
        .iter()
        .map(|settings| (settings.job_type.clone(), settings.defaults.clone()));
    let by_type: HashMap<JobType, JobDefaults> = registered.chain(configured).collect();
    DefaultsByType {
        general: general.clone(),
        by_type,
    }
}
