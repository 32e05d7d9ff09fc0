//! From configuration to options: each part of the server gets what concerns it, and knows no configuration.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::{PrometheusOptions, ServerOptions};
use crate::api::auth::{AllowedOrigins, ApiKey, AuthOptions, JwtKeySource, JwtOptions, Rate};
use crate::api::graphql::GraphQlOptions;
use crate::api::pages::PagesOptions;
use crate::api::realtime::RealtimeOptions;
use crate::api::rest::RestOptions;
use crate::config::Config;
use crate::config::sections::api::UnknownJobTypes as ConfiguredUnknownJobTypes;
use crate::config::sections::api::authentication::AuthenticationConfig;
use crate::config::sections::api::jwt::{JwtConfig, JwtKeyConfig};
use crate::config::sections::api::keys::ApiKeyConfig;
use crate::config::sections::api::scopes::ScopesConfig;
use crate::config::sections::database::{DatabaseConfig, DatabaseKind, Durability as ConfiguredDurability};
use crate::config::sections::endpoint::EndpointUrl;
use crate::config::sections::graphql::GraphQlConfig;
use crate::config::sections::job_types::handler::{CommandHandlerSettings, HandlerSettings, HttpHandlerSettings};
use crate::config::sections::nodes::NodesConfig;
use crate::config::sections::realtime::RealtimeConfig;
use crate::config::sections::recurring::RecurringSettings;
use crate::config::sections::sync::{SyncConfig, SyncTargetConfig};
use crate::config::sections::telemetry::{TelemetryConfig, read_attributes};
use crate::config::sections::webhooks::{WebhookEndpointConfig, WebhooksConfig};
use crate::domain::access::caller::{Scope, ScopeNames, Scopes};
use crate::domain::job::new_job::DefaultsByType;
use crate::domain::values::name::QueueName;
use crate::domain::values::trace_context::Share;
use crate::domain::webhooks::endpoint::{EndpointSource, SigningSecret};
use crate::handlers::HandlerRegistry;
use crate::handlers::command::{CommandHandler, CommandOptions};
use crate::handlers::http::{HttpClient, HttpClientError, HttpHandler, HttpHandlerOptions, InvalidHttpHandler};
use crate::handlers::limits::HandlerLimits;
use crate::handlers::noop::NoopHandler;
use crate::runtime::RuntimeOptions;
use crate::runtime::actor::clock::Clock;
use crate::runtime::maintenance::pruner::Retention;
use crate::runtime::monitoring::job_spans::Traces;
use crate::runtime::monitoring::metrics_sampler::SamplerOptions;
use crate::runtime::outbound::options::{ConfiguredEndpoint, OutboundClients, SyncOptions, SyncTarget, WebhookOptions};
use crate::service::jobs::job_validation::{Rules, UnknownJobTypes};
use crate::service::limits::expensive_reads::ReadLimits;
use crate::service::recurring::DeclaredRecurringJob;
use crate::storage::sea::{Durability, READ_TIME, SeaOptions, SeaRepository, WRITE_GRACE};
use crate::telemetry::exporter::{Identity, TelemetryOptions};
use crate::telemetry::exporters::DestinationOptions;
use crate::webhooks::egress_policy::{OutOfReach, Reach};

