//! Use cases of nodes: the servers that share the storage, and their draining.

use std::sync::Arc;

use super::audit_writer;
use super::audit_writer::{AuditWriter, AuditedAction};
use super::error::ServiceError;
use crate::domain::access::caller::{Caller, Scope};
use crate::domain::values::id::NodeId;
use crate::runtime::RuntimeHandle;
use crate::storage::change::{Applied, Change, ChangeError, ClusterChange};
use crate::storage::query::StoredNode;
use crate::storage::repository::JobRepository;

/// Use cases of nodes.
#[derive(Clone)]
pub(crate) struct Nodes {
    repository: Arc<dyn JobRepository>,
    runtime: RuntimeHandle,
    audit: AuditWriter,
}

impl Nodes {
    /// Use cases over this storage and this runtime.
    pub(crate) fn new(repository: Arc<dyn JobRepository>, runtime: RuntimeHandle) -> Self {
        Self {
            repository,
            audit: AuditWriter::new(runtime.clone(), false),
            runtime,
        }
    }

    /// Enables or disables the audit log.
    #[must_use]
    pub(crate) fn audited(self, is_kept: bool) -> Self {
        Self {
            audit: AuditWriter::new(self.runtime.clone(), is_kept),
            ..self
        }
    }

    /// The live nodes, and those that died in the last hour.
    pub(crate) async fn list(&self, caller: &Caller) -> Result<Vec<StoredNode>, ServiceError> {
        caller.require(Scope::Admin)?;
        Ok(self.repository.nodes().await?)
    }

    /// Makes a node start no new jobs; running jobs continue. Idempotent.
    pub(crate) async fn drain(&self, caller: &Caller, id: NodeId) -> Result<StoredNode, ServiceError> {
        self.switch(caller, id, true).await
    }

    /// Makes a draining node start jobs again. Idempotent.
    pub(crate) async fn resume(&self, caller: &Caller, id: NodeId) -> Result<StoredNode, ServiceError> {
        self.switch(caller, id, false).await
    }

    async fn switch(&self, caller: &Caller, id: NodeId, is_draining: bool) -> Result<StoredNode, ServiceError> {
        caller.require(Scope::Admin)?;
        if id == self.own() && self.runtime.is_stopping() {
            // It is already draining, permanently.
            return self.read(id).await;
        }
        let action = if is_draining {
            AuditedAction::DRAIN_NODE
        } else {
            AuditedAction::RESUME_NODE
        };
        let entry = self
            .audit
            .entry(caller, action)
            .map(|entry| audit_writer::of_node(entry, id));
        let change = Change::Cluster(ClusterChange::SetDraining { node: id, is_draining });
        match self.audit.write(change, entry).await? {
            Ok(Applied::DrainSet { changed: _ }) => self.read(id).await,
            Ok(other) => Err(ServiceError::unexpected(&other)),
            Err(ChangeError::Conflict) => Err(ServiceError::NoSuchNode { id }),
            Err(refused) => Err(refused.into()),
        }
    }

    async fn read(&self, id: NodeId) -> Result<StoredNode, ServiceError> {
        let nodes = self.repository.nodes().await?;
        let found = nodes.into_iter().find(|node| node.id == id);
        found.ok_or(ServiceError::NoSuchNode { id })
    }

    /// The node that serves the request.
    pub(crate) fn own(&self) -> NodeId {
        self.runtime.node
    }
}
