//! The state of a node: its lease, its clocks, its reads, and the jobs that it runs.

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

/// Duration of leases of nodes and of the leader.
pub(super) const LEASE: TimeSpan = TimeSpan::from_secs(3);

/// One run of a server.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) id: NodeId,
    /// Its view of its lease.
    pub(super) lease: NodeLease,
    /// The token that it was given.
    pub(super) token: Option<FencingToken>,
    /// How wrong its clock is.
    pub(super) wrong_by: TimeDelta,
    /// Set while the process is paused.
    pub(super) is_stopped: bool,
    /// Pending jobs as it has read them.
    pub(super) known: Vec<Arc<Job>>,
    /// The recurring job as it has read it.
    pub(super) recurring: Option<Arc<RecurringJob>>,
    /// Number of its unfinished occurrences then.
    pub(super) unfinished: u64,
    /// Jobs that it has claimed ahead and that have not begun.
    pub(super) claimed: Vec<Arc<Job>>,
    /// Set while the response to a release is missing: a release that arrives late would end a later claim.
    pub(super) is_releasing: bool,
    /// Time at which it last found its lease expired. Earlier claims are void.
    pub(super) expired_at: Option<Moment>,
    /// Running jobs whose start is being stored.
    pub(super) starting: Vec<Arc<Job>>,
    /// Its running jobs. The start of one that still has its claim is not stored.
    pub(super) running: Vec<Arc<Job>>,
    /// Its running jobs at the expiry of its lease, until a renewal shows whether they were recovered.
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
            claimed: Vec::new(),
            is_releasing: false,
            expired_at: None,
            starting: Vec::new(),
            running: Vec::new(),
            unverified: Vec::new(),
        }
    }

    /// The time of day by its own clock.
    pub(super) fn time_of_day(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        now + self.wrong_by
    }

    /// `true` if it runs this job and considers its lease valid. A paused process does nothing, but resumes with that
    /// view.
    pub(super) fn runs(&self, id: JobId, now: Moment) -> bool {
        let mut running = self.running.iter().chain(&self.starting);
        self.lease.is_held(now) && running.any(|job| job.id == id)
    }

    /// Expiry of its lease: interrupts all running jobs.
    pub(super) fn give_up_without_lease(&mut self, now: Moment) {
        if !self.lease.is_held(now) {
            self.unverified.append(&mut self.running);
            self.unverified.append(&mut self.starting);
            self.claimed.clear();
            self.expired_at = Some(now);
        }
    }
}

/// The start of the simulation.
pub(super) fn start() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000)
}

/// The steady clock of all nodes: it can't be set, and continues while a process is paused.
pub(super) fn steady(now: DateTime<Utc>) -> Moment {
    (now - start()).to_std().unwrap_or(Duration::ZERO)
}
