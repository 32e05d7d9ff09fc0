//! Dependencies of the runner and of its steps, and their errors.

use std::sync::Arc;

use actix::Recipient;

use super::pace::OtherWrites;
use crate::domain::values::id::NodeId;
use crate::domain::values::time_span::TimeSpan;
use crate::runtime::actor::clock::{Clock, IdSource};
use crate::runtime::actor::failure_log::MaybeOutage;
use crate::runtime::cluster::messages::Broadcast;
use crate::runtime::events::event_bus::EventBusHandle;
use crate::runtime::writer::error::WriteError;
use crate::runtime::writer::handle::WriterHandle;
use crate::storage::repository::{JobRepository, RepositoryError};

/// Dependencies of the runner.
#[derive(Clone)]
pub(crate) struct OperationRunnerDeps {
    /// The storage.
    pub repository: Arc<dyn JobRepository>,
    /// Writes changes.
    pub writer: WriterHandle,
    /// The time of day.
    pub clock: Clock,
    /// Generates ids of audit records.
    pub ids: Arc<IdSource>,
    /// This node.
    pub node: NodeId,
    /// Lifetime of the node's leadership without a renewal.
    pub lease: TimeSpan,
    /// Writes of others.
    pub others: OtherWrites,
    /// Receives progress.
    pub event_bus: EventBusHandle,
    /// Passes progress to the other nodes, if storage is shared.
    pub notifier: Option<Recipient<Broadcast>>,
}

/// Reasons why a round failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum RoundError {
    #[error(transparent)]
    Read(#[from] RepositoryError),
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error("{reason}")]
    Invalid { reason: String },
}

impl MaybeOutage for RoundError {
    fn is_outage(&self) -> bool {
        match self {
            Self::Read(failure) => failure.is_outage(),
            Self::Write(failure) => failure.is_outage(),
            Self::Invalid { .. } => false,
        }
    }
}
