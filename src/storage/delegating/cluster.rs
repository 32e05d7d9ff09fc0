//! Forwarding of calls about nodes and workers.

use async_trait::async_trait;

use super::inner::DelegatingRepository;
use crate::domain::cluster::worker_access::WorkerOwner;
use crate::domain::values::id::NodeId;
use crate::storage::cluster_message::{Signal, SignalStream};
use crate::storage::error::RepositoryError;
use crate::storage::query::{StoredNode, StoredWorker, WorkerPage, WorkerTypes};
use crate::storage::repository::ClusterStore;

/// Forwards calls about nodes and workers: see [`DelegatingRepository`].
#[async_trait]
pub trait DelegatingCluster: DelegatingRepository {
    /// See [`ClusterStore::database`].
    fn database(&self) -> &'static str {
        self.inner().database()
    }

    /// See [`ClusterStore::nodes`].
    async fn nodes(&self) -> Result<Vec<StoredNode>, RepositoryError> {
        self.inner().nodes().await
    }

    /// See [`ClusterStore::workers`].
    async fn workers(&self) -> Result<Vec<StoredWorker>, RepositoryError> {
        self.inner().workers().await
    }

    /// See [`ClusterStore::worker_page`].
    async fn worker_page(&self, page: WorkerPage) -> Result<Vec<StoredWorker>, RepositoryError> {
        self.inner().worker_page(page).await
    }

    /// See [`ClusterStore::worker_types`].
    async fn worker_types(&self) -> Result<Vec<WorkerTypes>, RepositoryError> {
        self.inner().worker_types().await
    }

    /// See [`ClusterStore::count_workers`].
    async fn count_workers(&self, owner: &WorkerOwner) -> Result<u64, RepositoryError> {
        self.inner().count_workers(owner).await
    }

    /// See [`ClusterStore::worker`].
    async fn worker(&self, id: NodeId) -> Result<Option<StoredWorker>, RepositoryError> {
        self.inner().worker(id).await
    }

    /// See [`ClusterStore::signal`].
    async fn signal(&self, from: NodeId, signals: &[Signal]) -> Result<(), RepositoryError> {
        self.inner().signal(from, signals).await
    }

    /// See [`ClusterStore::signals`].
    async fn signals(&self, own: NodeId) -> Result<Option<SignalStream>, RepositoryError> {
        self.inner().signals(own).await
    }
}

#[async_trait]
impl<T: DelegatingCluster> ClusterStore for T {
    fn database(&self) -> &'static str {
        DelegatingCluster::database(self)
    }

    async fn nodes(&self) -> Result<Vec<StoredNode>, RepositoryError> {
        DelegatingCluster::nodes(self).await
    }

    async fn workers(&self) -> Result<Vec<StoredWorker>, RepositoryError> {
        DelegatingCluster::workers(self).await
    }

    async fn worker_page(&self, page: WorkerPage) -> Result<Vec<StoredWorker>, RepositoryError> {
        DelegatingCluster::worker_page(self, page).await
    }

    async fn worker_types(&self) -> Result<Vec<WorkerTypes>, RepositoryError> {
        DelegatingCluster::worker_types(self).await
    }

    async fn count_workers(&self, owner: &WorkerOwner) -> Result<u64, RepositoryError> {
        DelegatingCluster::count_workers(self, owner).await
    }

    async fn worker(&self, id: NodeId) -> Result<Option<StoredWorker>, RepositoryError> {
        DelegatingCluster::worker(self, id).await
    }

    async fn signal(&self, from: NodeId, signals: &[Signal]) -> Result<(), RepositoryError> {
        DelegatingCluster::signal(self, from, signals).await
    }

    async fn signals(&self, own: NodeId) -> Result<Option<SignalStream>, RepositoryError> {
        DelegatingCluster::signals(self, own).await
    }
}
