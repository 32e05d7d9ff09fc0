//! Usage of a caller's shared resources that counts only if the request takes effect.

use std::sync::Arc;

use super::caller_limits::{CallerLimits, SharedResource};
use crate::domain::access::caller::Caller;
use crate::service::error::ServiceError;

/// Resources charged for a request. What is not kept is returned.
pub(super) struct Charge {
    limits: Arc<CallerLimits>,
    caller: Caller,
    shared: SharedResource,
    count: usize,
}

impl Charge {
    /// Charges all of them, or none.
    pub(super) fn take(
        limits: &Arc<CallerLimits>,
        caller: &Caller,
        shared: SharedResource,
        count: usize,
    ) -> Result<Self, ServiceError> {
        limits.take(caller, shared, count)?;
        Ok(Self {
            limits: Arc::clone(limits),
            caller: caller.clone(),
            shared,
            count,
        })
    }

    /// Keeps the charge for `count` of them.
    pub(super) fn keep(&mut self, count: usize) {
        self.count = self.count.saturating_sub(count);
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.limits.release(&self.caller, self.shared, self.count);
    }
}
