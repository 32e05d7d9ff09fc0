//! Messages of the schedulers.

use actix::Message;
use chrono::{DateTime, Utc};

use crate::domain::values::name::QueueName;

/// Jobs of these queues will become due at these times.
#[derive(Message)]
#[rtype(result = "()")]
pub struct ScheduleWakeup {
    /// Queue and time.
    pub due: Vec<(QueueName, DateTime<Utc>)>,
}

/// Messages may have been missed: read the next due times from storage.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct ResyncDueTimes;

/// Recurring jobs were created, changed or deleted, or an occurrence has finished.
#[derive(Message)]
#[rtype(result = "()")]
pub struct RecurringChanged;

/// The node is about to leave: give up leadership and stop requesting it. The response follows the last request.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct StopLeading;
