//! Use cases of nodes: which servers share the storage.

use std::sync::Arc;

use super::error::ServiceError;
use crate::domain::caller::{Caller, Scope};
use crate::domain::id::NodeId;
use crate::runtime::RuntimeHandle;
use crate::storage::query::StoredNode;
use crate::storage::repository::JobRepository;

/// Use cases of nodes.
#[derive(Clone)]
pub struct Nodes {
    repository: Arc<dyn JobRepository>,
    runtime: RuntimeHandle,
}

impl Nodes {
    /// Use cases over this storage and this runtime.
    pub fn new(repository: Arc<dyn JobRepository>, runtime: RuntimeHandle) -> Self {
        Self { repository, runtime }
    }

    /// The nodes that live, and those that died in the last hour.
    pub async fn list(&self, caller: &Caller) -> Result<Vec<StoredNode>, ServiceError> {
        caller.require(Scope::Admin)?;
        Ok(self.repository.nodes().await?)
    }

    /// The node that answers.
    pub fn own(&self) -> NodeId {
        self.runtime.node
    }
}
