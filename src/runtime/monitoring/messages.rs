//! Messages of the metrics sampler.

use std::sync::Arc;

use actix::Message;

use crate::domain::events::event::Topic;
use crate::domain::metrics::health::Health;
use crate::domain::metrics::{QueueMetrics, SystemMetrics};
use crate::storage::read_lane::ReadLane;
use crate::storage::repository::RepositoryError;

/// These topics have new subscribers, which need the current state.
#[derive(Message)]
#[rtype(result = "()")]
pub struct TopicsSubscribed {
    /// The topics.
    pub topics: Vec<Topic>,
}

/// Requests metrics of the server that are at most a second old.
#[derive(Message)]
#[rtype(result = "Result<Arc<SystemMetrics>, RepositoryError>")]
pub struct ReadSystemMetrics;

/// Requests the current metrics of all queues.
#[derive(Message)]
#[rtype(result = "Result<Vec<QueueMetrics>, RepositoryError>")]
pub struct ReadQueueMetrics {
    /// The lane of the read.
    pub lane: ReadLane,
}

/// A failure has occurred: check the server's health now.
#[derive(Message)]
#[rtype(result = "()")]
pub struct CheckHealth;

/// Requests the server's health at the last check.
#[derive(Message)]
#[rtype(result = "Health")]
pub struct ReadHealth;

/// Storage is about to be closed: start no more reads. The response follows the last read.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Quiesce;
