//! Deliveries of webhooks: messages, attempts and their results.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::job::clock_step::STEP_MIN;
use crate::job::retry::{Jitter, RetryPolicy};
use crate::values::id::{EndpointId, JobId};
use crate::values::time_span::TimeSpan;
use crate::values::trace_context::TraceParent;
use crate::values::trace_state::PropagatedContext;

/// The id of a delivery: a number that grows in the order in which an endpoint's events were stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeliveryId(i64);

/// The text is not the id of a delivery.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{given}' is not the id of a delivery; an id is a whole number")]
pub struct InvalidDeliveryId {
    /// The invalid text, cut to a readable length.
    pub given: String,
}

impl DeliveryId {
    /// Parses an id.
    pub fn parse(text: &str) -> Result<Self, InvalidDeliveryId> {
        let number = text.parse().ok().filter(|number| *number > 0);
        number.map(Self).ok_or_else(|| InvalidDeliveryId {
            given: text.chars().take(64).collect(),
        })
    }

    /// The id with this number.
    pub const fn from_number(number: i64) -> Self {
        Self(number)
    }

    /// The number of the id.
    pub const fn number(self) -> i64 {
        self.0
    }
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A message: the same for all endpoints and all attempts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Unique id, a UUID version 7: the `webhook-id`.
    pub id: Uuid,
    /// Name of the event.
    pub event: Arc<str>,
    /// Time of the event.
    pub at: DateTime<Utc>,
    /// Ordering key: messages with the same key reach an endpoint in order. Messages about a job have the job's id.
    pub ordering_key: Uuid,
    /// Id of the job, for events of jobs.
    pub job_id: Option<JobId>,
    /// Span context of the event, if traced.
    pub trace_parent: Option<TraceParent>,
    /// Further trace context.
    pub propagated: Option<Arc<PropagatedContext>>,
    /// Unsigned body: a JSON object.
    pub body: Arc<str>,
}

impl Message {
    /// Value of the header `webhook-id`, the same for every attempt.
    pub fn webhook_id(&self) -> String {
        format!("msg_{}", self.id.simple())
    }
}

/// Status of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeliveryStatus {
    /// It waits for its first attempt, or for a retry.
    Pending = 0,
    /// The endpoint accepted it.
    Delivered = 1,
    /// No retries are left, or the endpoint is gone.
    Failed = 2,
}

impl DeliveryStatus {
    /// All statuses.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Delivered, Self::Failed];

    /// The name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }

    /// Parses a name.
    pub fn parse(text: &str) -> Result<Self, String> {
        let status = Self::ALL.into_iter().find(|status| status.as_str() == text);
        status.ok_or_else(|| {
            let given: String = text.chars().take(64).collect();
            format!("'{given}' is not a status of a delivery; allowed are pending, delivered and failed")
        })
    }

    /// The code in storage.
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// The status with this code.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.code() == code)
    }
}

/// Result of the last attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryAttempt {
    /// Start of the attempt.
    pub at: DateTime<Utc>,
    /// Duration of the attempt.
    pub duration: TimeSpan,
    /// Status code of the response, if any.
    pub response_status: Option<u16>,
    /// Beginning of the response's body.
    pub response_body: Option<Arc<str>>,
    /// Error in one line, unless it succeeded.
    pub error: Option<Arc<str>>,
}

/// A pending delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueDelivery {
    /// Id.
    pub id: DeliveryId,
    /// Message.
    pub message: Message,
    /// Number of attempts since the delivery was created or last requeued.
    pub attempts: u32,
}

/// A delivery with its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Id.
    pub id: DeliveryId,
    /// Id of the endpoint.
    pub endpoint_id: EndpointId,
    /// Message.
    pub message: Message,
    /// Status.
    pub status: DeliveryStatus,
    /// Number of attempts since the delivery was created or last requeued.
    pub attempts: u32,
    /// Due time of the next attempt, while pending.
    pub due_at: DateTime<Utc>,
    /// Result of the last attempt.
    pub last: Option<DeliveryAttempt>,
}

impl Delivery {
    /// Time of the next attempt, if there is one.
    pub fn next_attempt_at(&self) -> Option<DateTime<Utc>> {
        (self.status == DeliveryStatus::Pending).then_some(self.due_at)
    }

