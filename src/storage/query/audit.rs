//! Reads of audit records.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::domain::access::audit::AuditAction;
use crate::domain::values::id::{AuditId, JobId};

/// Which records of who has changed what are meant. Every condition that is given must hold; an empty filter means all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Of what this caller did.
    pub actor: Option<Arc<str>>,
    /// Of this action.
    pub action: Option<AuditAction>,
    /// Of what was done to this job.
    pub job_id: Option<JobId>,
    /// Made at or after.
    pub from: Option<DateTime<Utc>>,
    /// Made at or before.
    pub to: Option<DateTime<Utc>>,
}

/// Which part of the records is wanted. The newest comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditPage {
    /// How many at the most.
    pub limit: u32,
    /// Only records older than this one: where the page before has ended.
    pub after: Option<AuditId>,
}
