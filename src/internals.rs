//! Parts of the server that its own program, benchmarks and tests use.
//!
//! They are no part of the public API: any release may change or remove them.

pub use crate::api::auth::{ApiKey, AuthOptions};
pub use crate::api::graphql::GraphQlOptions;
pub use crate::api::pages::PagesOptions;
pub use crate::api::realtime::RealtimeOptions;
pub use crate::api::rest::{Docs, RestOptions};
pub use crate::cli::main;
pub use crate::config::sections::server::ServerConfig;
pub use crate::handlers::limits::HandlerLimits;
pub use crate::handlers::registry::HandlerRegistry;
pub use crate::runtime::actor::clock::Clock;
pub use crate::runtime::maintenance::pruner::Retention;
pub use crate::runtime::monitoring::job_spans::Traces;
pub use crate::runtime::monitoring::metrics_sampler::SamplerOptions;
pub use crate::runtime::outbound::endpoint_sync::id_of as endpoint_id;
pub use crate::runtime::outbound::options::{
    ConfiguredEndpoint, DeliveryOptions, OutboundClients, SyncOptions, WebhookOptions,
};
pub use crate::runtime::{Runtime, RuntimeHandle, RuntimeOptions};
pub use crate::server::ServerOptions;
pub use crate::service::facade_metrics::Traffic;
pub use crate::service::health::{Health, Readiness};
pub use crate::service::limits::expensive_reads::ReadLimits;
pub use crate::service::limits::job_limits::{JobLimits, UnknownJobTypes};
pub use crate::service::metrics::Metrics;
pub use crate::storage::held::holding;
pub use crate::telemetry::exporter::TelemetryExport;
pub use crate::telemetry::exporters::DestinationOptions;
pub use crate::telemetry::options::{Identity, TelemetryOptions};
pub use crate::telemetry::pipeline::{Exports, Watched};
pub use crate::webhooks::client_spans::CallReporter;
