//! The store of nodes, remote workers and messages between nodes.

use async_trait::async_trait;

use crate::domain::cluster::worker_access::WorkerOwner;
use crate::domain::values::id::NodeId;
use crate::storage::cluster_message::{Signal, SignalStream};
use crate::storage::error::RepositoryError;
use crate::storage::query::{StoredNode, StoredWorker, WorkerPage, WorkerTypes};

/// Stores nodes and remote workers, and carries messages between nodes. By default there are none: the storage serves one
/// server without remote workers.
#[async_trait]
pub trait ClusterStore: Send + Sync + 'static {
    /// Kind of the database: `sqlite`, `postgresql`, `memory`, or another name.
    fn database(&self) -> &'static str {
        "custom"
    }

    /// The live nodes and those that died recently, by the time of their start.
    async fn nodes(&self) -> Result<Vec<StoredNode>, RepositoryError> {
        Ok(Vec::new())
    }

    /// The live remote workers and those that were lost recently, by the time of their registration.
    async fn workers(&self) -> Result<Vec<StoredWorker>, RepositoryError> {
        Ok(Vec::new())
    }

    /// A page of [`workers`](Self::workers), in the same order.
    async fn worker_page(&self, page: WorkerPage) -> Result<Vec<StoredWorker>, RepositoryError> {
        let mut workers = self.workers().await?;
        if let Some(after) = page.after {
            let place = workers.iter().position(|worker| worker.id == after);
            workers.drain(..place.map_or(workers.len(), |place| place + 1));
        }
        workers.truncate(usize::try_from(page.limit).unwrap_or(usize::MAX));
        Ok(workers)
    }

    /// The job types and queues of live remote workers, each combination once.
    async fn worker_types(&self) -> Result<Vec<WorkerTypes>, RepositoryError> {
        let workers = self.workers().await?.into_iter().filter(|worker| worker.is_live);
        let types = workers.map(|worker| WorkerTypes {
            job_types: worker.declaration.job_types,
            queues: worker.declaration.queues,
        });
        Ok(types.collect())
    }

    /// Number of live remote workers of an owner.
    async fn count_workers(&self, owner: &WorkerOwner) -> Result<u64, RepositoryError> {
        let workers = self.workers().await?.into_iter().filter(|worker| worker.is_live);
        let own = workers.filter(|worker| worker.access.as_ref().is_some_and(|access| access.owner == *owner));
        Ok(u64::try_from(own.count()).unwrap_or(u64::MAX))
    }

    /// One remote worker, also one that was lost or has left within the last days.
    async fn worker(&self, id: NodeId) -> Result<Option<StoredWorker>, RepositoryError> {
        let _ = id;
        Ok(None)
    }

    /// Publishes messages to the other nodes that share this storage. A storage of one node drops them.
    async fn signal(&self, from: NodeId, signals: &[Signal]) -> Result<(), RepositoryError> {
        let (_, _) = (from, signals);
        Ok(())
    }

    /// Subscribes to the messages of nodes other than `own`; `None` where there are no others.
    async fn signals(&self, own: NodeId) -> Result<Option<SignalStream>, RepositoryError> {
        let _ = own;
        Ok(None)
    }
}
