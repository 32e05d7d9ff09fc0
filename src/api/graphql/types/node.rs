//! Objects by their ids, as in Relay.

use async_graphql::{ID, Interface};

use super::audit::AuditRecord;
use super::job::Job;
use super::queue::Queue;
use super::recurring::RecurringJob;
use super::webhook::delivery::WebhookDelivery;
use super::webhook::endpoint::WebhookEndpoint;
use super::worker::Worker;

/// An object that can be read by its id.
#[derive(Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "Id among all objects."))]
pub(in super::super) enum Node {
    /// A job.
    Job(Job),
    /// A recurring job.
    RecurringJob(RecurringJob),
    /// A queue.
    Queue(Queue),
    /// A webhook endpoint.
    WebhookEndpoint(WebhookEndpoint),
    /// A webhook delivery.
    WebhookDelivery(WebhookDelivery),
    /// A remote worker.
    Worker(Worker),
    /// An audit record.
    AuditRecord(AuditRecord),
}
