//! Cache of access to workers, which does not change while they exist.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::cluster::worker_access::WorkerAccess;
use crate::domain::values::id::NodeId;
use crate::domain::values::name::JobType;
use crate::service::error::ServiceError;
use crate::storage::repository::JobRepository;

/// Maximum number of workers in the cache.
const REMEMBERED_MAX: usize = 4_096;
/// Maximum total size of the names of their types, in bytes.
const REMEMBERED_BYTES_MAX: usize = 16 << 20;

/// A registered worker.
#[derive(Debug)]
pub(crate) struct RegisteredWorker {
    /// Its owner and key; `None` if a version without owners registered it.
    pub(crate) access: Option<WorkerAccess>,
    /// Types that it runs.
    pub(crate) job_types: Arc<[JobType]>,
}

/// Cache of access to workers. Clones share it.
#[derive(Clone)]
pub(crate) struct WorkerAccesses {
    repository: Arc<dyn JobRepository>,
    known: Arc<Mutex<Known>>,
}

#[derive(Default)]
struct Known {
    workers: HashMap<NodeId, Arc<RegisteredWorker>>,
    /// The length of the names of their types.
    bytes: usize,
}

impl WorkerAccesses {
    pub(crate) fn new(repository: Arc<dyn JobRepository>) -> Self {
        Self {
            repository,
            known: Arc::default(),
        }
    }

    /// The worker with this id; `None` if there is none, as for the id of a server.
    pub(crate) async fn get(&self, id: NodeId) -> Result<Option<Arc<RegisteredWorker>>, ServiceError> {
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known().workers.get(&id) {
            return Ok(Some(Arc::clone(found)));
        }
        let Some(stored) = self.repository.worker(id).await? else {
            return Ok(None);
        };
        let found = Arc::new(RegisteredWorker {
            access: stored.access,
            job_types: stored.declaration.job_types,
        });
        let bytes: usize = found.job_types.iter().map(|job_type| job_type.as_str().len()).sum();
        let mut known = known();
        if known.workers.len() >= REMEMBERED_MAX || known.bytes.saturating_add(bytes) > REMEMBERED_BYTES_MAX {
            *known = Known::default();
        }
        // Another call may have read it meanwhile.
        if known.workers.insert(id, Arc::clone(&found)).is_none() {
            known.bytes = known.bytes.saturating_add(bytes);
        }
        Ok(Some(found))
    }
}
