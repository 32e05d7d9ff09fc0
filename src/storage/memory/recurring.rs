//! Recurring jobs and their occurrences, and the nodes: which live, and which one leads.

use std::collections::HashSet;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::apply::{Outcome, rejected};
use super::tables::{Node, Tables};
use crate::domain::cluster::leadership::Leadership;
use crate::domain::job::Job;
use crate::domain::job::status::JobStatus;
use crate::domain::recurring::{RecurringId, RecurringJob};
use crate::domain::values::id::NodeId;
use crate::domain::values::time_span::TimeSpan;
use crate::storage::change::{Applied, ChangeError, DEAF_AFTER, Fire, Idempotency};
use crate::storage::query::StoredNode;

impl Tables {
    pub(super) fn insert_recurring(
        &mut self,
        recurring: &Arc<RecurringJob>,
        idempotency: Option<&Idempotency>,
    ) -> Outcome {
        if let Some(earlier) = self.replayed(idempotency) {
            return earlier;
        }
        if self.recurring.contains_key(&recurring.id) {
            return Err(rejected(format!("a recurring job with the id {} exists", recurring.id)));
        }
        if let Some(key) = &recurring.key
            && self.recurring.values().any(|other| other.key.as_ref() == Some(key))
        {
            return Err(ChangeError::RecurringKeyTaken { key: key.clone() });
        }
        self.recurring.insert(recurring.id, Arc::clone(recurring));
        self.remember(idempotency, vec![recurring.id.as_uuid()]);
        Ok(Applied::RecurringStored)
    }

    pub(super) fn update_recurring(&mut self, before: &RecurringJob, after: &Arc<RecurringJob>) -> Outcome {
        self.check_recurring(before)?;
        self.recurring.insert(before.id, Arc::clone(after));
        Ok(Applied::RecurringStored)
    }

    pub(super) fn delete_recurring(&mut self, recurring: &RecurringJob) -> Outcome {
        self.check_recurring(recurring)?;
        self.recurring.remove(&recurring.id);
        Ok(Applied::Deleted)
    }

    pub(super) fn fire(&mut self, fire: &Fire, now: DateTime<Utc>) -> Outcome {
        let Fire {
            before,
            after,
            occurrences,
            leader,
        } = fire;
        if let Some((node, token)) = leader
            && !self
                .leadership
                .is_some_and(|leadership| leadership.allows(*node, *token, now))
        {
            return Err(ChangeError::NoLease);
        }
        self.check_recurring(before)?;
        // All of it happens or nothing.
        self.check_new(occurrences)?;
        self.recurring.insert(before.id, Arc::clone(after));
        let mut fired = Vec::with_capacity(occurrences.len());
        for job in occurrences {
            let is_new = job.occurrence.is_none_or(|occurrence| !self.has_occurrence(occurrence));
            if is_new {
                self.put(Arc::clone(job));
            }
            fired.push(is_new);
        }
        Ok(Applied::Fired(fired))
    }

    pub(super) fn trigger(&mut self, id: RecurringId, revision: Option<u32>, occurrence: &Arc<Job>) -> Outcome {
        let stored = self
            .recurring
            .get(&id)
            .filter(|stored| revision.is_none_or(|revision| revision == stored.revision));
        let Some(stored) = stored else {
            return Err(ChangeError::Conflict);
        };
        let after = RecurringJob {
            revision: stored.revision + 1,
            ..RecurringJob::clone(stored)
        };
        self.check_new(std::slice::from_ref(occurrence))?;
        self.recurring.insert(id, Arc::new(after));
        let is_new = occurrence.occurrence.is_none_or(|one| !self.has_occurrence(one));
        if is_new {
            self.put(Arc::clone(occurrence));
        }
        Ok(Applied::Fired(vec![is_new]))
    }

    fn check_recurring(&self, read: &RecurringJob) -> Result<(), ChangeError> {
        let is_as_read = self
            .recurring
            .get(&read.id)
            .is_some_and(|stored| stored.revision == read.revision);
        if is_as_read { Ok(()) } else { Err(ChangeError::Conflict) }
    }

    pub(super) fn heartbeat(&mut self, id: NodeId, node: Node) -> Applied {
        if !self.serves_many {
            // One server at a time: a server with a heartbeat has replaced the others.
            self.nodes.retain(|other, node| *other == id || node.worker.is_some());
            self.leadership = self
                .leadership
                .map(|led| if led.holder == id { led } else { led.ended() });
        }
        self.correct_leases(id, node.heartbeat_at, node.lease_until);
        let is_draining = self.nodes.get(&id).is_some_and(|node| node.is_draining);
        self.nodes.insert(id, Node { is_draining, ..node });
        Applied::Alive
    }

