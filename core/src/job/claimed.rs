//! Claims ahead of a start: a node holds a pending job, so that an idle worker of it begins the job without a commit.
//!
//! A claimed job is pending for readers, and has the transitions of a running one: its node may run it already. Its start
//! is stored with its end, or separately if the attempt takes longer.

use chrono::{DateTime, Utc};

use super::Job;
use super::attempt::{Attempt, AttemptKey};
use super::status::JobStatus;
use crate::values::id::NodeId;
use crate::values::timestamp;

impl Job {
    /// The pending job that `node` has claimed ahead of its start.
    #[must_use]
    pub fn claim(&self, node: NodeId) -> Self {
        debug_assert_eq!(
            (self.status, self.claimed_by),
            (JobStatus::Pending, None),
            "only a pending job is claimed"
        );
        Self {
            claimed_by: Some(node),
            ..self.clone()
        }
    }

    /// The claimed job that has not begun, without its claim. A job whose cancellation was requested is cancelled.
    #[must_use]
    pub fn release(&self, now: DateTime<Utc>) -> Self {
        let released = Self {
            claimed_by: None,
            ..self.clone()
        };
        if !self.cancel_requested {
            return released;
        }
        Self {
            status: JobStatus::Cancelled,
            finished_at: Some(timestamp::truncate_to_micros(now)),
            cancel_requested: false,
            revision: self.revision + 1,
            ..released
        }
    }

    /// The attempt that a node holds: the running one, or the next one of a claimed job.
    pub fn held_attempt(&self) -> Option<AttemptKey> {
        match self.status {
            JobStatus::Running => Some((self.id, self.attempt)),
            JobStatus::Pending if self.claimed_by.is_some() => Some((self.id, self.attempt + 1)),
            JobStatus::Pending | JobStatus::Completed | JobStatus::Failed | JobStatus::Cancelled => None,
        }
    }

    /// `true` if a claimed job begins before its start is stored. After a lost or interrupted attempt it does not: a job
    /// that kills its nodes must have its starts counted, and other jobs that a lost node has claimed must not.
    pub fn begins_at_once(&self) -> bool {
        self.claimed_by.is_some()
            && self
                .held_attempt()
                .is_some_and(|(_, number)| number <= self.retry_count + 1)
    }

    /// The claimed job whose node is gone. It may have begun, so its next attempt is lost: the job after the start of that
    /// attempt, and after the attempt (see [`lose`](Self::lose)). `None` if it is not claimed, or has not begun: its claim is
    /// then released.
    #[must_use]
    pub fn lose_claimed(&self, lost_before: u32, now: DateTime<Utc>) -> Option<(Self, Self, Attempt)> {
        let is_lost = self.status == JobStatus::Pending && self.begins_at_once();
        let node = self.claimed_by.filter(|_| is_lost)?;
        let started = self.begin(node, now);
        let (after, attempt) = started.lose(lost_before, now);
        Some((started, after, attempt))
    }

    /// The status that decides on transitions: a claimed job may already run.
    pub(super) fn status_of_holder(&self) -> JobStatus {
        match self.claimed_by {
            Some(_) => JobStatus::Running,
            None => self.status,
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::job::attempt::AttemptStatus;
    use crate::job::new_job::{Due, JobDefaults, NewJob};
    use crate::job::outcome::{Failure, Outcome};
    use crate::job::retry::Jitter;
    use crate::job::state_machine::{Cancelled, JobUpdate};
    use crate::values::name::JobType;

    fn claimed() -> Job {
        let new = NewJob::of_type(JobType::from_stored("Report"));
        let pending = new.into_job(&JobDefaults::default(), DateTime::UNIX_EPOCH, 1);
        pending.claim(NodeId::from_uuid(uuid::Uuid::from_u128(2)))
    }

    #[test]
    fn a_claimed_job_is_pending_and_has_the_transitions_of_a_running_one() {
        let (job, now) = (claimed(), DateTime::UNIX_EPOCH);
        assert_eq!(
            (job.status, job.revision, job.held_attempt()),
            (JobStatus::Pending, 1, Some((job.id, 1)))
        );
        let changed = job.patch(JobUpdate::default(), now).expect_err("it may run");
        assert_eq!(
            changed.to_string(),
            "a running job can't be changed; only pending jobs can be"
        );
        assert!(job.execute(None, Due::Now, now).is_err());
        let Ok(Cancelled::Requested(requested)) = job.cancel(now) else {
            panic!("a request to its node")
        };
        assert_eq!(requested.cancel(now), Ok(Cancelled::AlreadyRequested));
        let released = requested.release(now);
        assert_eq!(
            (
                released.status,
                released.claimed_by,
                released.cancel_requested,
                released.attempt
            ),
            (JobStatus::Cancelled, None, false, 0)
        );
        assert_eq!(job.release(now).held_attempt(), None);
    }

    #[test]
    fn the_start_of_a_claimed_job_keeps_the_claim_until_its_end() {
        let (job, now) = (claimed(), DateTime::UNIX_EPOCH);
        let node = job.claimed_by.expect("a claim");
        let running = job.start(node, now);
        assert_eq!(
            (running.claimed_by, running.attempt, running.revision),
            (Some(node), 1, 2)
        );
        let (ended, _) = running.finish(Outcome::Completed(None), now, Jitter::new(0.0));
        assert_eq!((ended.claimed_by, ended.revision), (None, 3));
    }

    #[test]
    fn a_claimed_job_whose_node_is_gone_loses_its_next_attempt() {
        let (job, now) = (claimed(), DateTime::UNIX_EPOCH + TimeDelta::seconds(9));
        let node = job.claimed_by.expect("a claim");
        assert_eq!(job.release(now).lose_claimed(0, now), None, "it is not claimed");
        // Recovery reads jobs in brief.
        let (started, after, attempt) = job.in_brief().lose_claimed(0, now).expect("a claim");
        assert_eq!((started.status, started.attempt), (JobStatus::Running, 1));
        assert_eq!(
            (after.status, after.attempt, after.claimed_by, after.due_at),
            (JobStatus::Pending, 1, None, now)
        );
        assert_eq!(
            (attempt.number, attempt.status, attempt.node),
            (1, AttemptStatus::Lost, node)
        );
        // The next start is stored before the job begins: a claim is lost once at most.
        assert!(job.begins_at_once());
        let again = after.claim(node);
        assert!(!again.begins_at_once());
        assert_eq!(again.lose_claimed(1, now), None, "it has not begun");
    }

    #[test]
    fn a_claimed_retry_begins_at_once() {
        let (job, now) = (claimed(), DateTime::UNIX_EPOCH);
        let node = job.claimed_by.expect("a claim");
        let failing = Job { max_retries: 1, ..job };
        let (retry, _) = failing
            .start(node, now)
            .finish(Outcome::Failed(Failure::new("busy")), now, Jitter::new(0.0));
        assert_eq!((retry.status, retry.attempt), (JobStatus::Pending, 1));
        let claimed = retry.claim(node);
        assert!(claimed.begins_at_once());
        assert!(claimed.start(node, now).begins_at_once(), "until its start is stored");
        let (interrupted, _) = claimed
            .start(node, now)
            .finish(Outcome::Interrupted, now, Jitter::new(0.0));
        assert!(!interrupted.claim(node).begins_at_once());
    }
}
