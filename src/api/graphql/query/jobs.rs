//! Jobs, and objects by their ids.

use async_graphql::{Context, ID, Object, Result};

use crate::api::contract::filters::{FACET_LIMIT_DEFAULT, LIMIT_MAX};
use crate::api::contract::job_order::ListOrder;
use crate::api::graphql::context::{Services, caller, services};
use crate::api::graphql::errors::if_any;
use crate::api::graphql::loader;
use crate::api::graphql::types::connection::page_size;
use crate::api::graphql::types::job::Job;
use crate::api::graphql::types::job::connection::{JobConnection, PageArguments};
use crate::api::graphql::types::job::facet::{JobFacet, JobFacetField};
use crate::api::graphql::types::job::filter::{JobFilterInput, JobOrder};
use crate::api::graphql::types::node::Node;
use crate::api::graphql::types::queue::queue_of;
use crate::api::graphql::types::scalar_parsing;
use crate::api::graphql::types::worker::Worker;
use crate::domain::access::caller::Caller;
use crate::domain::recurring::RecurringId;
use crate::domain::values::id::{AuditId, EndpointId, JobId, NodeId};
use crate::domain::values::name::QueueName;
use crate::domain::webhooks::delivery::DeliveryId;
use crate::service::error::ServiceError;
use crate::storage::query::Facet;

#[derive(Default)]
pub(super) struct JobQueries;

#[Object]
impl JobQueries {
    /// Returns the job with this id, or null.
    async fn job(&self, ctx: &Context<'_>, #[graphql(desc = "The job's id.")] id: ID) -> Result<Option<Job>> {
        let id = scalar_parsing::job_id("id", &id)?;
        Ok(loader::job(ctx, id).await?.map(Job::of_brief))
    }

    /// Returns a page of jobs, newest first by default.
    #[graphql(complexity = "page_size(first, last).saturating_mul(child_complexity)")]
    #[expect(
        clippy::too_many_arguments,
        reason = "the arguments of a connection are given by its specification"
    )]
    async fn jobs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Conditions on the jobs; all by default.")] filter: Option<JobFilterInput>,
        #[graphql(desc = "Order of the jobs; newest first by default.")] order_by: Option<JobOrder>,
        #[graphql(desc = "Maximum number of jobs from the start, 1 to 1000; 50 if last is not given either.")]
        first: Option<i32>,
        #[graphql(desc = "Cursor: only later jobs of the list are returned.")] after: Option<String>,
        #[graphql(desc = "Maximum number of jobs from the end, 1 to 1000. Mutually exclusive with first.")]
        last: Option<i32>,
        #[graphql(desc = "Cursor: only earlier jobs of the list are returned.")] before: Option<String>,
    ) -> Result<Option<JobConnection>> {
        let filter = filter.unwrap_or_default().into_filter()?;
        let page = PageArguments {
            first,
            after,
            last,
            before,
        };
        let order = order_by.map(ListOrder::from).unwrap_or_default();
        JobConnection::read(ctx, filter, order, page).await.map(Some)
    }

    /// Returns the numbers of the matching jobs by the values of fields: from counters if the filter has statuses, types,
    /// queues and priorities only.
    #[graphql(complexity = "by.len().saturating_mul(100).saturating_add(child_complexity)")]
    async fn job_facets(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Fields by whose values the jobs are counted.")] by: Vec<JobFacetField>,
        #[graphql(desc = "Conditions on the jobs; all by default.")] filter: Option<JobFilterInput>,
        #[graphql(desc = "Maximum number of values of a field, 1 to 1000; 100 by default.")] limit: Option<i32>,
    ) -> Result<Option<Vec<JobFacet>>> {
        let filter = filter.unwrap_or_default().into_filter()?;
        let limit = scalar_parsing::count("limit", limit, FACET_LIMIT_DEFAULT, LIMIT_MAX)?;
        let mut facets: Vec<Facet> = Vec::with_capacity(by.len());
        for facet in by.into_iter().map(Facet::from) {
            if !facets.contains(&facet) {
                facets.push(facet);
            }
        }
        let found = services(ctx)?
            .jobs
            .facets(caller(ctx)?, &filter, &facets, limit)
            .await?;
        Ok(Some(found.into_iter().map(JobFacet::from).collect()))
    }

    /// Returns the object with this id, or null if it does not exist or the caller may not read it.
    async fn node(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "The id of a job, a recurring job, a queue, a webhook endpoint, a webhook delivery, a remote worker or \
                          an audit record."
        )]
        id: ID,
    ) -> Result<Option<Node>> {
        find(services(ctx)?, caller(ctx)?, &id).await
    }
}

/// The object with this id, among those that the caller may read.
async fn find(services: &Services, caller: &Caller, id: &ID) -> Result<Option<Node>> {
    if let Some(name) = queue_of(id) {
        let Ok(name) = QueueName::parse(name) else {
            return Ok(None);
        };
        let queue = if_visible(services.queues.get(caller, &name).await)?;
        return Ok(queue.map(|view| Node::Queue(view.into())));
    }
    if let Ok(id) = DeliveryId::parse(id) {
        let delivery = if_visible(services.webhooks.delivery(caller, id).await)?;
        return Ok(delivery.map(|delivery| Node::WebhookDelivery(delivery.into())));
    }
    let Ok(id) = JobId::parse(id) else { return Ok(None) };
    let uuid = id.as_uuid();
    let job = services.jobs.in_brief(caller, &[id]).await;
    if let Some(job) = if_visible(job.map(|jobs| jobs.into_iter().next()))?.flatten() {
        return Ok(Some(Node::Job(Job::of_brief(job))));
    }
    if let Some(recurring) = if_visible(services.recurring.get(caller, RecurringId::from_uuid(uuid)).await)? {
        return Ok(Some(Node::RecurringJob(recurring.into())));
    }
    if let Some(worker) = if_visible(services.workers.get(caller, NodeId::from_uuid(uuid)).await)? {
        return Ok(Some(Node::Worker(Worker::new(worker, &services.workers))));
    }
    if let Some(endpoint) = if_visible(services.webhooks.get(caller, EndpointId::from_uuid(uuid)).await)? {
        return Ok(Some(Node::WebhookEndpoint(endpoint.into())));
    }
    let record = if_visible(services.audit.get(caller, AuditId::from_uuid(uuid)).await)?.flatten();
    Ok(record.map(|record| Node::AuditRecord(record.into())))
}

/// The object, or null if it is not found or the caller may not read it.
fn if_visible<T>(read: Result<T, ServiceError>) -> Result<Option<T>> {
    match read {
        Err(ServiceError::Forbidden(_) | ServiceError::ForeignWorker { .. } | ServiceError::WebhooksOff) => Ok(None),
        read => if_any(read),
    }
}
