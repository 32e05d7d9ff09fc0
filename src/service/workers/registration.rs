//! Registrations of remote workers: what they may name, and how many workers each caller may have.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::access::caller::{Caller, CallerKind};
use crate::domain::cluster::remote_worker::WorkerDeclaration;
use crate::domain::cluster::worker_access::WorkerOwner;
use crate::domain::values::name::is_name_character;
use crate::domain::values::time_span::TimeSpan;
use crate::service::error::ServiceError;
use crate::storage::repository::JobRepository;

/// Maximum number of jobs that a worker may run, lease or finish at once.
pub(crate) const JOBS_MAX: u32 = 1_000;

/// Maximum number of types, and of queues, that a worker may name.
const NAMES_MAX: usize = 1_000;
/// Maximum total size of these names, in bytes.
const NAMES_BYTES_MAX: usize = 32 << 10;
/// Maximum length of a worker's name, in characters.
const NAME_LENGTH_MAX: usize = 200;

/// Checks the values of a registration.
pub(super) fn check(declaration: &WorkerDeclaration) -> Result<(), ServiceError> {
    let WorkerDeclaration {
        name,
        job_types,
        queues,
        concurrency,
    } = declaration;
    let length = name.chars().count();
    if name.trim().is_empty() || length > NAME_LENGTH_MAX || !name.chars().all(is_name_character) {
        let detail =
            format!("name has 1 to {NAME_LENGTH_MAX} characters, one that is no space, and none that can't be printed");
        return Err(ServiceError::invalid("name", detail));
    }
    if job_types.is_empty() || job_types.len() > NAMES_MAX {
        let detail = format!("types names 1 to {NAMES_MAX} job types; these are {}", job_types.len());
        return Err(ServiceError::invalid("types", detail));
    }
    if queues.len() > NAMES_MAX {
        let detail = format!("queues names at most {NAMES_MAX} queues; these are {}", queues.len());
        return Err(ServiceError::invalid("queues", detail));
    }
    let types = job_types.iter().map(|job_type| job_type.as_str().len());
    let bytes: usize = types.chain(queues.iter().map(|queue| queue.as_str().len())).sum();
    if bytes > NAMES_BYTES_MAX {
        let detail =
            format!("the names of types and queues have at most {NAMES_BYTES_MAX} bytes together; these have {bytes}");
        return Err(ServiceError::invalid("types", detail));
    }
    if concurrency.get() > JOBS_MAX {
        let detail = format!("concurrency is {concurrency}; allowed are 1 to {JOBS_MAX}");
        return Err(ServiceError::invalid("concurrency", detail));
    }
    Ok(())
}

/// The limit of workers per caller. Nodes that share a database do not know what the others are registering at the same
/// moment, and may be over the limit together by that much. Cheap to copy.
#[derive(Clone)]
pub(super) struct Registrations {
    repository: Arc<dyn JobRepository>,
    max: u32,
    /// Registrations that are being written.
    pending: Arc<Mutex<HashMap<WorkerOwner, u64>>>,
}

impl Registrations {
    /// A limit of live workers.
    pub(super) fn new(repository: Arc<dyn JobRepository>, max: u32) -> Self {
        Self {
            repository,
            max,
            pending: Arc::default(),
        }
    }

    /// Admits one more worker of a caller, to be held until it is written. The program that embeds the server has no
    /// limit. Workers whose lease expires make room: `lease` is the time until then.
    pub(super) async fn admit(&self, caller: &Caller, lease: TimeSpan) -> Result<Option<Registering>, ServiceError> {
        if caller.kind() == CallerKind::Local || self.max == u32::MAX {
            return Ok(None);
        }
        let owner = WorkerOwner::of(caller);
        let pending = {
            let mut pending = self.pending();
            let pending = pending.entry(owner.clone()).or_default();
            *pending += 1;
            *pending
        };
        let registering = Registering {
            registrations: self.clone(),
            owner,
        };
        let live = self.repository.count_workers(&registering.owner).await?;
        if live.saturating_add(pending) > u64::from(self.max) {
            return Err(ServiceError::TooManyWorkers {
                max: self.max,
                retry_after: lease.to_std(),
            });
        }
        Ok(Some(registering))
    }

    fn pending(&self) -> MutexGuard<'_, HashMap<WorkerOwner, u64>> {
        // Each change of the table is whole before anything can panic.
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A registration that is being written.
pub(super) struct Registering {
    registrations: Registrations,
    owner: WorkerOwner,
}

impl Drop for Registering {
    fn drop(&mut self) {
        let mut pending = self.registrations.pending();
        if let Some(count) = pending.get_mut(&self.owner) {
            *count -= 1;
            if *count == 0 {
                pending.remove(&self.owner);
            }
        }
    }
}
