//! The rules: which reasons follow from the facts.

use std::cmp::Reverse;

use chrono::{DateTime, Utc};

use super::facts::{AHEAD_MAX, ClusterFacts, Facts, HandlerFacts, JobFacts, LineFacts, QueueFacts, Runner, RunnerKind};
use super::reason::Reason;
use super::sentence::{count, grouped, text};
use crate::job::attempt::AttemptStatus;
use crate::job::status::JobStatus;
use crate::values::time_span::TimeSpan;

/// The explanation of a job.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The status of the job.
    pub state: JobStatus,
    /// All reasons in one sentence.
    pub summary: String,
    /// All reasons that hold, the one that ends last first; at least one.
    pub reasons: Vec<Reason>,
    /// The expected start of a job that waits in line, if enough is known.
    pub estimate: Option<Estimate>,
}

/// The expected start of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// The time.
    pub starts_at: DateTime<Utc>,
    /// The figures that it follows from.
    pub basis: String,
}

/// The reasons why a job does not run, or its state.
pub fn explain(facts: &Facts<'_>) -> Explanation {
    let job = &*facts.job.job;
    let mut reasons = match job.status {
        JobStatus::Pending if job.claimed_by.is_none() => pending(facts),
        JobStatus::Pending => vec![held(facts.job, job.attempt + 1, true)],
        JobStatus::Running => vec![held(facts.job, job.attempt, false)],
        JobStatus::Completed | JobStatus::Failed | JobStatus::Cancelled => vec![Reason::Ended {
            status: job.status,
            at: job.finished_at,
            attempts: job.attempt,
            error: job.error.clone().filter(|_| job.status == JobStatus::Failed),
        }],
    };
    // Stable: reasons without a known end keep their order.
    reasons.sort_by_key(|reason| {
        let is_line = matches!(reason, Reason::BehindInQueue { .. });
        (is_line, reason.until().is_some(), Reverse(reason.until()))
    });
    let sentences: Vec<String> = reasons.iter().map(Reason::message).collect();
    Explanation {
        state: job.status,
        summary: sentences.join("; "),
        estimate: facts.line.and_then(|line| estimate(facts.now, &reasons, line)),
        reasons,
    }
}

/// True if the job waits in the line of its queue: only then its place matters.
pub fn keeps_in_line(reasons: &[Reason]) -> bool {
    !reasons.is_empty()
        && reasons.iter().all(|reason| {
            matches!(
                reason,
                Reason::TypeLimit { .. }
                    | Reason::QueueRate { .. }
                    | Reason::WorkersBusy { .. }
                    | Reason::BehindInQueue { .. }
            )
        })
}

fn pending(facts: &Facts<'_>) -> Vec<Reason> {
    let Facts {
        now,
        job: JobFacts { job, .. },
        queue,
        handlers,
        cluster,
        line,
    } = *facts;
    let is_due = job.due_at <= now;
    let mut reasons: Vec<Reason> = holds_of_all(queue, handlers, cluster);
    if !is_due {
        reasons.extend(not_due(facts));
    }
    if is_due && reasons.is_empty() {
        reasons = holds_of_due(queue, handlers);
        let ahead = line.map_or(0, |line| line.ahead);
        if !reasons.is_empty() && ahead > 0 {
            reasons.push(Reason::BehindInQueue {
                queue: queue.name.clone(),
                ahead,
            });
        }
    }
    if reasons.is_empty() {
        reasons.push(Reason::Next {
            due_at: job.due_at,
            waited: TimeSpan::between(job.due_at, now),
            lessees: lessees(handlers),
        });
    }
    reasons
}

/// The free remote workers of a type that no server runs.
pub(super) fn lessees(handlers: &HandlerFacts) -> Vec<Runner> {
    let is_of_server = |runner: &Runner| runner.kind == RunnerKind::Server;
    if handlers.is_incomplete || handlers.runners.iter().any(is_of_server) {
        return Vec::new();
    }
    let free = handlers.runners.iter().filter(|runner| runner.is_free());
    free.cloned().collect()
}

/// The reasons that hold the jobs of a type in a queue whether they are due or not.
pub(super) fn holds_of_all(queue: &QueueFacts, handlers: &HandlerFacts, cluster: &ClusterFacts) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if !cluster.storage_problems.is_empty() {
        reasons.push(Reason::StorageTrouble {
            problems: cluster.storage_problems.clone(),
        });
    }
    if cluster.live_servers == 0 {
        reasons.push(Reason::NoServer);
    } else if handlers.runners.is_empty() && !handlers.is_incomplete {
        reasons.push(Reason::UnhandledType {
            job_types: vec![handlers.job_type.clone()],
            queue: queue.name.clone(),
            nearest: handlers.nearest.clone(),
        });
    } else if !handlers.is_incomplete && handlers.runners.iter().all(|runner| runner.is_draining) {
        reasons.push(Reason::Draining {
            runners: handlers.runners.clone(),
        });
    }
    if let Some(pause) = &queue.pause {
        reasons.push(Reason::QueuePaused {
            queue: queue.name.clone(),
            since: pause.since,
            by: pause.by.clone(),
        });
    }
    reasons
}

