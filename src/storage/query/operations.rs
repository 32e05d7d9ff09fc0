//! Reads of bulk operations.

use crate::domain::values::id::OperationId;

/// A page of operations, the newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OperationPage {
    /// Maximum number of operations.
    pub limit: u32,
    /// The last operation of the page before.
    pub after: Option<OperationId>,
}
