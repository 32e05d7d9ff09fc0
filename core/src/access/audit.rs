//! Audit records: the changes that callers made.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::caller::{Caller, CallerKind};
use uuid::Uuid;

use crate::values::id::{AuditId, EndpointId, JobId, NodeId, OperationId};
use crate::values::name::QueueName;

/// An audited action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuditAction {
    /// One job or a batch of jobs was created.
    JobCreate,
    /// A pending job was updated.
    JobUpdate,
    /// A finished job was deleted.
    JobDelete,
    /// A job was made due, or requeued.
    JobExecute,
    /// A job was cancelled, or its cancellation requested.
    JobCancel,
    /// A failed or cancelled job was made pending again.
    JobRetry,
    /// A queue was paused.
    QueuePause,
    /// A queue was resumed.
    QueueResume,
    /// Jobs of a queue were deleted.
    QueueClear,
    /// A queue was deleted.
    QueueDelete,
    /// A recurring job was created.
    RecurringCreate,
    /// A recurring job was updated.
    RecurringUpdate,
    /// A recurring job was enabled.
    RecurringEnable,
    /// A recurring job was disabled.
    RecurringDisable,
    /// A recurring job got an occurrence outside its schedule.
    RecurringTrigger,
    /// A recurring job was deleted.
    RecurringDelete,
    /// A webhook endpoint was created.
    WebhookCreate,
    /// A webhook endpoint was updated.
    WebhookUpdate,
    /// A webhook endpoint was enabled.
    WebhookEnable,
    /// A webhook endpoint was disabled.
    WebhookDisable,
    /// The secret of a webhook endpoint was replaced.
    WebhookRotate,
    /// A test delivery was sent to a webhook endpoint.
    WebhookTest,
    /// Deliveries of a webhook endpoint were requeued.
    WebhookRedeliver,
    /// A webhook endpoint was deleted.
    WebhookDelete,
    /// A remote worker was registered.
    WorkerRegister,
    /// A remote worker was unregistered.
    WorkerUnregister,
    /// A node was set to drain.
    NodeDrain,
    /// Draining of a node was cancelled.
    NodeResume,
    /// The log level of a node was set.
    LogLevelSet,
    /// A bulk operation was started.
    OperationStart,
    /// A bulk operation was paused.
    OperationPause,
    /// A bulk operation was resumed.
    OperationResume,
    /// A bulk operation was cancelled.
    OperationCancel,
    /// The changes of a bulk operation are restored by another one.
    OperationUndo,
}

impl AuditAction {
    /// Every action with its code in storage, which never changes, and its name. Creating jobs has code 0: storage
    /// keeps its many records apart from the few of all other actions.
    const TABLE: [(Self, i16, &'static str); 34] = [
        (Self::JobCreate, 0, "job.create"),
        (Self::JobUpdate, 1, "job.update"),
        (Self::JobDelete, 2, "job.delete"),
        (Self::JobExecute, 3, "job.execute"),
        (Self::JobCancel, 4, "job.cancel"),
        (Self::JobRetry, 5, "job.retry"),
        (Self::QueuePause, 6, "queue.pause"),
        (Self::QueueResume, 7, "queue.resume"),
        (Self::QueueClear, 8, "queue.clear"),
        (Self::QueueDelete, 16, "queue.delete"),
        (Self::RecurringCreate, 9, "recurring.create"),
        (Self::RecurringUpdate, 10, "recurring.update"),
        (Self::RecurringEnable, 11, "recurring.enable"),
        (Self::RecurringDisable, 12, "recurring.disable"),
        (Self::RecurringTrigger, 13, "recurring.trigger"),
        (Self::RecurringDelete, 14, "recurring.delete"),
        (Self::WebhookCreate, 40, "webhook.create"),
        (Self::WebhookUpdate, 41, "webhook.update"),
        (Self::WebhookEnable, 42, "webhook.enable"),
        (Self::WebhookDisable, 43, "webhook.disable"),
        (Self::WebhookRotate, 44, "webhook.rotate"),
        (Self::WebhookTest, 45, "webhook.test"),
        (Self::WebhookRedeliver, 46, "webhook.redeliver"),
        (Self::WebhookDelete, 47, "webhook.delete"),
        (Self::WorkerRegister, 15, "worker.register"),
        (Self::WorkerUnregister, 19, "worker.unregister"),
        (Self::NodeDrain, 17, "node.drain"),
        (Self::NodeResume, 18, "node.resume"),
        (Self::LogLevelSet, 20, "log-level.set"),
        (Self::OperationStart, 60, "operation.start"),
        (Self::OperationPause, 61, "operation.pause"),
        (Self::OperationResume, 62, "operation.resume"),
        (Self::OperationCancel, 63, "operation.cancel"),
        (Self::OperationUndo, 64, "operation.undo"),
    ];

    /// The code in storage.
    pub fn code(self) -> i16 {
        let row = Self::TABLE.iter().find(|(action, ..)| *action == self);
        row.map_or(-1, |(_, code, _)| *code)
    }

    /// The action with this code.
    pub fn from_code(code: i16) -> Option<Self> {
        let row = Self::TABLE.iter().find(|(_, known, _)| *known == code);
        row.map(|(action, ..)| *action)
    }

    /// The name of the action: `job.create`.
    pub fn as_str(self) -> &'static str {
        let row = Self::TABLE.iter().find(|(action, ..)| *action == self);
        row.map_or("", |(.., name)| name)
    }

