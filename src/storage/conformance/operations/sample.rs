//! Operations for the cases.

use std::sync::Arc;

use chrono::TimeDelta;

use crate::domain::access::caller::CallerKind;
use crate::domain::cluster::leadership::FencingToken;
use crate::domain::operation::action::Action;
use crate::domain::operation::{Operation, Requester, Total};
use crate::domain::values::id::{JobId, NodeId, OperationId};
use crate::domain::values::time_span::TimeSpan;
use crate::storage::change::{Applied, Change, ClusterChange, OperationChange};
use crate::storage::conformance::sample::{at, node};
use crate::storage::conformance::subject::Subject;

/// The preview of an operation, made this number of seconds after the start of the day.
pub(super) fn preview(seconds: u32, action: Action) -> Operation {
    let requester = Requester {
        kind: CallerKind::Key,
        name: Arc::from("ops"),
        address: None,
    };
    let now = at(seconds.into());
    let total = Total {
        count: 3,
        is_exact: true,
    };
    let id = OperationId::new(now, seconds.into());
    let up_to = JobId::last_at(at(1_000));
    Operation::preview(id, (action, Arc::from("type:MailJob")), total, up_to, requester, now)
}

/// An operation that was started.
pub(super) fn started(seconds: u32, action: Action) -> Operation {
    let preview = preview(seconds, action);
    let started = preview.started(TimeDelta::zero(), None, None, preview.created_at);
    started.expect("a preview can be started")
}

pub(super) fn insert(operation: &Operation) -> Change {
    Change::Operation(OperationChange::Insert {
        operation: Arc::new(operation.clone()),
        undone: None,
    })
}

pub(super) fn update(before: &Operation, after: &Operation) -> Change {
    Change::Operation(OperationChange::Update {
        before: Arc::new(before.clone()),
        after: Arc::new(after.clone()),
    })
}

/// Stores an operation.
pub(super) async fn store(storage: &Subject, operation: &Operation) {
    assert_eq!(storage.apply(insert(operation)).await, Ok(Applied::OperationStored));
}

pub(super) async fn stored(storage: &Subject, id: OperationId) -> Option<Operation> {
    let found = storage.repository.operation(id).await.expect("storage reads");
    found.map(Arc::unwrap_or_clone)
}

/// A node that leads.
pub(super) async fn leader(storage: &Subject) -> (NodeId, FencingToken) {
    let leader = node(1);
    let lease = TimeSpan::from_secs(3_600);
    match storage
        .apply(Change::Cluster(ClusterChange::Lead { node: leader, lease }))
        .await
    {
        Ok(Applied::Led(Some(token))) => (leader, token),
        other => panic!("no other node leads: {other:?}"),
    }
}
