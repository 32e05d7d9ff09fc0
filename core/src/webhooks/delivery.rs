//! Deliveries: what an endpoint is told, and what becomes of each attempt to tell it.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::endpoint::EndpointId;
use crate::job::clock_step::STEP_MIN;
use crate::job::retry::{Jitter, RetryPolicy};
use crate::values::id::JobId;
use crate::values::time_span::TimeSpan;
use crate::values::trace_context::TraceParent;
use crate::values::trace_state::PropagatedContext;

/// The identity of a delivery: a number that grows in the order in which an endpoint's events were stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeliveryId(i64);

/// The text is not the id of a delivery.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{given}' is not the id of a delivery; an id is a whole number")]
pub struct InvalidDeliveryId {
    /// What was given, cut to a readable length.
    pub given: String,
}

impl DeliveryId {
    /// Reads an id from text.
    pub fn parse(text: &str) -> Result<Self, InvalidDeliveryId> {
        let number = text.parse().ok().filter(|number| *number > 0);
        number.map(Self).ok_or_else(|| InvalidDeliveryId {
            given: text.chars().take(64).collect(),
        })
    }

    /// The delivery with this number.
    pub const fn from_number(number: i64) -> Self {
        Self(number)
    }

    /// Its number.
    pub const fn number(self) -> i64 {
        self.0
    }
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What is told, to whoever wants it: the same for all endpoints and at every attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its identity, a UUID version 7: the `webhook-id`.
    pub id: Uuid,
    /// The event's name.
    pub event: Arc<str>,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// What its order is kept with: messages of one lane reach an endpoint one after the other. Those of a job have the
    /// job's id.
    pub lane: Uuid,
    /// The job that it is about, if it is about one.
    pub job_id: Option<JobId>,
    /// Where in a trace it happened, if anybody wants to know.
    pub trace_parent: Option<TraceParent>,
    /// What the trace passes on besides.
    pub propagated: Option<Arc<PropagatedContext>>,
    /// The body before it is signed: a JSON object.
    pub body: Arc<str>,
}

impl Message {
    /// What the header `webhook-id` says, the same at every attempt.
    pub fn webhook_id(&self) -> String {
        format!("msg_{}", self.id.simple())
    }
}

/// How a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeliveryStatus {
    /// It waits for its first attempt, or for a retry.
    Pending = 0,
    /// The endpoint has taken it.
    Delivered = 1,
    /// It was tried as often as it may be, or the endpoint is gone.
    Failed = 2,
}

impl DeliveryStatus {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Delivered, Self::Failed];

    /// The word for it on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Result<Self, String> {
        let status = Self::ALL.into_iter().find(|status| status.as_str() == text);
        status.ok_or_else(|| {
            let given: String = text.chars().take(64).collect();
            format!("'{given}' is no status of a delivery; allowed are pending, delivered and failed")
        })
    }

    /// The number in storage.
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// The status with this number.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.code() == code)
    }
}

/// What came of the last attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryAttempt {
    /// When it was made.
    pub at: DateTime<Utc>,
    /// How long it took.
    pub duration: TimeSpan,
    /// The status of the answer, if there was one.
    pub response_status: Option<u16>,
    /// The start of the answer's body.
    pub response_body: Option<Arc<str>>,
    /// Why it was no success, in a line.
    pub error: Option<Arc<str>>,
}

/// A delivery that waits to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueDelivery {
    /// Its identity.
    pub id: DeliveryId,
    /// What is told.
    pub message: Message,
    /// How many attempts were made since it was last asked for.
    pub attempts: u32,
}

/// A delivery and all that is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its identity.
    pub id: DeliveryId,
    /// To whom.
    pub endpoint_id: EndpointId,
    /// What is told.
    pub message: Message,
    /// How it stands.
    pub status: DeliveryStatus,
    /// How many attempts were made since it was last asked for.
    pub attempts: u32,
    /// When the next attempt is due, while it is pending.
    pub due_at: DateTime<Utc>,
    /// What came of the last attempt.
    pub last: Option<DeliveryAttempt>,
}

impl Delivery {
    /// The delivery by a clock that was `step` ahead, or by a time that is not known if that is zero, and is right at `now`;
    /// `None` if it was not stored while the clock was ahead.
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
        // The first attempt never waits.
        after.due_at = if is_first { now } else { (self.due_at - moved).max(now) };
        if let Some(last) = after.last.as_mut().filter(|last| last.at > now) {
            last.at -= moved;
        }
        Some(after)
    }
}

/// What an endpoint has answered, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// It has taken the delivery.
    Taken,
    /// It is gone and wants no more.
    Gone,
    /// It has not taken it; perhaps it wants to be left alone for a while.
    Refused {
        /// How long.
        wait: Option<TimeSpan>,
    },
}

/// What becomes of a delivery after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterAttempt {
    /// It is done.
    Delivered,
    /// It is given up.
    Failed,
    /// It is tried again.
    RetryAt(DateTime<Utc>),
}

/// What becomes of a delivery of which `attempts` attempts have been made, the last of them ending at `now` with this
/// reply. The wait of the policy is kept, and so is the one that the endpoint has asked for.
pub fn after_attempt(
    reply: Reply,
    attempts: u32,
    max_retries: u32,
    policy: &RetryPolicy,
    now: DateTime<Utc>,
    jitter: Jitter,
) -> AfterAttempt {
    match reply {
        Reply::Taken => AfterAttempt::Delivered,
        Reply::Gone => AfterAttempt::Failed,
        Reply::Refused { .. } if attempts > max_retries => AfterAttempt::Failed,
        Reply::Refused { wait } => {
            let by_policy = policy.next_attempt_at(now, attempts.saturating_sub(1), jitter);
            let asked_for = wait.and_then(|wait| now.checked_add_signed(wait.to_delta()));
            AfterAttempt::RetryAt(asked_for.map_or(by_policy, |asked_for| asked_for.max(by_policy)))
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
    fn three_retries_are_four_attempts_each_after_twice_the_wait() {
        let refused = Reply::Refused { wait: None };
        let all: Vec<AfterAttempt> = (1..=4).map(|attempts| after(refused, attempts)).collect();
        assert_eq!(all, [retry_in(30), retry_in(60), retry_in(120), AfterAttempt::Failed]);
    }

    #[test]
    fn the_longer_wait_counts() {
        let wait = |seconds| Reply::Refused {
            wait: Some(TimeSpan::from_secs(seconds)),
        };
        assert_eq!(after(wait(5), 1), retry_in(30));
        assert_eq!(after(wait(500), 1), retry_in(500));
        assert_eq!(after(wait(500), 4), AfterAttempt::Failed);
    }

    #[test]
    fn what_was_taken_is_done_and_who_is_gone_is_not_asked_again() {
        assert_eq!(after(Reply::Taken, 4), AfterAttempt::Delivered);
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
