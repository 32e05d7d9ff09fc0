//! Scopes for operations.

use crate::domain::access::caller::{Caller, Scope};
use crate::service::error::ServiceError;

/// Checks the scopes for operations: the numbers of a preview reveal which jobs exist.
pub(super) fn require(caller: &Caller) -> Result<(), ServiceError> {
    caller.require(Scope::Write)?;
    caller.require(Scope::Read)?;
    Ok(())
}