    /// The delivery after the correction of a clock that was ahead by `step` (zero if unknown) and is right at `now`;
    /// `None` unless it was stored while the clock was ahead.
    #[must_use]
    pub fn set_back(&self, now: DateTime<Utc>, step: TimeDelta) -> Option<Self> {
        let is_future = |time: DateTime<Utc>| time - now > STEP_MIN;
        if self.status != DeliveryStatus::Pending || !is_future(self.due_at) {
            return None;
        }
        let last_at = self.last.as_ref().map(|last| last.at);
        let is_first = self.attempts == 0;
        if !is_first && !last_at.is_some_and(is_future) {
            return None;
        }
        let moved = last_at.map_or(step, |at| step.max(at - now));
        let mut after = self.clone();
        // The first attempt has no delay.
        after.due_at = if is_first { now } else { (self.due_at - moved).max(now) };
        if let Some(last) = after.last.as_mut().filter(|last| last.at > now) {
            last.at -= moved;
        }
        Some(after)
    }
}

/// Classified response of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// It accepted the delivery.
    Accepted,
    /// It is gone and accepts no further deliveries.
    Gone,
    /// It rejected the delivery, optionally with a delay for the next attempt.
    Rejected {
        /// Requested delay.
        wait: Option<TimeSpan>,
    },
}

/// Next step of a delivery after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterAttempt {
    /// Delivered.
    Delivered,
    /// Permanently failed.
    Failed,
    /// Retry at this time.
    RetryAt(DateTime<Utc>),
}

/// The next step of a delivery after `attempts` attempts, the last of which ended at `now` with this reply. Both the
/// policy's delay and the one requested by the endpoint are respected.
pub fn after_attempt(
    reply: Reply,
    attempts: u32,
    max_retries: u32,
    policy: &RetryPolicy,
    now: DateTime<Utc>,
    jitter: Jitter,
) -> AfterAttempt {
    match reply {
        Reply::Accepted => AfterAttempt::Delivered,
        Reply::Gone => AfterAttempt::Failed,
        Reply::Rejected { .. } if attempts > max_retries => AfterAttempt::Failed,
        Reply::Rejected { wait } => {
            let by_policy = policy.next_attempt_at(now, attempts.saturating_sub(1), jitter);
            let requested = wait.and_then(|wait| now.checked_add_signed(wait.to_delta()));
            AfterAttempt::RetryAt(requested.map_or(by_policy, |requested| requested.max(by_policy)))
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn after(reply: Reply, attempts: u32) -> AfterAttempt {
        let policy = RetryPolicy {
            delay: TimeSpan::from_secs(30),
            ..RetryPolicy::default()
        };
        after_attempt(reply, attempts, 3, &policy, DateTime::UNIX_EPOCH, Jitter::new(0.0))
    }

    fn retry_in(seconds: i64) -> AfterAttempt {
        AfterAttempt::RetryAt(DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds))
    }

    #[test]
    fn three_retries_are_four_attempts_with_doubling_delays() {
        let refused = Reply::Rejected { wait: None };
        let all: Vec<AfterAttempt> = (1..=4).map(|attempts| after(refused, attempts)).collect();
        assert_eq!(all, [retry_in(30), retry_in(60), retry_in(120), AfterAttempt::Failed]);
    }

    #[test]
    fn the_longer_delay_applies() {
        let wait = |seconds| Reply::Rejected {
            wait: Some(TimeSpan::from_secs(seconds)),
        };
        assert_eq!(after(wait(5), 1), retry_in(30));
        assert_eq!(after(wait(500), 1), retry_in(500));
        assert_eq!(after(wait(500), 4), AfterAttempt::Failed);
    }

    #[test]
    fn an_accepted_delivery_is_done_and_a_gone_endpoint_is_not_retried() {
        assert_eq!(after(Reply::Accepted, 4), AfterAttempt::Delivered);
        assert_eq!(after(Reply::Gone, 1), AfterAttempt::Failed);
    }

    #[test]
    fn only_positive_numbers_are_ids() {
        assert_eq!(DeliveryId::parse("12"), Ok(DeliveryId(12)));
        for text in ["", "0", "-1", "x", "9223372036854775808"] {
            assert!(DeliveryId::parse(text).is_err(), "{text}");
        }
    }
}
