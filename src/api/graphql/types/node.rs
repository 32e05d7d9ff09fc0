//! Objects by their identity, as Relay has them.

use async_graphql::{ID, Interface};

use super::audit::AuditRecord;
use super::job::Job;
use super::queue::Queue;
use super::recurring::RecurringJob;
use super::webhook::delivery::WebhookDelivery;
use super::webhook::endpoint::WebhookEndpoint;
use super::worker::Worker;

/// An object that can be read again by its identity alone.
#[derive(Debug, Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "Its identity among all objects."))]
pub(in super::super) enum Node {
    /// A job.
    Job(Job),
    /// A recurring job.
    RecurringJob(RecurringJob),
    /// A queue.
    Queue(Queue),
    /// A webhook endpoint.
    WebhookEndpoint(WebhookEndpoint),
    /// A delivery of a webhook.
    WebhookDelivery(WebhookDelivery),
    /// A remote worker.
    Worker(Worker),
    /// A record of who has changed what.
    AuditRecord(AuditRecord),
}
