//! Reads of audit records.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::domain::access::audit::AuditAction;
use crate::domain::values::id::{AuditId, JobId};

/// A filter of audit records. All of its conditions must hold; an empty filter selects all records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Of this caller.
    pub actor: Option<Arc<str>>,
    /// Of this action.
    pub action: Option<AuditAction>,
    /// Of the target with this id.
    pub job_id: Option<JobId>,
    /// Made at or after.
    pub from: Option<DateTime<Utc>>,
    /// Made at or before.
    pub to: Option<DateTime<Utc>>,
}

/// A page of the audit records, the newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditPage {
    /// Maximum number of entries.
    pub limit: u32,
    /// The last record of the page before: the page has older ones.
    pub after: Option<AuditId>,
}
