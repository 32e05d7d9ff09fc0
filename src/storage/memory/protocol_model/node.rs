//! A node as it sees itself: its lease, its clocks, what it has read, and what it runs.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::domain::cluster::leadership::FencingToken;
use crate::domain::cluster::node_lease::{Moment, NodeLease};
use crate::domain::job::Job;
use crate::domain::recurring::RecurringJob;
use crate::domain::values::id::{JobId, NodeId};
use crate::domain::values::time_span::TimeSpan;

/// How long a node's lease is, and the leader's.
pub(super) const LEASE: TimeSpan = TimeSpan::from_secs(3);

/// One run of a server.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) id: NodeId,
    /// What it knows of its lease.
    pub(super) lease: NodeLease,
    /// The token that it was given.
    pub(super) token: Option<FencingToken>,
    /// How wrong its clock is.
    pub(super) wrong_by: TimeDelta,
    /// Whether the process is stopped.
    pub(super) is_stopped: bool,
    /// Pending jobs as it has read them.
    pub(super) known: Vec<Arc<Job>>,
    /// The recurring job as it has read it.
    pub(super) recurring: Option<Arc<RecurringJob>>,
    /// How many of its occurrences were unfinished then.
    pub(super) unfinished: u64,
    /// What it runs.
    pub(super) running: Vec<Arc<Job>>,
    /// What it ran when its lease expired, until a renewal shows whether it has been taken.
    pub(super) unverified: Vec<Arc<Job>>,
}

impl Node {
    /// The run of a server that has this number.
    pub(super) fn new(number: u64) -> Self {
        Self {
            id: NodeId::from_uuid(Uuid::from_u64_pair(number, 7)),
            lease: NodeLease::default(),
            token: None,
            wrong_by: TimeDelta::zero(),
            is_stopped: false,
            known: Vec::new(),
            recurring: None,
            unfinished: 0,
            running: Vec::new(),
            unverified: Vec::new(),
        }
    }

    /// The time of day as it believes it is.
    pub(super) fn time_of_day(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        now + self.wrong_by
    }

    /// Whether it runs this job and believes that it may. A stopped process does nothing, but will believe so again.
    pub(super) fn runs(&self, id: JobId, now: Moment) -> bool {
        self.lease.is_held(now) && self.running.iter().any(|job| job.id == id)
    }

    /// What its watch over its lease does: without one it gives up all that it runs.
    pub(super) fn give_up_without_lease(&mut self, now: Moment) {
        if !self.lease.is_held(now) {
            self.unverified.append(&mut self.running);
        }
    }
}

/// The start of the simulation.
pub(super) fn start() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000)
}

/// The steady clock of all nodes: it can't be set, and goes on while a process is stopped.
pub(super) fn steady(now: DateTime<Utc>) -> Moment {
    (now - start()).to_std().unwrap_or(Duration::ZERO)
}
