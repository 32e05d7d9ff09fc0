//! The record of who has changed what.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::caller::{Caller, CallerKind};
use crate::values::id::{AuditId, JobId};
use crate::values::name::QueueName;

/// What a caller did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuditAction {
    /// Jobs were created: one, or a batch.
    JobCreate,
    /// A pending job was changed.
    JobUpdate,
    /// A finished job was deleted.
    JobDelete,
    /// A job was made due, or queued again.
    JobExecute,
    /// A job was cancelled, or told to stop.
    JobCancel,
    /// A failed or cancelled job was made pending again.
    JobRetry,
    /// A queue was paused.
    QueuePause,
    /// A queue was resumed.
    QueueResume,
    /// Jobs of a queue were removed.
    QueueClear,
    /// A queue was deleted.
    QueueDelete,
    /// A recurring job was created.
    RecurringCreate,
    /// A recurring job was changed.
    RecurringUpdate,
    /// A recurring job was enabled.
    RecurringEnable,
    /// A recurring job was disabled.
    RecurringDisable,
    /// A recurring job was given one occurrence beside those of its schedule.
    RecurringTrigger,
    /// A recurring job was deleted.
    RecurringDelete,
    /// A webhook endpoint was created.
    WebhookCreate,
    /// A webhook endpoint was changed.
    WebhookUpdate,
    /// A webhook endpoint was enabled.
    WebhookEnable,
    /// A webhook endpoint was disabled.
    WebhookDisable,
    /// A webhook endpoint was given another secret.
    WebhookRotate,
    /// A webhook endpoint was sent a test.
    WebhookTest,
    /// Deliveries to a webhook endpoint are sent again.
    WebhookRedeliver,
    /// A webhook endpoint was deleted.
    WebhookDelete,
    /// A remote worker was made known.
    WorkerRegister,
    /// A server is to drain.
    NodeDrain,
    /// A server is to stop draining.
    NodeResume,
}

impl AuditAction {
    /// Every action with its number in storage, which never changes, and its name. Creating jobs is number 0: storage
    /// keeps the many records of it apart from the few of everything else.
    const TABLE: [(Self, i16, &'static str); 27] = [
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
        (Self::NodeDrain, 17, "node.drain"),
        (Self::NodeResume, 18, "node.resume"),
    ];

    /// The number for storage.
    pub fn code(self) -> i16 {
        let row = Self::TABLE.iter().find(|(action, ..)| *action == self);
        row.map_or(-1, |(_, code, _)| *code)
    }

    /// The action that storage keeps under a number.
    pub fn from_code(code: i16) -> Option<Self> {
        let row = Self::TABLE.iter().find(|(_, known, _)| *known == code);
        row.map(|(action, ..)| *action)
    }

    /// The action's name: `job.create`.
    pub fn as_str(self) -> &'static str {
        let row = Self::TABLE.iter().find(|(action, ..)| *action == self);
        row.map_or("", |(.., name)| name)
    }

    /// Reads a name.
    pub fn parse(text: &str) -> Result<Self, InvalidAuditAction> {
        let row = Self::TABLE.iter().find(|(.., name)| *name == text);
        row.map(|(action, ..)| *action).ok_or_else(|| InvalidAuditAction {
            given: text.chars().take(64).collect(),
        })
    }
}

/// The text is no action.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct InvalidAuditAction {
    /// What was given.
    pub given: String,
}

impl fmt::Display for InvalidAuditAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = AuditAction::TABLE.iter().map(|(.., name)| *name).collect();
        write!(f, "'{}' is no action; allowed are {}", self.given, names.join(", "))
    }
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuditOutcome {
    /// Jobs are stored.
    Created,
    /// A job, or a recurring job, is another than before.
    Changed,
    /// A job and its history, or a recurring job, are gone.
    Deleted,
    /// A job is pending.
    Pending,
    /// A job is cancelled.
    Cancelled,
    /// A running job was told to stop.
    CancelRequested,
    /// A queue starts no jobs.
    Paused,
    /// A queue starts jobs.
    Resumed,
    /// Jobs of a queue are gone.
    Cleared,
    /// A worker may take jobs.
    Registered,
}

impl AuditOutcome {
    const TABLE: [(Self, i16, &'static str); 10] = [
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
    ];

    /// The number for storage.
    pub fn code(self) -> i16 {
        let row = Self::TABLE.iter().find(|(outcome, ..)| *outcome == self);
        row.map_or(-1, |(_, code, _)| *code)
    }

    /// The outcome that storage keeps under a number.
    pub fn from_code(code: i16) -> Option<Self> {
        let row = Self::TABLE.iter().find(|(_, known, _)| *known == code);
        row.map(|(outcome, ..)| *outcome)
    }

    /// The outcome in a word.
    pub fn as_str(self) -> &'static str {
        let row = Self::TABLE.iter().find(|(outcome, ..)| *outcome == self);
        row.map_or("", |(.., name)| name)
    }
}

/// Who did what, when, from where, to what, and what came of it. Only what has taken effect is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// Its identity, which holds the time.
    pub id: AuditId,
    /// The name of the caller's key, or the subject of its token.
    pub actor: Arc<str>,
    /// How it was known who calls.
    pub actor_kind: CallerKind,
    /// Where the request came from, if it came over a network.
    pub address: Option<IpAddr>,
    /// What the caller did.
    pub action: AuditAction,
    /// The job, the recurring job or the webhook endpoint that it was done to; of a batch there is none.
    pub job_id: Option<JobId>,
    /// The queue that it was done to, or the job's; of a batch over several queues there is none.
    pub queue: Option<QueueName>,
    /// How many jobs were created, changed or removed; a recurring job is one.
    pub jobs: u64,
    /// What came of it.
    pub outcome: AuditOutcome,
}

impl AuditRecord {
    /// A record of what this caller does; nothing is said yet of what it is done to.
    pub fn new(id: AuditId, caller: &Caller, action: AuditAction, outcome: AuditOutcome) -> Self {
        Self {
            id,
            actor: Arc::clone(caller.name()),
            actor_kind: caller.kind(),
            address: caller.address,
            action,
            job_id: None,
            queue: None,
            jobs: 0,
            outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_and_outcomes_come_back_from_storage_and_text() {
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
    fn a_wrong_action_is_told_which_there_are() {
        let error = AuditAction::parse("job.creat").expect_err("no action").to_string();
        assert!(
            error.starts_with("'job.creat' is no action; allowed are job.create, "),
            "{error}"
        );
    }
}
