//! Limits on the number of jobs with large texts in memory.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::access::caller::Caller;
use crate::domain::access::caller_key::CallerKey;
use crate::service::error::ServiceError;
use crate::storage::caller_line::{CallerLine, Full, Place};

/// Maximum size of the texts of a job that is read without a permit, in bytes.
pub(crate) const SMALL_BYTES: u32 = 32 << 10;

/// Maximum number of attempts that are read without a permit.
pub(crate) const FEW_ATTEMPTS: u32 = 4;

/// Maximum number of concurrent reads of large jobs, each until its response is serialized.
const READS_MAX: usize = 8;

/// Maximum number of waiting reads and of waiting changes, a quarter of them for one caller.
const WAITING_MAX: usize = 4_096;

/// Maximum number of concurrent changes that hold large texts, each until it is committed.
const CHANGES_MAX: usize = 32;

/// Timeout of the wait for a permit.
const WAIT_TIMEOUT: Duration = Duration::from_secs(30);

/// Suggested delay before a retry.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Permits for large texts. Clones share them.
#[derive(Clone)]
pub(crate) struct LargeTexts {
    /// Callers take turns: one caller leaves a permit to others.
    reads: CallerLine,
    changes: CallerLine,
}

/// A permit to hold large texts, until its last clone is dropped.
#[derive(Clone, Debug)]
pub(crate) struct TextPermit(#[expect(dead_code, reason = "it is held, not read")] Arc<Place>);

impl Default for LargeTexts {
    fn default() -> Self {
        Self {
            reads: CallerLine::new(READS_MAX, WAITING_MAX),
            changes: CallerLine::new(CHANGES_MAX, WAITING_MAX),
        }
    }
}

impl LargeTexts {
    /// A permit to read a large job. The caller must not hold another one.
    pub(crate) async fn for_read(&self, caller: &Caller) -> Result<TextPermit, ServiceError> {
        let entered = self.reads.enter(CallerKey::of(caller));
        let entry = entered.map_err(|full| busy(full == Full::OfCaller))?;
        let place = entry.turn(WAIT_TIMEOUT).await.ok_or_else(|| busy(false))?;
        Ok(TextPermit(Arc::new(place)))
    }

    /// A permit for a change that holds large texts. The caller must hold neither another one nor a turn.
    pub(crate) async fn for_change(&self, caller: &Caller) -> Result<TextPermit, ServiceError> {
        let busy = || ServiceError::ChangesBusy {
            retry_after: RETRY_AFTER,
        };
        let entry = self.changes.enter(CallerKey::of(caller)).map_err(|_| busy())?;
        let place = entry.turn(WAIT_TIMEOUT).await.ok_or_else(busy)?;
        Ok(TextPermit(Arc::new(place)))
    }
}

fn busy(is_own: bool) -> ServiceError {
    ServiceError::ReadsBusy {
        is_own,
        retry_after: RETRY_AFTER,
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::domain::access::caller::{CallerKind, Scopes};

    fn caller(name: &str) -> Caller {
        Caller::new(name, CallerKind::Key, Scopes::all(), Arc::default())
    }

    #[tokio::test]
    async fn a_caller_with_many_changes_leaves_a_permit_to_others() {
        let texts = LargeTexts::default();
        let (busy, other) = (caller("busy"), caller("other"));
        let mut held = Vec::new();
        while let Some(permit) = texts.for_change(&busy).now_or_never() {
            held.push(permit.expect("a permit"));
        }
        assert_eq!(held.len(), CHANGES_MAX - 1);
        let permit = texts.for_change(&other).now_or_never();
        assert!(permit.is_some_and(|permit| permit.is_ok()));
    }

    #[tokio::test]
    async fn a_caller_with_many_reads_leaves_a_permit_to_others() {
        let texts = LargeTexts::default();
        let (busy, other) = (caller("busy"), caller("other"));
        let mut held = Vec::new();
        while let Some(permit) = texts.for_read(&busy).now_or_never() {
            held.push(permit.expect("a permit"));
        }
        assert_eq!(held.len(), READS_MAX - 1);
        let permit = texts.for_read(&other).now_or_never();
        assert!(permit.is_some_and(|permit| permit.is_ok()));
        held.pop();
        assert!(texts.for_read(&busy).now_or_never().is_some());
    }
}