    /// Parses a name.
    pub fn parse(text: &str) -> Result<Self, InvalidAuditAction> {
        let row = Self::TABLE.iter().find(|(.., name)| *name == text);
        row.map(|(action, ..)| *action).ok_or_else(|| InvalidAuditAction {
            given: text.chars().take(64).collect(),
        })
    }
}

/// The text is not an action.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct InvalidAuditAction {
    /// The invalid text.
    pub given: String,
}

impl fmt::Display for InvalidAuditAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = AuditAction::TABLE.iter().map(|(.., name)| *name).collect();
        write!(f, "'{}' is not an action; allowed are {}", self.given, names.join(", "))
    }
}

/// The outcome of an audited action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuditOutcome {
    /// Jobs were stored.
    Created,
    /// A job or a recurring job was changed.
    Changed,
    /// A job with its history, or a recurring job, was deleted.
    Deleted,
    /// A job became pending.
    Pending,
    /// A job was cancelled.
    Cancelled,
    /// A running job's cancellation was requested.
    CancelRequested,
    /// A queue was paused.
    Paused,
    /// A queue was resumed.
    Resumed,
    /// Jobs of a queue were deleted.
    Cleared,
    /// A worker was registered.
    Registered,
    /// A worker was unregistered.
    Unregistered,
}

impl AuditOutcome {
    const TABLE: [(Self, i16, &'static str); 11] = [
        (Self::Created, 0, "created"),
        (Self::Changed, 1, "changed"),
        (Self::Deleted, 2, "deleted"),
        (Self::Pending, 3, "pending"),
        (Self::Cancelled, 4, "cancelled"),
        (Self::CancelRequested, 5, "cancel-requested"),
        (Self::Paused, 6, "paused"),
        (Self::Resumed, 7, "resumed"),
        (Self::Cleared, 8, "cleared"),
        (Self::Registered, 9, "registered"),
        (Self::Unregistered, 10, "unregistered"),
    ];

    /// The code in storage.
    pub fn code(self) -> i16 {
        let row = Self::TABLE.iter().find(|(outcome, ..)| *outcome == self);
        row.map_or(-1, |(_, code, _)| *code)
    }

    /// The outcome with this code.
    pub fn from_code(code: i16) -> Option<Self> {
        let row = Self::TABLE.iter().find(|(_, known, _)| *known == code);
        row.map(|(outcome, ..)| *outcome)
    }

    /// The name of the outcome.
    pub fn as_str(self) -> &'static str {
        let row = Self::TABLE.iter().find(|(outcome, ..)| *outcome == self);
        row.map_or("", |(.., name)| name)
    }
}

/// The object of an audited action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuditTarget {
    /// A job, or a recurring job, whose id has the same type.
    Job(JobId),
    /// A webhook endpoint.
    Endpoint(EndpointId),
    /// A remote worker.
    Worker(NodeId),
    /// A server.
    Node(NodeId),
    /// A bulk operation.
    Operation(OperationId),
}

