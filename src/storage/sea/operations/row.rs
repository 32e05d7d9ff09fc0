//! Rows of operations.

use std::sync::Arc;

use entities::{operation, operation_item};
use sea_orm::Set;
use uuid::Uuid;

use crate::domain::access::caller::CallerKind;
use crate::domain::operation::action::{Action, OperationKind, Previous, PreviousValue};
use crate::domain::operation::progress::Progress;
use crate::domain::operation::status::OperationStatus;
use crate::domain::operation::{Operation, Requester, Total};
use crate::domain::values::id::{AuditId, JobId, OperationId};
use crate::domain::values::name::QueueName;
use crate::storage::repository::RepositoryError;
use crate::storage::sea::error::corrupt;
use crate::storage::sea::mapping::{count, int, micros, optional_time, priority, row_count, time};

/// The row of an operation.
pub(super) fn to_row(stored: &Operation) -> operation::ActiveModel {
    let Operation {
        id,
        action,
        filter,
        note,
        status,
        total,
        progress,
        up_to,
        cursor,
        again,
        tries,
        requester,
        audit,
        created_at,
        starts_at,
        started_at,
        finished_at,
        undone_by,
        error,
        revision,
    } = stored;
    let (mut queue, mut new_priority, mut resets, mut undoes) = (None, None, false, None);
    match action {
        Action::Cancel | Action::Delete => {}
        Action::Retry { reset_retry_count } => resets = *reset_retry_count,
        Action::Execute { priority } => new_priority = priority.map(|priority| priority.code()),
        Action::Move { queue: to } => queue = Some(to.as_str().to_owned()),
        Action::SetPriority { priority } => new_priority = Some(priority.code()),
        Action::Undo { of } => undoes = Some(of.as_uuid()),
    }
    operation::ActiveModel {
        id: Set(id.as_uuid()),
        kind: Set(action.kind().code()),
        queue: Set(queue),
        priority: Set(new_priority),
        reset_retry_count: Set(resets),
        undoes: Set(undoes),
        filter: Set(filter.to_string()),
        note: Set(note.as_ref().map(ToString::to_string)),
        status: Set(status.code()),
        total: Set(row_count(total.count)),
        is_exact: Set(total.is_exact),
        done: Set(row_count(progress.done)),
        skipped: Set(progress.skipped_to_text()),
        up_to: Set(up_to.as_uuid()),
        last_job: Set(cursor.map(JobId::as_uuid)),
        again: Set(ids_to_text(again)),
        tries: Set(int(*tries)),
        actor: Set(requester.name.to_string()),
        actor_kind: Set(requester.kind.code()),
        address: Set(requester.address.map(|address| address.to_string())),
        audit_id: Set(audit.map(AuditId::as_uuid)),
        created_at: Set(micros(*created_at)),
        starts_at: Set(micros(*starts_at)),
        started_at: Set(started_at.map(micros)),
        finished_at: Set(finished_at.map(micros)),
        undone_by: Set(undone_by.map(OperationId::as_uuid)),
        error: Set(error.as_ref().map(ToString::to_string)),
        revision: Set(int(*revision)),
    }
}

/// An operation from its row.
pub(super) fn from_row(row: operation::Model) -> Result<Operation, RepositoryError> {
    let operation::Model {
        id,
        kind,
        queue,
        priority: new_priority,
        reset_retry_count,
        undoes,
        filter,
        note,
        status,
        total,
        is_exact,
        done,
        skipped,
        up_to,
        last_job,
        again,
        tries,
        actor,
        actor_kind,
        address,
        audit_id,
        created_at,
        starts_at,
        started_at,
        finished_at,
        undone_by,
        error,
        revision,
    } = row;
    let wrong = |what: &str, value: &dyn std::fmt::Display| corrupt(format!("{value} is no {what} of an operation"));
    let new_priority = new_priority.map(priority).transpose()?;
    let action = match OperationKind::from_code(kind).ok_or_else(|| wrong("kind", &kind))? {
        OperationKind::Cancel => Some(Action::Cancel),
        OperationKind::Retry => Some(Action::Retry { reset_retry_count }),
        OperationKind::Execute => Some(Action::Execute { priority: new_priority }),
        OperationKind::Delete => Some(Action::Delete),
        OperationKind::Move => queue.map(|queue| Action::Move {
            queue: QueueName::from_stored(queue),
        }),
        OperationKind::Priority => new_priority.map(|priority| Action::SetPriority { priority }),
        OperationKind::Undo => undoes.map(|of| Action::Undo {
            of: OperationId::from_uuid(of),
        }),
    };
    let unsigned = |number: i64| u64::try_from(number).unwrap_or_default();
    Ok(Operation {
        id: OperationId::from_uuid(id),
        action: action.ok_or_else(|| wrong("complete action", &kind))?,
        filter: Arc::from(filter),
        note: note.map(Arc::from),
        status: OperationStatus::from_code(status).ok_or_else(|| wrong("status", &status))?,
        total: Total {
            count: unsigned(total),
            is_exact,
        },
        progress: Progress::from_stored(unsigned(done), &skipped).ok_or_else(|| wrong("progress", &skipped))?,
        up_to: JobId::from_uuid(up_to),
        cursor: last_job.map(JobId::from_uuid),
        again: ids_from_text(&again)?,
        tries: count(tries),
        requester: Requester {
            kind: CallerKind::from_code(actor_kind).ok_or_else(|| wrong("kind of caller", &actor_kind))?,
            name: Arc::from(actor),
            address: address
                .map(|text| text.parse().map_err(|_| wrong("address", &text)))
                .transpose()?,
        },
        audit: audit_id.map(AuditId::from_uuid),
        created_at: time(created_at)?,
        starts_at: time(starts_at)?,
        started_at: optional_time(started_at)?,
        finished_at: optional_time(finished_at)?,
        undone_by: undone_by.map(OperationId::from_uuid),
        error: error.map(Arc::from),
        revision: count(revision),
    })
}

/// The value that an operation has replaced, from its row.
pub(super) fn previous_from_row(row: operation_item::Model) -> Result<Previous, RepositoryError> {
    let operation_item::Model {
        operation_id: _,
        job_id,
        revision,
        queue,
        priority: before,
    } = row;
    let value = match (queue, before) {
        (Some(queue), _) => PreviousValue::Queue(QueueName::from_stored(queue)),
        (None, Some(code)) => PreviousValue::Priority(priority(code)?),
        (None, None) => PreviousValue::Pending,
    };
    Ok(Previous {
        job_id: JobId::from_uuid(job_id),
        revision: count(revision),
        value,
    })
}

fn ids_to_text(ids: &[JobId]) -> String {
    let texts: Vec<String> = ids.iter().map(|id| id.as_uuid().simple().to_string()).collect();
    texts.join(",")
}

fn ids_from_text(text: &str) -> Result<Vec<JobId>, RepositoryError> {
    text.split(',')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let id = Uuid::try_parse(part).map_err(|_| corrupt(format!("'{part}' is no id of a job")))?;
            Ok(JobId::from_uuid(id))
        })
        .collect()
}
