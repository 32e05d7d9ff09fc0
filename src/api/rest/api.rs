//! Use cases, options and memory budgets of the routes.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use actix_web::web::Bytes;

use crate::api::auth::Authenticator;
use crate::api::contract::server_info::ServerInfo;
use crate::api::memory::RequestMemory;
use crate::service::audit::AuditLog;
use crate::service::change_feed::Changes;
use crate::service::error::ServiceError;
use crate::service::health::Health;
use crate::service::jobs::operations::Operations;
use crate::service::jobs::{Explanations, Jobs};
use crate::service::log_level::Log;
use crate::service::metrics::Metrics;
use crate::service::nodes::Nodes;
use crate::service::queues::Queues;
use crate::service::recurring::Recurring;
use crate::service::webhooks::Webhooks;
use crate::service::workers::Workers;

/// The pages at `/docs`, and access to the OpenAPI document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Docs {
    /// No pages; the document requires the read scope.
    Off,
    /// Pages and document require the read scope where the API requires authentication.
    #[default]
    Authenticated,
    /// Pages and document require no credentials.
    Public,
}

/// Options of the REST facade.
#[derive(Clone, Debug)]
pub struct RestOptions {
    /// True if the API is enabled; the health endpoints do not depend on it.
    pub enable: bool,
    /// Prefix of the paths: `/api/tickerq`.
    pub base_path: String,
    /// Version that may follow the prefix: `v1`.
    pub version: String,
    /// Maximum size of the body of a request, in bytes.
    pub body_bytes_max: usize,
    /// Maximum size of the body of a batch, in bytes.
    pub batch_body_bytes_max: usize,
    /// Maximum size of the response to a request for a list, in bytes.
    pub response_bytes_max: usize,
    /// Memory limit of responses that are built and sent, in bytes.
    pub response_memory_max: usize,
    /// Memory limit of bodies that are received, in bytes.
    pub body_memory_max: usize,
    /// The pages at `/docs` and access to the OpenAPI document.
    pub docs: Docs,
    /// True if callers have to authenticate, as the OpenAPI document states.
    pub requires_authentication: bool,
}

impl RestOptions {
    /// The prefix of paths: empty, or a path with a leading and without a trailing slash.
    pub(super) fn base(&self) -> String {
        match self.base_path.trim_matches('/') {
            "" => String::new(),
            base => format!("/{base}"),
        }
    }

    /// Prefixes of all routes but health; the first one is documented.
    pub fn prefixes(&self) -> Vec<String> {
        let base = self.base();
        match self.version.trim_matches('/') {
            "" => vec![base],
            version => vec![base.clone(), format!("{base}/{version}")],
        }
    }
}

/// State of the routes.
#[derive(Clone)]
pub(crate) struct RestApi {
    /// Use cases of jobs.
    pub jobs: Jobs,
    /// Explanations of jobs and queues.
    pub explanations: Explanations,
    /// Use cases of queues.
    pub queues: Queues,
    /// Use cases of the audit log.
    pub audit: AuditLog,
    /// Use cases of recurring jobs.
    pub recurring: Recurring,
    /// Use cases of metrics.
    pub metrics: Metrics,
    /// Metrics endpoint for Prometheus, if enabled.
    pub exposition: Option<Exposition>,
    /// Use cases of nodes.
    pub nodes: Nodes,
    /// Use cases of bulk operations.
    pub operations: Operations,
    /// Use cases of the log level.
    pub log: Log,
    /// Use cases of webhook endpoints.
    pub webhooks: Webhooks,
    /// Use cases of the change feed.
    pub changes: Changes,
    /// Use cases of remote workers.
    pub workers: Workers,
    /// Use cases of health.
    pub health: Health,
    /// The server.
    pub info: Arc<ServerInfo>,
    /// Authenticates callers.
    pub authenticator: Authenticator,
    /// Memory budgets of requests.
    pub memory: RequestMemory,
    /// Options.
    pub options: RestOptions,
    /// The text of the OpenAPI document, once it has been requested.
    pub openapi: Arc<OnceLock<Bytes>>,
}

/// Renders the metrics. Telemetry provides it; a facade does not collect metrics.
pub(super) type MakeText = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<String, ServiceError>>>> + Send + Sync>;

/// Metrics endpoint for Prometheus.
#[derive(Clone)]
pub(crate) struct Exposition {
    /// Path: `/metrics`.
    pub path: String,
    /// True if it requires no authentication.
    pub is_open: bool,
    /// Renders the metrics.
    pub text: MakeText,
}
