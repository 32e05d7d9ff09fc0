//! Data that resolvers read from their context.

use std::sync::Arc;
use std::time::Instant;

use async_graphql::{Context, Result};

use crate::api::contract::server_info::ServerInfo;
use crate::domain::access::caller::Caller;
use crate::service::audit::AuditLog;
use crate::service::events::Events;
use crate::service::jobs::operations::Operations;
use crate::service::jobs::{Explanations, Jobs};
use crate::service::log_level::Log;
use crate::service::metrics::Metrics;
use crate::service::nodes::Nodes;
use crate::service::queues::Queues;
use crate::service::recurring::Recurring;
use crate::service::webhooks::Webhooks;
use crate::service::workers::Workers;

/// The use cases that resolvers call.
#[derive(Clone)]
pub(crate) struct Services {
    /// Jobs.
    pub jobs: Jobs,
    /// Explanations of jobs and queues.
    pub explanations: Explanations,
    /// Recurring jobs.
    pub recurring: Recurring,
    /// Queues.
    pub queues: Queues,
    /// Nodes of the cluster.
    pub nodes: Nodes,
    /// Bulk operations.
    pub operations: Operations,
    /// The log level.
    pub log: Log,
    /// The audit log.
    pub audit: AuditLog,
    /// Metrics.
    pub metrics: Metrics,
    /// Webhook endpoints.
    pub webhooks: Webhooks,
    /// Remote workers.
    pub workers: Workers,
    /// Events.
    pub events: Events,
    /// The server.
    pub info: Arc<ServerInfo>,
}

/// Time at which the request times out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline(pub Instant);

/// The use cases.
pub(super) fn services<'a>(ctx: &Context<'a>) -> Result<&'a Services> {
    ctx.data::<Services>()
}

/// The caller of the request.
pub(super) fn caller<'a>(ctx: &Context<'a>) -> Result<&'a Caller> {
    ctx.data::<Caller>()
}
