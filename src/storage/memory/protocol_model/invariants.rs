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
    Applied, Change, ChangeError, Claim, ClusterChange, Finished, Fire, JobChange, RecurringChange, Released,
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
                    started,
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
                        .filter(|job| job.claimed_by == started.as_ref().map(|_| attempt.node))
                        .is_some_and(|job| job.held_attempt() == Some((job.id, attempt.number)));
                if *finished == Finished::LeaseLost || !runs {
                    assert_eq!((*finished, runs), (Finished::LeaseLost, false));
                    assert_eq!(
                        self.tables.job(job.id),
                        target.as_ref(),
                        "a late end has changed the job"
                    );
                    self.seen.late_ends += 1;
                } else if *finished == Finished::Stored {
                    let is_lost = attempt.status == AttemptStatus::Lost;
                    self.seen.lost += usize::from(is_lost);
                    self.seen.lost_claims += usize::from(is_lost && started.is_some());
                    self.seen.stored_with_start += usize::from(!is_lost && started.is_some());
                }
            }
            (Change::Job(JobChange::Claim(Claim { node, is_ahead, .. })), Ok(Applied::Claimed(jobs))) => {
                assert!(self.tables.holds_lease(*node, self.now), "claimed without a lease");
                if !is_ahead {
                    self.begin(jobs.iter().map(|job| (job.id, job.attempt)), *node);
                }
            }
            (Change::Job(JobChange::Release { .. }), Ok(Applied::Released(released))) => {
                self.seen.released += released.iter().filter(|one| **one != Released::Lost).count();
            }
            (Change::Job(JobChange::Start { jobs }), Ok(Applied::Started(started))) => {
                assert!(
                    self.tables.holds_lease(message.from, self.now),
                    "started without a lease"
                );
                let taken = jobs.iter().zip(started).filter(|(_, started)| **started);
                // The others have begun before.
                let taken = taken.filter(|(job, _)| !job.begins_at_once());
                self.begin(taken.map(|(job, _)| (job.id, job.attempt)), message.from);
            }
            (Change::Recurring(RecurringChange::Fire(_)), Err(ChangeError::NoLease)) => self.seen.stale_tokens += 1,
            (_, Err(ChangeError::NoLease)) => self.seen.without_lease += 1,
            (Change::Cluster(ClusterChange::Lead { .. }), Ok(Applied::Led(Some(token)))) => {
                let newest = self.tokens.last_key_value().map(|(token, _)| *token);
                assert!(newest.is_none_or(|newest| newest <= *token), "a token has decreased");
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
                            let holder = stored.claimed_by.or(stored.node);
                            (stored.held_attempt(), holder) == (Some((job.id, job.attempt)), Some(id))
                        })
                    };
                    let kept = std::mem::take(&mut node.unverified).into_iter().filter(is_own);
                    let count = node.running.len();
                    // The response to a start may not have arrived.
                    let as_stored = |job: Arc<Job>| {
                        let claimed_by = tables.job(job.id).and_then(|stored| stored.claimed_by);
                        Arc::new(Job {
                            claimed_by,
                            ..Job::clone(&job)
                        })
                    };
                    node.running.extend(kept.map(as_stored));
                    self.seen.kept += node.running.len() - count;
                }
            }
            (Change::Cluster(ClusterChange::Lead { .. }), Ok(Applied::Led(token))) => node.token = token,
            (Change::Job(JobChange::Release { jobs, .. }), Ok(_)) => {
                node.is_releasing &= jobs.iter().all(|job| job.claimed_by != Some(node.id));
            }
            // A worker runs nothing without its lease: claimed jobs are recovered as lost.
            (Change::Job(JobChange::Claim(claim)), Ok(Applied::Claimed(jobs))) if node.lease.is_held(now) => {
                if !claim.is_ahead {
                    node.running.extend(jobs)
                } else if node.expired_at.is_none_or(|expired_at| expired_at < message.sent_at) {
                    node.claimed.extend(jobs);
                }
            }
            (Change::Job(JobChange::Start { jobs }), Ok(Applied::Started(started))) if node.lease.is_held(now) => {
                for (job, is_started) in jobs.iter().zip(started) {
                    let mut starting = node.starting.extract_if(.., |one| one.id == job.id);
                    let was_known = !job.begins_at_once() || starting.next().is_some();
                    drop(starting);
                    if is_started && was_known {
                        node.running.push(Arc::new(Job {
                            claimed_by: None,
                            ..Job::clone(job)
                        }));
                    }
                }
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
            assert!(runs <= 1, "{runs} nodes run {id} under leases that they consider valid");
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