impl AuditTarget {
    /// The target of an action, by its stored id.
    pub fn from_stored(action: AuditAction, id: Uuid) -> Self {
        match action {
            AuditAction::JobCreate
            | AuditAction::JobUpdate
            | AuditAction::JobDelete
            | AuditAction::JobExecute
            | AuditAction::JobCancel
            | AuditAction::JobRetry
            | AuditAction::QueuePause
            | AuditAction::QueueResume
            | AuditAction::QueueClear
            | AuditAction::QueueDelete
            | AuditAction::RecurringCreate
            | AuditAction::RecurringUpdate
            | AuditAction::RecurringEnable
            | AuditAction::RecurringDisable
            | AuditAction::RecurringTrigger
            | AuditAction::RecurringDelete => Self::Job(JobId::from_uuid(id)),
            AuditAction::WebhookCreate
            | AuditAction::WebhookUpdate
            | AuditAction::WebhookEnable
            | AuditAction::WebhookDisable
            | AuditAction::WebhookRotate
            | AuditAction::WebhookTest
            | AuditAction::WebhookRedeliver
            | AuditAction::WebhookDelete => Self::Endpoint(EndpointId::from_uuid(id)),
            AuditAction::WorkerRegister | AuditAction::WorkerUnregister => Self::Worker(NodeId::from_uuid(id)),
            AuditAction::NodeDrain | AuditAction::NodeResume | AuditAction::LogLevelSet => {
                Self::Node(NodeId::from_uuid(id))
            }
            AuditAction::OperationStart
            | AuditAction::OperationPause
            | AuditAction::OperationResume
            | AuditAction::OperationCancel
            | AuditAction::OperationUndo => Self::Operation(OperationId::from_uuid(id)),
        }
    }

    /// The id.
    pub fn as_uuid(self) -> Uuid {
        match self {
            Self::Job(id) => id.as_uuid(),
            Self::Endpoint(id) => id.as_uuid(),
            Self::Worker(id) | Self::Node(id) => id.as_uuid(),
            Self::Operation(id) => id.as_uuid(),
        }
    }
}

/// One change: actor, time, address, target and outcome. Only changes that took effect are recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// Unique id, which contains the time.
    pub id: AuditId,
    /// Name of the caller's key, or subject of its token.
    pub actor: Arc<str>,
    /// Authentication method of the caller.
    pub actor_kind: CallerKind,
    /// Address of the client, for requests over a network.
    pub address: Option<IpAddr>,
    /// The action.
    pub action: AuditAction,
    /// The target; `None` for batches and queues.
    pub target: Option<AuditTarget>,
    /// The queue, or the queue of the job; `None` for batches over several queues.
    pub queue: Option<QueueName>,
    /// Number of jobs created, changed or deleted; a recurring job counts as one.
    pub jobs: u64,
    /// The outcome.
    pub outcome: AuditOutcome,
    /// The bulk operation whose step has changed the job.
    pub operation: Option<OperationId>,
}

impl AuditRecord {
    /// A record of an action by this caller, without a target.
    pub fn new(id: AuditId, caller: &Caller, action: AuditAction, outcome: AuditOutcome) -> Self {
        Self {
            id,
            actor: Arc::clone(caller.name()),
            actor_kind: caller.kind(),
            address: caller.address,
            action,
            target: None,
            queue: None,
            jobs: 0,
            outcome,
            operation: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_and_outcomes_round_trip_through_storage_and_text() {
        for (action, code, name) in AuditAction::TABLE {
            assert_eq!(action.code(), code);
            assert_eq!(AuditAction::from_code(code), Some(action));
            assert_eq!(AuditAction::parse(name), Ok(action));
            assert_eq!(action.as_str(), name);
        }
        for (outcome, code, name) in AuditOutcome::TABLE {
            assert_eq!(outcome.code(), code);
            assert_eq!(AuditOutcome::from_code(code), Some(outcome));
            assert_eq!(outcome.as_str(), name);
        }
    }

    #[test]
    fn an_unknown_action_is_rejected_with_the_allowed_ones() {
        let error = AuditAction::parse("job.creat").expect_err("no action").to_string();
        assert!(
            error.starts_with("'job.creat' is not an action; allowed are job.create, "),
            "{error}"
        );
    }
}
