//! A corrupt image that a call has found.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::domain::metrics::storage_fault::StorageFault;
use crate::storage::repository::RepositoryError;

/// Time for which a fault that a call of PostgreSQL has found is kept: a bad page may not be read again soon.
const FAULT_KEPT: Duration = Duration::from_secs(300);

/// A corrupt image that a call has found.
#[derive(Default)]
pub(crate) struct FoundFault(Mutex<Option<(Instant, RepositoryError)>>);

impl FoundFault {
    /// Records the fault that a call has found.
    pub(crate) fn record_failure(&self, failure: &RepositoryError) {
        if let RepositoryError::Fault {
            fault: StorageFault::Corrupt,
            ..
        } = failure
        {
            let mut found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            *found = Some((Instant::now(), failure.clone()));
        }
    }

    /// The known fault. A corrupt file stays corrupt until it is opened again.
    pub(super) fn get(&self, is_file: bool) -> Option<RepositoryError> {
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, failure) = found.as_ref()?;
        (is_file || at.elapsed() < FAULT_KEPT).then(|| failure.clone())
    }
}