/// Why a configured handler could not be made.
#[derive(Debug, thiserror::Error)]
pub enum HandlerError {
    /// Its address or its headers can't be used.
    #[error("job_types.{job_type}.handler.http: {cause}")]
    Http {
        /// Whose handler.
        job_type: String,
        /// What is wrong.
        cause: InvalidHttpHandler,
    },
    /// The server never calls this address.
    #[error("{key}: {cause}")]
    Address {
        /// Where it is configured.
        key: String,
        /// Why not.
        cause: OutOfReach,
    },
    /// No HTTP request can be made at all.
    #[error(transparent)]
    Client(#[from] HttpClientError),
}

/// How long it takes to connect to a database that is there, and to renew a lease.
const CONNECTING: Duration = Duration::from_secs(5);
/// A commit may take this long, however short the lease is.
const WRITE_PATIENCE_MIN: Duration = Duration::from_secs(5);
/// And no longer, however long the lease is.
const WRITE_PATIENCE_MAX: Duration = Duration::from_secs(60);

/// A node whose connections have died has new ones before its lease is over: it renewed it a third of it ago at the most,
/// waits, and connects. With a lease of less than 18 seconds that can't be promised.
fn write_patience(lease: Duration) -> Duration {
    let left = (lease * 2 / 3).saturating_sub(WRITE_GRACE + CONNECTING);
    left.clamp(WRITE_PATIENCE_MIN, WRITE_PATIENCE_MAX)
}

/// Which database, and how it is used.
pub(super) fn database(config: &DatabaseConfig, nodes: &NodesConfig) -> SeaOptions {
    let DatabaseConfig {
        url,
        max_connections,
        max_expensive_reads,
        expensive_read_timeout,
        expensive_read_queue: _,
        durability,
        pgbouncer,
        listen_url,
    } = config;
    SeaOptions {
        url: url.expose().to_owned(),
        max_connections: max_connections.get(),
        expensive_reads: *max_expensive_reads,
        expensive_read_time: expensive_read_timeout.to_std(),
        read_time: READ_TIME,
        durability: match durability {
            ConfiguredDurability::Full => Durability::Full,
            ConfiguredDurability::Normal => Durability::Normal,
        },
        // Spreads the counters of several nodes over a few rows; two that draw the same number only wait for each other.
        shard: match url.kind() {
            DatabaseKind::Sqlite => 0,
            DatabaseKind::Postgres => rand::random_range(0..16),
        },
        log_statements: false,
        write_patience: write_patience(nodes.lease.to_std()),
        pgbouncer: *pgbouncer,
        listen_url: listen_url.as_ref().map(|url| url.expose().to_owned()),
    }
}

/// How many expensive reads there may be.
fn expensive_reads(config: &DatabaseConfig) -> ReadLimits {
    let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    ReadLimits {
        running_max: count(config.max_expensive_reads),
        waiting_max: count(config.expensive_read_queue),
        time: config.expensive_read_timeout.to_std(),
    }
}

/// Everything but the database.
pub(super) fn options(config: &Config, registered: HandlerRegistry) -> Result<ServerOptions, HandlerError> {
    let handler_limits = HandlerLimits {
        result_bytes_max: config.jobs.result_bytes_max,
        ..HandlerLimits::default()
    };
    let telemetry = telemetry(&config.telemetry, &Arc::from(config.nodes.name.as_str()));
    // Whatever is exported of traces goes through these.
    let traces = telemetry
        .as_ref()
        .filter(|options| options.destinations.iter().any(DestinationOptions::wants_traces))
        .map_or_else(Traces::default, |_| {
            Traces::exported(Share::of(f64::from(config.telemetry.sample_percent) / 100.0))
        });
    let handlers = handlers(config, handler_limits, &traces, registered)?;
    let webhooks = webhooks(&config.webhooks, &traces)?;
    let queues = config.queues.configured.clone();
    let defaults = Arc::new(DefaultsByType {
        general: config.jobs.defaults.clone(),
        by_type: by_type(config, &handlers),
    });
    let rules = Rules {
        defaults: Arc::clone(&defaults),
        unknown_job_types: match config.api.unknown_job_types {
            ConfiguredUnknownJobTypes::Accept => UnknownJobTypes::Accept,
            ConfiguredUnknownJobTypes::Reject => UnknownJobTypes::Reject,
        },
        parameters_bytes_max: config.jobs.parameters_bytes_max,
        batch_jobs_max: config.jobs.batch_jobs_max,
        queues_max: config.jobs.max_queues,
        new_queues_per_caller: config.jobs.new_queues_per_caller,
        unique_keys_per_caller: config.jobs.unique_keys_per_caller,
        queues: queue_names(config),
        pending_max: queues
            .iter()
            .filter_map(|queue| queue.pending_max.map(|max| (queue.name.clone(), max)))
            .collect(),
    };
    let runtime = RuntimeOptions {
        queues,
        workers_by_default: config.queues.default_workers,
        concurrency: config
            .job_types
            .iter()
            .filter_map(|settings| settings.concurrency.map(|limit| (settings.job_type.clone(), limit)))
            .collect(),
        handlers,
        handler_limits,
        handler_threads: std::thread::available_parallelism().map_or(2, usize::from),
        cancel_grace: config.jobs.cancel_grace.to_std(),
        retention: Retention {
            completed: config.retention.completed,
            failed: config.retention.failed,
            cancelled: config.retention.cancelled,
            audit: config.retention.audit,
            deliveries: config.retention.deliveries,
            changes: config.retention.changes,
            metrics: config.retention.metrics,
        },
        node_name: Arc::from(config.nodes.name.as_str()),
        lease: config.nodes.lease,
        sampler: SamplerOptions {
            queues_every: config.realtime.queue_metrics_interval.to_std(),
            system_every: config.realtime.system_metrics_interval.to_std(),
            rules: config.health,
            disk: SeaRepository::folder(config.database.url.expose()).map(Arc::from),
        },
        defaults,
        clock: Clock::system(),
        sync: sync(&config.sync, &webhooks)?,
        webhooks,
        on_job_event: None,
        traces,
        log_jobs: config.log.jobs,
    };
    Ok(ServerOptions {
        listen: config.server.listen.clone(),
        http_workers: config.server.http_workers.get(),
        keep_alive: config.server.keep_alive.to_std(),
        max_connections: config.server.max_connections,
        max_connections_per_address: config.server.max_connections_per_address,
        closes_storage: true,
        shutdown_grace: config.server.shutdown_grace.to_std(),
        auth: authentication(config),
        audit: config.audit.enable,
        access_log: config.log.access,
        log: None,
        rest: rest(config),
        realtime: RealtimeOptions {
            // Without an API there are no live updates either.
            enable: config.realtime.enable && config.api.enable,
            ..realtime(&config.realtime)
        },
        prometheus: config.metrics.enable_prometheus_export.then(|| PrometheusOptions {
            path: config.metrics.prometheus_endpoint.clone(),
            names: config.metrics.custom_metrics.clone(),
            is_open: !config.metrics.require_authentication,
        }),
        telemetry,
        graphql: graphql(config),
        pages: pages(config),
        events_behind_max: config.realtime.events_behind_max,
        recurring: declared_recurring(config),
        expensive_reads: expensive_reads(&config.database),
        rules,
        runtime,
    })
}

/// What is sent to collectors of telemetry; `None` when there are none.
fn telemetry(config: &TelemetryConfig, node_name: &Arc<str>) -> Option<TelemetryOptions> {
    let TelemetryConfig {
        application_insights,
        track_job_executions,
        track_performance_counters,
        otlp_endpoint,
        otlp_headers,
        sample_percent: _,
        max_traces_per_second,
        metrics_interval,
        service_name,
        resource_attributes,
    } = config;
    // What can't be read is a warning of the configuration.
    let attributes = resource_attributes.as_deref().and_then(read_attributes);
    let insights = application_insights
        .as_ref()
        .filter(|_| *track_job_executions || *track_performance_counters)
        .map(|connection| DestinationOptions::ApplicationInsights {
            instrumentation_key: connection.instrumentation_key.clone(),
            endpoint: connection.ingestion_endpoint.to_string(),
            traces: *track_job_executions,
            numbers: *track_performance_counters,
        });
    let otlp = otlp_endpoint.as_ref().map(|endpoint| DestinationOptions::Otlp {
        endpoint: endpoint.as_url().to_string(),
        headers: otlp_headers
            .iter()
            .map(|(name, value)| (name.clone(), value.expose().to_owned()))
            .collect(),
    });
    let destinations: Vec<DestinationOptions> = insights.into_iter().chain(otlp).collect();
    (!destinations.is_empty()).then(|| TelemetryOptions {
        destinations,
        traces_per_second_max: *max_traces_per_second,
        numbers_every: metrics_interval.to_std(),
        identity: Identity {
            service_name: Arc::from(service_name.as_str()),
            node_name: Arc::clone(node_name),
            attributes: attributes.unwrap_or_default(),
        },
    })
}

/// Who is told of what happens.
fn webhooks(config: &WebhooksConfig, traces: &Traces) -> Result<WebhookOptions, HandlerError> {
    let WebhooksConfig {
        enable,
        timeout,
        disable_after,
        remove_unconfigured_after,
        concurrency,
        allow_private_networks,
        endpoints,
    } = config;
    let clients = OutboundClients::new(*allow_private_networks)?;
    for (index, endpoint) in endpoints.iter().enumerate() {
        let key = || format!("webhooks.endpoints[{index}].url");
        check_address(clients.of(EndpointSource::Configuration), &endpoint.url, key)?;
    }
    let endpoints = endpoints.iter().map(|endpoint| {
        let WebhookEndpointConfig {
            name,
            url,
            events,
            secret,
            previous_secret,
            max_retries,
            retry_delay,
        } = endpoint;
        ConfiguredEndpoint {
            name: Arc::from(name.as_str()),
            url: Arc::from(url.as_url().as_str()),
            events: events.clone(),
            secret: SigningSecret::new(secret.expose()),
            previous_secret: previous_secret
                .as_ref()
                .map(|secret| SigningSecret::new(secret.expose())),
            max_retries: *max_retries,
            retry_delay: *retry_delay,
        }
    });
    Ok(WebhookOptions {
        enable: *enable,
        endpoints: endpoints.collect(),
        timeout: timeout.to_std(),
        disable_after: *disable_after,
        remove_unconfigured_after: *remove_unconfigured_after,
        concurrency: usize::try_from(*concurrency).unwrap_or(usize::MAX),
        clients,
        calls: traces.calls(),
    })
}

/// Refuses an address that could never be called, instead of failing each time.
fn check_address(client: &HttpClient, url: &EndpointUrl, key: impl Fn() -> String) -> Result<(), HandlerError> {
    let checked = client.check(url.as_url());
    checked.map_err(|cause| HandlerError::Address { key: key(), cause })
}

/// Who is sent changed jobs.
fn sync(config: &SyncConfig, webhooks: &WebhookOptions) -> Result<SyncOptions, HandlerError> {
    let SyncConfig { feed, targets } = config;
    for (index, target) in targets.iter().enumerate() {
        let key = || format!("sync.targets[{index}].url");
        check_address(webhooks.clients.of(EndpointSource::Configuration), &target.url, key)?;
    }
    let targets = targets.iter().map(|target| {
        let SyncTargetConfig {
            name,
            url,
            interval,
            batch_size,
            secret,
            fields,
        } = target;
        SyncTarget {
            name: Arc::from(name.as_str()),
            url: Arc::from(url.as_url().as_str()),
            interval: interval.to_std(),
            batch_size: *batch_size,
            secret: secret.as_ref().map(|secret| SigningSecret::new(secret.expose())),
            fields: fields.clone(),
        }
    });
    Ok(SyncOptions {
        feed: *feed,
        targets: targets.collect(),
    })
}

/// How the REST API works.
pub(super) fn rest(config: &Config) -> RestOptions {
    RestOptions {
        enable: config.api.enable,
        base_path: config.api.base_path.clone(),
        version: config.api.version.clone(),
        body_bytes_max: config.server.request_body_bytes_max,
        batch_body_bytes_max: config.server.batch_body_bytes_max,
        response_bytes_max: config.server.max_response,
        response_memory_max: config.server.max_response_memory,
        body_memory_max: config.server.max_body_memory,
        docs: config.api.docs,
        public_docs: config.api.public_docs,
        requires_authentication: config.api.authentication.is_required,
    }
}

/// Who is let in.
fn authentication(config: &Config) -> AuthOptions {
    let AuthenticationConfig {
        is_required,
        scopes,
        keys,
        jwt,
    } = config.api.authentication.clone();
    let ScopesConfig { read, write, admin } = scopes;
    let mut granted = Scopes::none();
    let mut name = |scope, name: Option<String>, default: &Arc<str>| match name {
        Some(name) => Arc::from(name),
        None => {
            // Nobody needs it: who is known has it.
            granted = granted.with(scope);
            Arc::clone(default)
        }
    };
    let default = ScopeNames::default();
    let scope_names = ScopeNames {
        read: name(Scope::Read, read, &default.read),
        write: name(Scope::Write, write, &default.write),
        admin: name(Scope::Admin, Some(admin), &default.admin),
    };
    let keys = keys.into_iter().map(|key| {
        let ApiKeyConfig {
            name,
            digest,
            scopes,
            rate_limit,
        } = key;
        ApiKey {
            name,
            digest,
            scopes,
            rate: rate_limit.map(Rate::from),
        }
    });
    AuthOptions {
        is_required,
        scope_names: Arc::new(scope_names),
        granted,
        keys: keys.collect(),
        jwt: jwt.map(tokens),
        trusted_proxies: config.server.trusted_proxies.clone(),
        origins: AllowedOrigins(config.server.cors_origins.clone()),
    }
}

/// Which signed tokens are accepted.
fn tokens(config: JwtConfig) -> JwtOptions {
    let JwtConfig {
        issuer,
        audience,
        key,
        scope_claim,
        leeway,
        rate_limit,
    } = config;
    JwtOptions {
        issuer,
        audience,
        key: match key {
            JwtKeyConfig::Secret(secret) => JwtKeySource::Secret(secret.expose().to_owned()),
            JwtKeyConfig::PublicKey(pem) => JwtKeySource::PublicKey(pem),
            JwtKeyConfig::JwksFile(path) => JwtKeySource::JwksFile(path),
        },
        scope_claim,
        leeway: leeway.to_std(),
        rate: rate_limit.map(Rate::from),
    }
}

/// How live updates work.
fn realtime(config: &RealtimeConfig) -> RealtimeOptions {
    let RealtimeConfig {
        enable,
        max_connections,
        max_connections_per_caller,
        max_subscriptions,
        message_bytes_max,
        events_behind_max: _,
        ping_interval,
        client_timeout,
        handshake_timeout,
        queue_metrics_interval: _,
        system_metrics_interval: _,
    } = config;
    RealtimeOptions {
        enable: *enable,
        max_connections: *max_connections,
        max_connections_per_caller: *max_connections_per_caller,
        max_subscriptions: *max_subscriptions,
        message_bytes_max: *message_bytes_max,
        ping_interval: ping_interval.to_std(),
        client_timeout: client_timeout.to_std(),
        handshake_timeout: handshake_timeout.to_std(),
    }
}

/// How GraphQL works.
fn graphql(config: &Config) -> GraphQlOptions {
    let GraphQlConfig {
        enable,
        introspection,
        graphiql: _,
        max_depth,
        max_complexity,
        max_aliases,
        max_batch,
        query_bytes_max,
        max_body,
        max_response,
        timeout,
        persisted_queries,
        connection_init_timeout,
    } = config.graphql;
    GraphQlOptions {
        // Without an API there is no GraphQL either.
        enable: enable && config.api.enable,
        introspection,
        max_depth,
        max_complexity,
        max_aliases,
        max_batch,
        query_bytes_max,
        body_bytes_max: max_body,
        response_bytes_max: max_response,
        timeout: timeout.to_std(),
        persisted_queries,
        connection_init_timeout: connection_init_timeout.to_std(),
    }
}

/// Which web pages there are.
const fn pages(config: &Config) -> PagesOptions {
    PagesOptions {
        // It shows nothing where there is no GraphQL.
        graphiql: config.graphql.graphiql && config.graphql.enable && config.api.enable,
    }
}

/// The recurring jobs that the configuration declares.
fn declared_recurring(config: &Config) -> Vec<DeclaredRecurringJob> {
    let declared = config.recurring.iter().map(|settings| {
        let RecurringSettings {
            key,
            new,
            is_enabled,
            path: _,
        } = settings;
        DeclaredRecurringJob {
            key: key.clone(),
            new: new.clone(),
            keeps_enabled: is_enabled.is_none(),
        }
    });
    declared.collect()
}

/// The queues that the configuration names, for themselves or for a type's jobs.
fn queue_names(config: &Config) -> HashSet<QueueName> {
    let configured = config.queues.configured.iter().map(|queue| &queue.name);
    let of_types = config.job_types.iter().map(|settings| &settings.defaults.queue);
    configured.chain(of_types).cloned().collect()
}

/// What jobs of a type get by default: as configured, or the general defaults where only a handler is registered.
fn by_type(
    config: &Config,
    handlers: &HandlerRegistry,
) -> HashMap<crate::domain::values::name::JobType, crate::domain::job::new_job::JobDefaults> {
    let registered = handlers
        .job_types()
        .map(|job_type| (job_type.clone(), config.jobs.defaults.clone()));
    let configured = config
        .job_types
        .iter()
        .map(|settings| (settings.job_type.clone(), settings.defaults.clone()));
    registered.chain(configured).collect()
}

/// The handlers that are configured; those that the program has registered come before them.
fn handlers(
    config: &Config,
    limits: HandlerLimits,
    traces: &Traces,
    registered: HandlerRegistry,
) -> Result<HandlerRegistry, HandlerError> {
    let mut handlers = registered;
    // Whoever writes the configuration may have jobs call its own network.
    let client = HttpClient::new(Reach::PRIVATE_TOO)?;
    for settings in &config.job_types {
        let job_type = settings.job_type.clone();
        if settings.remote_workers {
            handlers.allow_remote_workers(job_type.clone());
        }
        if handlers.get(&job_type).is_some() {
            continue;
        }
        match &settings.handler {
            HandlerSettings::Http(HttpHandlerSettings {
                url,
                secret,
                headers,
                permanent_statuses,
            }) => {
                check_address(&client, url, || format!("job_types.{job_type}.handler.http.url"))?;
                let options = HttpHandlerOptions {
                    url: url.as_url().to_string(),
                    secret: secret.as_ref().map(|secret| secret.expose().to_owned()),
                    headers: headers
                        .iter()
                        .map(|(name, value)| (name.clone(), value.expose().to_owned()))
                        .collect(),
                    permanent_statuses: permanent_statuses.as_ref().map(|statuses| {
                        let statuses = statuses.iter().copied();
                        statuses.filter_map(|status| u16::try_from(status).ok()).collect()
                    }),
                };
                let handler =
                    HttpHandler::new(options, limits, client.clone()).map_err(|cause| HandlerError::Http {
                        job_type: job_type.to_string(),
                        cause,
                    })?;
                handlers.register(job_type, Arc::new(handler.telling(traces.calls())));
            }
            HandlerSettings::Command(CommandHandlerSettings {
                program,
                args,
                working_directory,
                environment,
            }) => {
                let options = CommandOptions {
                    program: program.clone(),
                    args: args.clone(),
                    working_directory: working_directory.clone(),
                    environment: environment
                        .iter()
                        .map(|(name, value)| (name.clone(), value.expose().to_owned()))
                        .collect(),
                };
                handlers.register(job_type, Arc::new(CommandHandler::new(options, limits)));
            }
            // Leased by a worker elsewhere: nothing here runs it.
            HandlerSettings::Remote => {}
            HandlerSettings::Noop => handlers.register(job_type, Arc::new(NoopHandler)),
        }
    }
    Ok(handlers)
}
