//! Handling of messages by storage and nodes, and the invariants.

use std::sync::Arc;

use chrono::TimeDelta;

use super::coverage::Seen;
use super::node::{LEASE, steady};
use super::simulation::{Message, NODES, World, pick};
use super::step::{Act, Step};
use crate::domain::job::Job;
use crate::domain::job::attempt::AttemptStatus;
use crate::domain::job::status::JobStatus;
use crate::domain::values::id::{JobId, NodeId};
use crate::storage::change::{
    Applied, Change, ChangeError, Claim, ClusterChange, Finished, Fire, JobChange, RecurringChange,
};

impl World {
    /// A message gets to storage.
    pub(crate) fn arrive(&mut self, message: Message) {
        let target = if let Change::Job(JobChange::Finish { job, .. }) = &message.change {
            self.tables.job(job.id).cloned()
        } else {
            None
        };
        let applied = self
            .tables
            .apply(&[message.change.clone()].into(), self.now)
            .results
            .remove(0);
        match (&message.change, &applied) {
            (
                Change::Job(JobChange::Finish {
                    job,
                    attempt,
                    if_orphaned,
                }),
                Ok(Applied::Finished(finished)),
            ) => {
                let is_renewed = *if_orphaned && self.tables.holds_lease(attempt.node, self.now);
                self.seen.renewed_in_time += usize::from(is_renewed);
                let runs = !is_renewed
                    && target
                        .as_ref()
                        .is_some_and(|job| job.status == JobStatus::Running && job.attempt == attempt.number);
                if *finished == Finished::LeaseLost || !runs {
                    assert_eq!((*finished, runs), (Finished::LeaseLost, false));
                    assert_eq!(
                        self.tables.job(job.id),
                        target.as_ref(),
                        "a late end has changed the job"
                    );
                    self.seen.late_ends += 1;
                } else if *finished == Finished::Stored {
                    self.seen.lost += usize::from(attempt.status == AttemptStatus::Lost);
                }
            }
            (Change::Job(JobChange::Claim(Claim { node, .. })), Ok(Applied::Claimed(jobs))) => {
                assert!(self.tables.holds_lease(*node, self.now), "claimed without a lease");
                self.begin(jobs.iter().map(|job| (job.id, job.attempt)), *node);
            }
            (Change::Job(JobChange::Start { jobs }), Ok(Applied::Started(started))) => {
                assert!(
                    self.tables.holds_lease(message.from, self.now),
                    "started without a lease"
                );
                let taken = jobs.iter().zip(started).filter(|(_, started)| **started);
                self.begin(taken.map(|(job, _)| (job.id, job.attempt)), message.from);
            }
            (Change::Recurring(RecurringChange::Fire(_)), Err(ChangeError::NoLease)) => self.seen.stale_tokens += 1,
            (_, Err(ChangeError::NoLease)) => self.seen.without_lease += 1,
            (Change::Cluster(ClusterChange::Lead { .. }), Ok(Applied::Led(Some(token)))) => {
                let newest = self.tokens.last_key_value().map(|(token, _)| *token);
                assert!(newest.is_none_or(|newest| newest <= *token), "a token has gone back");
                let holder = *self.tokens.entry(*token).or_insert(message.from);
                assert_eq!(holder, message.from, "two nodes lead under {token:?}");
                self.seen.leaders += usize::from(newest != Some(*token));
            }
            (
                Change::Recurring(RecurringChange::Fire(Fire {
                    leader, occurrences, ..
                })),
                Ok(Applied::Fired(fired)),
            ) => {
                let (node, token) = leader.expect("a leader");
                assert_eq!(
                    self.tokens.last_key_value(),
                    Some((&token, &node)),
                    "an old leader has acted"
                );
                for (job, is_new) in occurrences.iter().zip(fired) {
                    let occurrence = job.occurrence.expect("an occurrence");
                    if *is_new {
                        let earlier = self.occurrences.insert(occurrence, job.id);
                        assert_eq!(earlier, None, "{occurrence:?} has become two jobs");
                        self.jobs.insert(job.id);
                        self.seen.occurrences += 1;
                    }
                }
            }
            (Change::Recurring(RecurringChange::Fire(_)), Err(ChangeError::Conflict)) => self.seen.repeated += 1,
            _ => {}
        }
        self.to_nodes.push((message, applied));
    }

    fn begin(&mut self, attempts: impl Iterator<Item = (JobId, u32)>, node: NodeId) {
        for attempt in attempts {
            let earlier = self.started.insert(attempt, node);
            assert_eq!(earlier, None, "{attempt:?} was started twice");
        }
    }

