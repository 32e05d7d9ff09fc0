//! Limits on the number of jobs with large texts in memory.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::service::error::ServiceError;

/// Maximum size of the texts of a job that is read without a permit, in bytes.
pub(crate) const SMALL_BYTES: u32 = 32 << 10;

/// Maximum number of attempts that are read without a permit.
pub(crate) const FEW_ATTEMPTS: u32 = 4;

/// Maximum number of concurrent reads of large jobs, each until its response is serialized.
const READS_MAX: usize = 8;

/// Maximum number of concurrent changes that hold large texts, each until it is committed.
const CHANGES_MAX: usize = 32;

/// Permits for large texts. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct LargeTexts {
    reads: Arc<Semaphore>,
    changes: Arc<Semaphore>,
}

/// A permit to hold large texts, until its last clone is dropped.
#[derive(Clone, Debug)]
pub struct TextPermit(#[expect(dead_code, reason = "it is held, not read")] Arc<OwnedSemaphorePermit>);

impl Default for LargeTexts {
    fn default() -> Self {
        Self {
            reads: Arc::new(Semaphore::new(READS_MAX)),
            changes: Arc::new(Semaphore::new(CHANGES_MAX)),
        }
    }
}

impl LargeTexts {
    /// A permit to read a large job. The caller must not hold another one.
    pub(crate) async fn for_read(&self) -> Result<TextPermit, ServiceError> {
        permit_of(&self.reads).await
    }

    /// A permit for a change that holds large texts. The caller must not hold another one.
    pub(crate) async fn for_change(&self) -> Result<TextPermit, ServiceError> {
        permit_of(&self.changes).await
    }
}

async fn permit_of(semaphore: &Arc<Semaphore>) -> Result<TextPermit, ServiceError> {
    let permit = Arc::clone(semaphore).acquire_owned().await;
    // The semaphores are never closed.
    permit
        .map(|permit| TextPermit(Arc::new(permit)))
        .map_err(|closed| ServiceError::Internal {
            reason: closed.to_string(),
        })
}