    /// Extends the leases of workers that run jobs if no server could be reached for a while, and shortens those that
    /// were renewed in the future. A server with an earlier lease extends those of other servers too: what has made its
    /// own heartbeat late has done the same to theirs. A lease that was extended is not extended again.
    fn correct_leases(&mut self, of: NodeId, now: DateTime<Utc>, lease_until: DateTime<Utc>) {
        let (part, whole) = DEAF_AFTER;
        let is_reachable = self
            .nodes
            .values()
            .any(|node| node.worker.is_none() && node.has_heartbeat_within(part, whole, now));
        let was_there = self.nodes.contains_key(&of);
        let busy: HashSet<NodeId> = self
            .jobs()
            .filter(|job| job.held_attempt().is_some())
            .filter_map(|job| job.claimed_by.or(job.node))
            .collect();
        for (id, node) in &mut self.nodes {
            if node.lease_until <= DateTime::UNIX_EPOCH {
                continue;
            }
            if node.heartbeat_at > now + TimeDelta::seconds(1) {
                node.lease_until = now + (node.lease_until - node.heartbeat_at);
                node.heartbeat_at = now;
            }
            let is_as_renewed = node.lease_until - node.heartbeat_at <= lease_until - now;
            if !is_reachable && (was_there || node.worker.is_some()) && busy.contains(id) && is_as_renewed {
                node.lease_until = node.lease_until.max(lease_until);
            }
        }
    }

    pub(super) fn lead(&mut self, node: NodeId, lease: TimeSpan, now: DateTime<Utc>) -> Applied {
        let leadership = Leadership::requested(self.leadership, node, now, lease.to_delta());
        self.leadership = Some(leadership);
        Applied::Led((leadership.holder == node).then_some(leadership.token))
    }

    pub(super) fn set_draining(&mut self, id: NodeId, is_draining: bool) -> Outcome {
        let server = self.nodes.get_mut(&id).filter(|node| node.worker.is_none());
        let server = server.ok_or(ChangeError::Conflict)?;
        let was_draining = std::mem::replace(&mut server.is_draining, is_draining);
        Ok(Applied::DrainSet {
            changed: was_draining != is_draining,
        })
    }

    pub(super) fn leave(&mut self, node: NodeId) -> Applied {
        let changed = match self.nodes.get_mut(&node) {
            // Its name is displayed beside its jobs.
            Some(gone) if gone.worker.is_some() => {
                std::mem::replace(&mut gone.lease_until, DateTime::UNIX_EPOCH) != DateTime::UNIX_EPOCH
            }
            _ => self.nodes.remove(&node).is_some(),
        };
        self.leadership = self
            .leadership
            .map(|led| if led.holder == node { led.ended() } else { led });
        Applied::Left { changed }
    }

    /// The nodes by the time of their start.
    pub(super) fn stored_nodes(&self, now: DateTime<Utc>) -> Vec<StoredNode> {
        let running_on = |node| {
            self.jobs()
                .filter(move |job| job.status == JobStatus::Running && job.node == Some(node))
        };
        let leads = |node| {
            self.leadership
                .is_some_and(|leadership| leadership.allows(node, leadership.token, now))
        };
        let mut nodes: Vec<StoredNode> = self
            .nodes
            .iter()
            .filter(|(_, node)| node.worker.is_none())
            .map(|(id, node)| {
                let is_live = self.is_live(node, now);
                let Node {
                    name,
                    started_at,
                    heartbeat_at,
                    lease_until,
                    worker: _,
                    access: _,
                    job_types,
                    remote_types,
                    is_draining,
                } = node;
                StoredNode {
                    id: *id,
                    name: name.to_string(),
                    started_at: *started_at,
                    heartbeat_at: *heartbeat_at,
                    lease_until: *lease_until,
                    is_live,
                    is_leader: leads(*id),
                    is_draining: *is_draining,
                    running_jobs: u64::try_from(running_on(*id).count()).unwrap_or(u64::MAX),
                    job_types: Some(job_types.to_vec()),
                    remote_types: Some(remote_types.to_vec()),
                }
            })
            .collect();
        nodes.sort_by_key(|node| (node.started_at, node.id));
        nodes
    }
}
