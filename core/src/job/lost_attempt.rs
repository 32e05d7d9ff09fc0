//! Lost attempts: the node that ran the attempt is gone, and its outcome is unknown.
//!
//! The job runs again, immediately after the first loss. The job itself may be what kills its nodes (it exhausts
//! memory, it aborts the process): after each further loss it waits longer, so that other jobs can finish in between,
//! and finally fails.

use chrono::{DateTime, TimeDelta, Utc};

use super::Job;
use super::attempt::Attempt;
use super::outcome::Outcome;
use super::retry::Jitter;
use super::status::JobStatus;

/// Number of lost attempts in a row after which a job fails.
pub const LOST_IN_A_ROW_MAX: u32 = 10;

impl Job {
    /// The running job after its attempt was lost at `now`; `lost_before` is the number of lost attempts right before
    /// this one. A job whose cancellation was requested is cancelled.
    #[must_use]
    pub fn lose(&self, lost_before: u32, now: DateTime<Utc>) -> (Self, Attempt) {
        let (after, attempt) = self.finish(Outcome::Lost, now, Jitter::new(0.0));
        if after.status != JobStatus::Pending {
            return (after, attempt);
        }
        let lost = lost_before.saturating_add(1);
        if lost >= LOST_IN_A_ROW_MAX {
            let error =
                format!("lost {lost} times in a row: the process that ran it died or became unreachable each time");
            let failed = Self {
                status: JobStatus::Failed,
                finished_at: attempt.ended_at,
                due_from: None,
                error: Some(error.into()),
                error_detail: None,
                ..after
            };
            return (failed, attempt);
        }
        let due_at = after.due_at.checked_add_signed(wait_after(lost));
        let due_at = due_at.unwrap_or(after.due_at);
        (Self { due_at, ..after }, attempt)
    }
}

/// Delay after `lost` losses in a row: none, then 2 s, doubling up to 64 s.
fn wait_after(lost: u32) -> TimeDelta {
    match lost {
        0 | 1 => TimeDelta::zero(),
        more => TimeDelta::seconds(1_i64 << (more - 1).min(6)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::attempt::AttemptStatus;
    use crate::job::new_job::{JobDefaults, NewJob};
    use crate::values::id::NodeId;
    use crate::values::name::JobType;

    fn running() -> Job {
        let new = NewJob::of_type(JobType::from_stored("Report"));
        let now = DateTime::UNIX_EPOCH;
        new.into_job(&JobDefaults::default(), now, 1)
            .start(NodeId::from_uuid(uuid::Uuid::from_u128(2)), now)
    }

    #[test]
    fn a_lost_job_runs_again_with_growing_delays_and_fails_in_the_end() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::seconds(100);
        let waits: Vec<i64> = (0..LOST_IN_A_ROW_MAX - 1)
            .map(|lost_before| {
                let (after, attempt) = running().lose(lost_before, now);
                assert_eq!(
                    (after.status, attempt.status),
                    (JobStatus::Pending, AttemptStatus::Lost)
                );
                assert_eq!(after.retry_count, 0, "a loss does not count as a retry");
                (after.due_at - now).num_seconds()
            })
            .collect();
        assert_eq!(waits, [0, 2, 4, 8, 16, 32, 64, 64, 64]);
        let (after, attempt) = running().lose(LOST_IN_A_ROW_MAX - 1, now);
        assert_eq!((after.status, attempt.status), (JobStatus::Failed, AttemptStatus::Lost));
        assert_eq!(after.finished_at, Some(now));
        assert!(after.error.expect("a reason").starts_with("lost 10 times in a row"));
    }

    #[test]
    fn an_attempt_does_not_end_before_its_start_when_the_clock_was_set_back() {
        let started_at = DateTime::UNIX_EPOCH + TimeDelta::hours(2);
        let running = Job {
            started_at: Some(started_at),
            ..running()
        };
        let now = DateTime::UNIX_EPOCH;
        let (job, attempt) = running.finish(Outcome::Completed(None), now, Jitter::new(0.0));
        assert_eq!(
            (job.finished_at, attempt.ended_at),
            (Some(started_at), Some(started_at))
        );
        assert_eq!(attempt.duration().map(|ran| ran.as_micros()), Some(0));
        let (job, _) = running.lose(0, now);
        assert_eq!(job.due_at, now, "it does not wait until the clock is where it was");
    }

    #[test]
    fn a_lost_job_whose_cancellation_was_requested_is_cancelled() {
        let job = Job {
            cancel_requested: true,
            ..running()
        };
        for lost_before in [0, 3, LOST_IN_A_ROW_MAX] {
            assert_eq!(
                job.lose(lost_before, DateTime::UNIX_EPOCH).0.status,
                JobStatus::Cancelled
            );
        }
    }
}
