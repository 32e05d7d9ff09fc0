//! The use cases, options and shared memory that routes are built from.

use std::pin::Pin;
use std::sync::Arc;

use crate::api::auth::Gate;
use crate::api::memory::RequestMemory;
use crate::service::audit::AuditLog;
use crate::service::change_feed::Changes;
use crate::service::error::ServiceError;
use crate::service::health::Health;
use crate::service::jobs::Jobs;
use crate::service::log_level::Log;
use crate::service::metrics::Metrics;
use crate::service::nodes::Nodes;
use crate::service::queues::Queues;
use crate::service::recurring::Recurring;
use crate::service::webhooks::Webhooks;
use crate::service::workers::Workers;

/// Where the routes are and what they take.
#[derive(Clone, Debug)]
pub struct RestOptions {
    /// Whether there is an API at all; health is answered without it.
    pub enable: bool,
    /// What the paths begin with: `/api/tickerq`.
    pub base_path: String,
    /// What may follow the base path: `v1`.
    pub version: String,
    /// How large the body of a request may be.
    pub body_bytes_max: usize,
    /// How large the body of a batch may be.
    pub batch_body_bytes_max: usize,
    /// How large the answer to a request for a list may be.
    pub response_bytes_max: usize,
    /// How much memory all answers may take that are being built and sent.
    pub response_memory_max: usize,
    /// How much memory all bodies may take that are being received.
    pub body_memory_max: usize,
    /// Whether the API's description can be read at `/docs`.
    pub docs: bool,
    /// Whether the description can be read by anybody, also where callers must show who they are.
    pub public_docs: bool,
    /// Whether callers must show who they are: so says the description.
    pub requires_authentication: bool,
}

impl RestOptions {
    /// The base path as paths begin with it: nothing, or a slash and more, without one at its end.
    pub(super) fn base(&self) -> String {
        match self.base_path.trim_matches('/') {
            "" => String::new(),
            base => format!("/{base}"),
        }
    }

    /// What the paths of all routes but health begin with; the first is the one that is shown.
    pub fn prefixes(&self) -> Vec<String> {
        let base = self.base();
        match self.version.trim_matches('/') {
            "" => vec![base],
            version => vec![base.clone(), format!("{base}/{version}")],
        }
    }
}

/// What the routes are made from.
#[derive(Clone)]
pub struct RestApi {
    /// Use cases of jobs.
    pub jobs: Jobs,
    /// Use cases of queues.
    pub queues: Queues,
    /// Use cases of the record of who has changed what.
    pub audit: AuditLog,
    /// Use cases of recurring jobs.
    pub recurring: Recurring,
    /// Use cases of the server's numbers.
    pub metrics: Metrics,
    /// What Prometheus reads, if it is exported.
    pub exposition: Option<Exposition>,
    /// Use cases of nodes.
    pub nodes: Nodes,
    /// Use cases of the log's level.
    pub log: Log,
    /// Use cases of webhook endpoints.
    pub webhooks: Webhooks,
    /// Use cases of the feed of changed jobs.
    pub changes: Changes,
    /// Use cases of remote workers.
    pub workers: Workers,
    /// Whether the server can do its work.
    pub health: Health,
    /// Lets callers in.
    pub gate: Gate,
    /// The memory that requests share.
    pub memory: RequestMemory,
    /// Where the routes are and what they take.
    pub options: RestOptions,
}

/// Renders the metrics. Telemetry provides it; a facade does not collect metrics.
pub type MakeText = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<String, ServiceError>>>> + Send + Sync>;

/// What Prometheus reads.
#[derive(Clone)]
pub struct Exposition {
    /// At which path: `/metrics`.
    pub path: String,
    /// Whether everybody may read it, also where callers must show who they are.
    pub is_open: bool,
    /// Makes the text.
    pub text: MakeText,
}
