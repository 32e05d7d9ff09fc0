//! The pauses of queues, from the audit log.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::access::audit::{AuditAction, AuditRecord};
use crate::domain::explanation::Pause;
use crate::domain::values::name::QueueName;
use crate::storage::query::{AuditFilter, AuditPage};
use crate::storage::repository::{JobRepository, RepositoryError};

/// Number of audit records in which the pause of a queue is searched.
const RECORDS_MAX: u32 = 200;

/// The pauses of paused queues: the first request since the queue was resumed last, if the audit log has it.
pub(in crate::service) async fn pauses_of(
    repository: &dyn JobRepository,
    paused: &[QueueName],
) -> Result<HashMap<QueueName, Pause>, RepositoryError> {
    let mut pauses: HashMap<QueueName, Pause> = paused.iter().map(|name| (name.clone(), Pause::default())).collect();
    if paused.is_empty() {
        return Ok(pauses);
    }
    let read = |action| async move {
        let filter = AuditFilter {
            action: Some(action),
            ..AuditFilter::default()
        };
        let page = AuditPage {
            limit: RECORDS_MAX,
            after: None,
        };
        repository.audit(&filter, page).await
    };
    let requests = read(AuditAction::QueuePause).await?;
    let resumed = read(AuditAction::QueueResume).await?;
    for (name, pause) in &mut pauses {
        let is_of = |record: &&AuditRecord| record.queue.as_ref() == Some(name);
        // The newest records come first.
        let last_resumed = resumed.iter().find(is_of).map(|record| record.id);
        let since_then = requests
            .iter()
            .filter(is_of)
            .take_while(|record| last_resumed.is_none_or(|resumed| record.id > resumed));
        if let Some(first) = since_then.last() {
            pause.since = first.id.at();
            pause.by = Some(Arc::clone(&first.actor));
        }
    }
    Ok(pauses)
}
