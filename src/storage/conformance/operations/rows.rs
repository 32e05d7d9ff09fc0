//! Operations are read as they were written.

use std::sync::Arc;

use chrono::TimeDelta;

use super::sample::{insert, preview, started, store, stored, update};
use crate::domain::job::priority::Priority;
use crate::domain::operation::action::Action;
use crate::domain::operation::progress::SkipReason;
use crate::domain::operation::{Operation, Total};
use crate::domain::values::id::{AuditId, OperationId};
use crate::storage::change::{Applied, Change, ChangeError, MaintenanceChange, OperationChange};
use crate::storage::conformance::case::{Case, cases_of};
use crate::storage::conformance::sample::{at, job, queue};
use crate::storage::conformance::subject::Subject;
use crate::storage::query::OperationPage;

pub(super) fn cases() -> Vec<Case> {
    cases_of![
        an_operation_is_read_as_it_was_written,
        a_stale_change_of_an_operation_changes_nothing,
        started_operations_are_listed_in_pages,
        open_operations_are_listed,
        an_operation_is_undone_once,
        old_operations_are_removed,
    ]
}

async fn an_operation_is_read_as_it_was_written(storage: Subject) {
    let of = OperationId::new(at(0), 9);
    let actions = [
        Action::Cancel,
        Action::Retry {
            reset_retry_count: true,
        },
        Action::Retry {
            reset_retry_count: false,
        },
        Action::Execute { priority: None },
        Action::Execute {
            priority: Some(Priority::Low),
        },
        Action::Delete,
        Action::Move {
            queue: queue("mail:slow"),
        },
        Action::SetPriority {
            priority: Priority::Critical,
        },
        Action::Undo { of },
    ];
    for (seconds, action) in (1..).zip(actions) {
        let plain = preview(seconds, action);
        store(&storage, &plain).await;
        assert_eq!(stored(&storage, plain.id).await, Some(plain.clone()));
        let mut full = Operation {
            note: Some(Arc::from("why: \"it\"\nwas wrong")),
            total: Total {
                count: 10_000_000_000,
                is_exact: false,
            },
            cursor: Some(job(1).id),
            again: vec![job(2).id, job(3).id],
            tries: 2,
            audit: Some(AuditId::new(at(5), 1)),
            starts_at: at(6),
            started_at: Some(at(7)),
            finished_at: Some(at(8)),
            undone_by: Some(of),
            error: Some(Arc::from("no")),
            ..plain
                .started(TimeDelta::zero(), None, None, at(5))
                .expect("a preview can be started")
        };
        full.requester.address = Some("2001:db8::7".parse().expect("an address"));
        full.progress.done = 77;
        full.progress.skip(SkipReason::Gone);
        assert_eq!(storage.apply(update(&plain, &full)).await, Ok(Applied::OperationStored));
        assert_eq!(stored(&storage, full.id).await, Some(full));
    }
    assert_eq!(stored(&storage, OperationId::new(at(0), 1)).await, None);
}

async fn a_stale_change_of_an_operation_changes_nothing(storage: Subject) {
    let before = started(1, Action::Cancel);
    store(&storage, &before).await;
    let paused = before.paused().expect("it is pending");
    let cancelled = before.cancelled(at(9)).expect("it is open");
    assert_eq!(
        storage.apply(update(&before, &paused)).await,
        Ok(Applied::OperationStored)
    );
    assert_eq!(
        storage.apply(update(&before, &cancelled)).await,
        Err(ChangeError::Conflict)
    );
    assert_eq!(stored(&storage, before.id).await, Some(paused));
    let unknown = started(2, Action::Cancel);
    assert_eq!(
        storage.apply(update(&unknown, &unknown)).await,
        Err(ChangeError::Conflict)
    );
}

async fn started_operations_are_listed_in_pages(storage: Subject) {
    let operations: Vec<Operation> = (1..=5).map(|seconds| started(seconds, Action::Delete)).collect();
    for operation in &operations {
        store(&storage, operation).await;
    }
    store(&storage, &preview(6, Action::Delete)).await;
    let mut after = None;
    let mut listed = Vec::new();
    loop {
        let page = OperationPage { limit: 2, after };
        let page = storage.repository.operation_page(page).await.expect("storage reads");
        assert!(page.len() <= 2);
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        listed.extend(page.into_iter().map(Arc::unwrap_or_clone));
    }
    listed.reverse();
    assert_eq!(listed, operations, "the newest first, without previews");
}

async fn open_operations_are_listed(storage: Subject) {
    let pending = started(1, Action::Cancel);
    let running = started(2, Action::Cancel).stepped(None, at(3));
    let paused = started(3, Action::Cancel).paused().expect("it is pending");
    let completed = running.completed(at(4));
    let others = [
        preview(4, Action::Cancel),
        Operation {
            id: preview(5, Action::Cancel).id,
            ..completed
        },
    ];
    for operation in [&pending, &running, &paused].into_iter().chain(&others) {
        store(&storage, operation).await;
    }
    let open = storage.repository.open_operations().await.expect("storage reads");
    let open: Vec<Operation> = open.into_iter().map(Arc::unwrap_or_clone).collect();
    assert_eq!(open, [pending, running, paused], "the oldest first");
}

async fn an_operation_is_undone_once(storage: Subject) {
    let before = started(1, Action::Cancel).stepped(None, at(2)).completed(at(3));
    store(&storage, &before).await;
    let undo = |seconds| {
        let undo = started(seconds, Action::Undo { of: before.id });
        let change = Change::Operation(OperationChange::Insert {
            operation: Arc::new(undo.clone()),
            undone: Some((Arc::new(before.clone()), Arc::new(before.undone(undo.id)))),
        });
        (undo, change)
    };
    let (first, change) = undo(4);
    assert_eq!(storage.apply(change).await, Ok(Applied::OperationStored));
    let (second, change) = undo(5);
    assert_eq!(storage.apply(change).await, Err(ChangeError::Conflict));
    assert_eq!(stored(&storage, before.id).await, Some(before.undone(first.id)));
    assert_eq!(stored(&storage, second.id).await, None);
    let refused = storage.commit(&[insert(&second)]).await;
    assert_eq!(refused, [Ok(Applied::OperationStored)]);
}

async fn old_operations_are_removed(storage: Subject) {
    let ended = |seconds: u32| {
        let running = started(seconds, Action::Cancel).stepped(None, at(seconds.into()));
        running.completed(at(i64::from(seconds) + 1))
    };
    let operations = [
        ended(10),
        ended(20),
        started(1, Action::Cancel),
        preview(2, Action::Cancel),
        preview(30, Action::Cancel),
    ];
    for operation in &operations {
        store(&storage, operation).await;
    }
    let prune = Change::Maintenance(MaintenanceChange::PruneOperations {
        previews_before: at(30),
        undo_before: at(30),
        finished_before: at(21),
        limit: 10,
    });
    assert_eq!(storage.apply(prune.clone()).await, Ok(Applied::Removed(2)));
    assert_eq!(storage.apply(prune).await, Ok(Applied::Removed(0)));
    for (operation, is_left) in operations.iter().zip([false, true, true, false, true]) {
        assert_eq!(stored(&storage, operation.id).await.is_some(), is_left, "{operation:?}");
    }
}