    /// Delivers a response to the waiting node only.
    pub(crate) fn return_result(&mut self, message: &Message, applied: Result<Applied, ChangeError>) {
        let now = steady(self.now);
        let Some(node) = self.nodes.iter_mut().find(|node| node.id == message.from) else {
            return;
        };
        node.give_up_without_lease(now);
        match (&message.change, applied) {
            (Change::Cluster(ClusterChange::Heartbeat { .. }), Ok(_)) => {
                node.lease = node.lease.renewed(message.sent_at, LEASE.to_std());
                if node.lease.is_held(now) {
                    // Other nodes can no longer claim them: jobs that still belong to it in storage continue.
                    let (id, tables) = (node.id, &self.tables);
                    let is_own = |job: &Arc<Job>| {
                        tables.job(job.id).is_some_and(|stored| {
                            (stored.status, stored.attempt, stored.node) == (JobStatus::Running, job.attempt, Some(id))
                        })
                    };
                    let kept = std::mem::take(&mut node.unverified).into_iter().filter(is_own);
                    let count = node.running.len();
                    node.running.extend(kept);
                    self.seen.kept += node.running.len() - count;
                }
            }
            (Change::Cluster(ClusterChange::Lead { .. }), Ok(Applied::Led(token))) => node.token = token,
            // A worker runs nothing without its lease: claimed jobs are recovered as lost.
            (Change::Job(JobChange::Claim(_)), Ok(Applied::Claimed(jobs))) if node.lease.is_held(now) => {
                node.running.extend(jobs)
            }
            (Change::Job(JobChange::Start { jobs }), Ok(Applied::Started(started))) if node.lease.is_held(now) => {
                let taken = jobs.iter().zip(started).filter(|(_, started)| *started);
                node.running.extend(taken.map(|(job, _)| Arc::clone(job)));
            }
            (Change::Recurring(RecurringChange::Fire(_)), Err(ChangeError::NoLease)) => node.token = None,
            _ => {}
        }
    }

    /// Invariants of every state, in addition to the checks of arriving messages.
    pub(crate) fn check(&self) {
        let now = steady(self.now);
        for node in &self.nodes {
            if node.lease.is_held(now) {
                let is_held = self.tables.holds_lease(node.id, self.now);
                assert!(is_held, "a node considers a lease valid that has expired in storage");
            }
        }
        for id in &self.jobs {
            let runs = self.nodes.iter().filter(|node| node.runs(*id, now)).count();
            assert!(runs <= 1, "{runs} nodes run {id} and believe in their leases");
            let job = self.tables.job(*id).expect("no job disappears");
            let recorded: Vec<u32> = self.tables.attempts(*id).map(|attempt| attempt.number).collect();
            let ended = if job.status == JobStatus::Running {
                job.attempt - 1
            } else {
                job.attempt
            };
            let all: Vec<u32> = (1..=ended).collect();
            assert_eq!(recorded, all, "an attempt that has ended is on record, of {job:?}");
        }
        for job in self.tables.jobs() {
            assert!(self.jobs.contains(&job.id), "unknown job {job:?}");
        }
    }

    /// Delivers all messages, and leaves one new node alone with all jobs: it must finish them.
    pub(crate) fn end_in_peace(mut self) -> Seen {
        while let Some(message) = pick(&mut self.to_storage, 0) {
            self.arrive(message);
            self.check();
        }
        self.to_nodes.clear();
        for number in 0..NODES {
            self.take(Step::Kill(number as u8));
        }
        self.now += LEASE.to_delta() * 2;
        let work = [Act::Renew, Act::Rescue, Act::Claim, Act::End(0, true)];
        // What a node whose clock was wrong has made due again waits for as long as the clock was ahead.
        for _ in 0..self.jobs.len() * 2 + 100 {
            if self.tables.jobs().all(|job| job.status.is_finished()) {
                break;
            }
            for act in work {
                self.take(Step::Act(0, act));
                while !self.to_storage.is_empty() {
                    self.take(Step::Arrive(0));
                }
                while !self.to_nodes.is_empty() {
                    self.take(Step::Return(0));
                }
            }
            // Retries become due.
            self.now += TimeDelta::seconds(1);
            self.check();
        }
        for id in &self.jobs {
            let job = self.tables.job(*id).expect("no job disappears");
            assert!(job.status.is_finished(), "stuck: {job:?}");
        }
        self.seen
    }
}
