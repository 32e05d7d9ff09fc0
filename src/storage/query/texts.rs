//! Texts that can be large.

use super::cluster::WorkerPage;
use super::jobs::JobText;
use super::recurring::RecurringPage;
use super::webhooks::DeliveryPage;
use crate::domain::recurring::RecurringId;
use crate::domain::values::id::{EndpointId, JobId};

/// Texts in storage that a read would bring into memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoredTexts<'a> {
    /// This text of these jobs.
    OfJobs(JobText, &'a [JobId]),
    /// The parameters of a page of the recurring jobs.
    OfRecurring(RecurringPage),
    /// The parameters of these recurring jobs.
    OfRecurringJobs(&'a [RecurringId]),
    /// The bodies of a page of an endpoint's deliveries and of its responses.
    OfDeliveries(EndpointId, DeliveryPage),
    /// The names of types and queues of a page of the remote workers.
    OfWorkers(WorkerPage),
}
