//! Use cases of nodes: which servers share the storage, and which of them drain.

use std::sync::Arc;

use super::audit_writer;
use super::audit_writer::{Deed, Trail};
use super::error::ServiceError;
use super::jobs::unexpected;
use crate::domain::access::caller::{Caller, Scope};
use crate::domain::values::id::NodeId;
use crate::runtime::RuntimeHandle;
use crate::storage::change::{Applied, Change, ChangeError};
use crate::storage::query::StoredNode;
use crate::storage::repository::JobRepository;

/// Use cases of nodes.
#[derive(Clone)]
pub struct Nodes {
    repository: Arc<dyn JobRepository>,
    runtime: RuntimeHandle,
    trail: Trail,
}

impl Nodes {
    /// Use cases over this storage and this runtime.
    pub fn new(repository: Arc<dyn JobRepository>, runtime: RuntimeHandle) -> Self {
        Self {
            repository,
            trail: Trail::new(runtime.clone(), false),
            runtime,
        }
    }

    /// The same use cases; `is_kept` says whether it is recorded who has changed what.
    #[must_use]
    pub fn audited(self, is_kept: bool) -> Self {
        Self {
            trail: Trail::new(self.runtime.clone(), is_kept),
            ..self
        }
    }

    /// The nodes that live, and those that died in the last hour.
    pub async fn list(&self, caller: &Caller) -> Result<Vec<StoredNode>, ServiceError> {
        caller.require(Scope::Admin)?;
        Ok(self.repository.nodes().await?)
    }

    /// Has a node start no new jobs; what it runs goes on. Draining a node that drains changes nothing.
    pub async fn drain(&self, caller: &Caller, id: NodeId) -> Result<StoredNode, ServiceError> {
        self.switch(caller, id, true).await
    }

    /// Has a node that drains start jobs again. Resuming one that does not drain changes nothing.
    pub async fn resume(&self, caller: &Caller, id: NodeId) -> Result<StoredNode, ServiceError> {
        self.switch(caller, id, false).await
    }

    async fn switch(&self, caller: &Caller, id: NodeId, is_draining: bool) -> Result<StoredNode, ServiceError> {
        caller.require(Scope::Admin)?;
        if id == self.own() && self.runtime.is_stopping() {
            // It drains already, and for good.
            return self.read(id).await;
        }
        let deed = if is_draining {
            Deed::DRAIN_NODE
        } else {
            Deed::RESUME_NODE
        };
        let note = self
            .trail
            .note(caller, deed)
            .map(|note| audit_writer::of_node(note, id));
        let change = Change::SetDraining { node: id, is_draining };
        match self.trail.write(change, note).await? {
            Ok(Applied::DrainSet { changed: _ }) => self.read(id).await,
            Ok(other) => Err(unexpected(&other)),
            Err(ChangeError::Conflict) => Err(ServiceError::NoSuchNode { id }),
            Err(refused) => Err(refused.into()),
        }
    }

    async fn read(&self, id: NodeId) -> Result<StoredNode, ServiceError> {
        let nodes = self.repository.nodes().await?;
        let found = nodes.into_iter().find(|node| node.id == id);
        found.ok_or(ServiceError::NoSuchNode { id })
    }

    /// The node that answers.
    pub fn own(&self) -> NodeId {
        self.runtime.node
    }
}
