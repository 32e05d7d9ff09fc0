//! The schema: what the queries, mutations and subscriptions are made into, and what their functions work with.

use std::time::Instant;

use async_graphql::{Context, ID, Result, SDLExportOptions, SchemaBuilder};

use super::execution::budget::ChargeAnswers;
use super::mutation::Mutation;
use super::query::Query;
use super::subscription::Subscription;
use crate::domain::access::caller::Caller;
use crate::service::audit::AuditLog;
use crate::service::events::Events;
use crate::service::jobs::Jobs;
use crate::service::log_level::Log;
use crate::service::metrics::Metrics;
use crate::service::nodes::Nodes;
use crate::service::queues::Queues;
use crate::service::recurring::Recurring;
use crate::service::webhooks::Webhooks;
use crate::service::workers::Workers;

/// The schema with what its functions work with.
pub(super) type Schema = async_graphql::Schema<Query, Mutation, Subscription>;

/// The use cases that the schema translates to.
#[derive(Clone)]
pub struct Services {
    /// Of jobs.
    pub jobs: Jobs,
    /// Of recurring jobs.
    pub recurring: Recurring,
    /// Of queues.
    pub queues: Queues,
    /// Of the servers that share the storage.
    pub nodes: Nodes,
    /// Use cases of the log's level.
    pub log: Log,
    /// Of the record of who has changed what.
    pub audit: AuditLog,
    /// Of the server's numbers.
    pub metrics: Metrics,
    /// Of webhook endpoints.
    pub webhooks: Webhooks,
    /// Of remote workers.
    pub workers: Workers,
    /// Of what happens.
    pub events: Events,
}

fn builder() -> SchemaBuilder<Query, Mutation, Subscription> {
    let builder = Schema::build(Query::default(), Mutation::default(), Subscription::default());
    builder.override_output_type_description::<ID>("An identity: text that means something to this server alone.")
}

/// When a request has taken too long and is given up, with all that it was given.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline(pub Instant);

/// The schema over these use cases. A request may be so deep and so complex.
pub(super) fn build(services: Services, max_depth: usize, max_complexity: usize) -> Schema {
    builder()
        .limit_depth(max_depth)
        .limit_complexity(max_complexity)
        .extension(ChargeAnswers)
        .data(services)
        .finish()
}

/// The schema in its own language, as `schema.graphql` holds it.
pub fn sdl() -> String {
    let schema = builder().finish();
    let options = SDLExportOptions::new()
        .include_specified_by()
        .prefer_single_line_descriptions();
    let text = schema.sdl_with_options(options);
    format!("{}\n", text.trim_end())
}

/// The use cases.
pub(super) fn services<'a>(ctx: &Context<'a>) -> Result<&'a Services> {
    ctx.data::<Services>()
}

/// Who has sent the request.
pub(super) fn caller<'a>(ctx: &Context<'a>) -> Result<&'a Caller> {
    ctx.data::<Caller>()
}