/// The reasons that hold the due jobs of a type in a queue.
pub(super) fn holds_of_due(queue: &QueueFacts, handlers: &HandlerFacts) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if let Some(limit) = &handlers.limit
        && limit.running >= limit.limit
    {
        reasons.push(Reason::TypeLimit {
            job_type: handlers.job_type.clone(),
            server: limit.server.clone(),
            limit: limit.limit,
            running: limit.running,
        });
    }
    if !handlers.is_incomplete && !handlers.runners.iter().any(|runner| runner.is_free()) {
        reasons.push(Reason::WorkersBusy {
            queue: queue.name.clone(),
            runners: handlers.runners.clone(),
        });
    }
    if let Some(rate) = &queue.rate
        && let Some(next_start) = rate.next_start
    {
        reasons.push(Reason::QueueRate {
            queue: queue.name.clone(),
            limit: rate.limit,
            next_start,
        });
    }
    reasons
}

/// The reasons of a job that is due later.
fn not_due(facts: &Facts<'_>) -> Vec<Reason> {
    let (
        now,
        JobFacts {
            job,
            last_attempt,
            losses,
            ..
        },
    ) = (facts.now, facts.job);
    let mut reasons = Vec::new();
    let wait = TimeSpan::between(now, job.due_at);
    let stored_at = job.due_computed_from();
    let is_ahead = stored_at.is_some_and(|stored_at| stored_at > now);
    if let Some(stored_at) = stored_at.filter(|_| is_ahead) {
        reasons.push(Reason::ClockBehind {
            stored_at,
            // In whole seconds: more would pretend to be exact.
            ahead: TimeSpan::from_secs((stored_at - now).num_seconds()),
            due_at: job.due_at,
        });
        if job.due_at <= stored_at {
            return reasons;
        }
    }
    // The end of an attempt sets the due time of the next one. A later request may have set another.
    let is_of_attempt = |ended_at: Option<DateTime<Utc>>| match (ended_at, job.due_from) {
        (Some(ended_at), Some(from)) => from <= ended_at,
        (None, _) | (_, None) => false,
    };
    reasons.push(match last_attempt {
        Some((AttemptStatus::Failed, ended_at)) if is_of_attempt(*ended_at) => Reason::RetryWait {
            since: *ended_at,
            due_at: job.due_at,
            wait,
            attempt: job.attempt,
            retries: job.retry_count,
            max_retries: job.max_retries,
            error: job.error.clone(),
        },
        Some((AttemptStatus::Lost, ended_at)) if is_of_attempt(*ended_at) => Reason::LossWait {
            since: *ended_at,
            due_at: job.due_at,
            wait,
            attempt: job.attempt,
            losses: *losses,
        },
        Some(_) | None => Reason::Scheduled {
            since: job.due_from.unwrap_or(job.created_at),
            due_at: job.due_at,
            wait,
        },
    });
    reasons
}

/// The reason of a job that a node holds.
fn held(facts: &JobFacts, attempt: u32, is_claimed: bool) -> Reason {
    let JobFacts { job, holder, .. } = facts;
    match holder {
        Some(holder) if !holder.is_live => Reason::NodeLost {
            attempt,
            holder: holder.clone(),
        },
        Some(holder) if is_claimed => Reason::Claimed { holder: holder.clone() },
        Some(_) | None => Reason::Running {
            attempt,
            since: job.started_at.filter(|_| !is_claimed),
            until: job
                .started_at
                .filter(|_| !is_claimed && job.timeout > TimeSpan::ZERO)
                .and_then(|started_at| started_at.checked_add_signed(job.timeout.to_delta())),
            holder: holder.clone(),
            is_cancelling: job.cancel_requested,
        },
    }
}

/// The expected start of a job in line, at the rate of recent starts.
fn estimate(now: DateTime<Utc>, reasons: &[Reason], line: LineFacts) -> Option<Estimate> {
    let LineFacts {
        ahead,
        started: (started, since),
    } = line;
    let passed = TimeSpan::between(since, now).as_micros();
    if !keeps_in_line(reasons) || started == 0 || passed <= 0 || ahead > AHEAD_MAX {
        return None;
    }
    let per_job = passed / i64::try_from(started).ok()?;
    let wait = per_job.checked_mul(i64::try_from(ahead).ok()?.checked_add(1)?)?;
    let starts_at = now.checked_add_signed(TimeSpan::from_micros(wait).to_delta())?;
    // Not before the known end of another reason, such as that of a rate limit.
    let earliest = reasons.iter().filter_map(Reason::until).max();
    let starts_at = earliest.map_or(starts_at, |earliest| starts_at.max(earliest));
    // In whole seconds as well.
    let starts_at = DateTime::from_timestamp(starts_at.timestamp(), 0)?;
    Some(Estimate {
        starts_at,
        basis: format!(
            "{} of this queue since {}, and {} before it",
            count(started, "start", "starts"),
            text(since),
            if ahead == 1 {
                "1 job".to_owned()
            } else {
                format!("{} jobs", grouped(ahead))
            }
        ),
    })
}
