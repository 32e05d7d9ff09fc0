//! The sentences of reasons, and what to do about them.

use chrono::{DateTime, Utc};

use super::facts::{AHEAD_MAX, Holder, Runner, RunnerKind};
use super::reason::Reason;
use crate::job::status::JobStatus;
use crate::metrics::health::HealthReason;
use crate::values::name::JobType;
use crate::values::time_span::TimeSpan;
use crate::values::timestamp;

/// Time after which a due job that nothing holds is a fault of the server.
pub(super) const STUCK_AFTER: TimeSpan = TimeSpan::from_secs(5);

impl Reason {
    /// A readable sentence without its period. "It" is the job.
    pub fn message(&self) -> String {
        match self {
            Self::StorageTrouble { problems } => {
                let problems: Vec<String> = problems.iter().map(HealthReason::message).collect();
                format!("storage has problems: {}", problems.join("; "))
            }
            Self::NoServer => "no server has a valid lease, so that none starts jobs".to_owned(),
            Self::UnhandledType {
                job_types,
                queue,
                nearest,
            } => {
                let hint = nearest
                    .as_ref()
                    .map(|nearest| format!("; the most similar known type is '{nearest}'"));
                format!(
                    "no server has a handler for type {}, and no registered worker runs it in queue '{queue}'{}",
                    types(job_types),
                    hint.unwrap_or_default()
                )
            }
            Self::Draining { runners } => {
                let names: Vec<&str> = runners.iter().map(|runner| &*runner.name).collect();
                format!("all servers that run its type drain or stop: {}", names.join(", "))
            }
            Self::QueuePaused { queue, since, by } => {
                let by = by.as_ref().map(|by| format!(", by {by}")).unwrap_or_default();
                let since = since.map(|since| format!(" since {}", text(since))).unwrap_or_default();
                format!("queue '{queue}' is paused{by}{since}")
            }
            Self::TypeLimit {
                job_type,
                server,
                limit,
                running,
            } => format!("{running} of {limit} jobs of type '{job_type}' run on server '{server}'"),
            Self::WorkersBusy { queue, runners } => busy(queue.as_str(), runners),
            Self::ClockBehind { stored_at, ahead, .. } => format!(
                "it was stored at {} by a clock that is {ahead} ahead of this server's",
                text(*stored_at)
            ),
            Self::Scheduled { due_at, wait, .. } => format!("it is due at {}, in {}", text(*due_at), rounded(*wait)),
            Self::RetryWait {
                due_at, wait, attempt, ..
            } => format!(
                "attempt {attempt} failed; attempt {} starts at {}, in {}",
                attempt + 1,
                text(*due_at),
                rounded(*wait)
            ),
            Self::LossWait {
                due_at,
                wait,
                attempt,
                losses,
                ..
            } => format!(
                "the node of attempt {attempt} was lost, {} in a row; attempt {} starts at {}, in {}",
                count(u64::from(*losses), "loss", "losses"),
                attempt + 1,
                text(*due_at),
                rounded(*wait)
            ),
            Self::QueueRate {
                queue,
                limit,
                next_start,
            } => format!(
                "the rate limit of queue '{queue}', {limit} on each server, is used up; the next job starts at {}",
                text(*next_start)
            ),
            Self::BehindInQueue { queue, ahead } => match ahead {
                1 => format!("1 due job of queue '{queue}' starts before it"),
                ahead if *ahead > AHEAD_MAX => {
                    format!(
                        "{} or more due jobs of queue '{queue}' start before it",
                        grouped(AHEAD_MAX)
                    )
                }
                ahead => format!("{} due jobs of queue '{queue}' start before it", grouped(*ahead)),
            },
            Self::Claimed { holder } => format!(
                "{} has claimed it, and starts it as soon as a worker is free",
                named(holder)
            ),
            Self::Running {
                attempt,
                since,
                holder,
                is_cancelling,
                ..
            } => {
                let place = holder.as_ref().map(|holder| format!(" on {}", named(holder)));
                let since = since.map(|since| format!(" since {}", text(since)));
                let cancelling = if *is_cancelling {
                    "; its cancellation was requested"
                } else {
                    ""
                };
                format!(
                    "attempt {attempt} runs{}{}{cancelling}",
                    place.unwrap_or_default(),
                    since.unwrap_or_default()
                )
            }
            Self::NodeLost { attempt, holder } => {
                let since = holder.lease_until.map(|until| format!(" ended at {}", text(until)));
                format!(
                    "attempt {attempt} ran on {}, whose lease{}; another node recovers it",
                    named(holder),
                    since.unwrap_or_else(|| " has ended".to_owned())
                )
            }
            Self::Ended {
                status,
                at,
                attempts,
                error,
            } => ended(*status, *at, *attempts, error.as_deref()),
            Self::Next { lessees, .. } if !lessees.is_empty() => {
                let names: Vec<String> = lessees.iter().map(|worker| format!("'{}'", worker.name)).collect();
                format!(
                    "nothing holds it; it waits to be leased by a worker: {}",
                    names.join(", ")
                )
            }
            Self::Next { waited, .. } if *waited > STUCK_AFTER => format!(
                "nothing holds it, although it has been due for {}: this is a fault of the server",
                rounded(*waited)
            ),
            Self::Next { .. } => "nothing holds it; it is about to start".to_owned(),
        }
    }

    /// The advice to an operator, if there is any.
    pub const fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::StorageTrouble { .. } => Some("repair the storage; the health of the server has the details"),
            Self::NoServer => Some("check the connection of the servers to the database"),
            Self::UnhandledType { .. } => {
                Some("configure a handler, start a worker for the type and queue, or correct the spelling of the type")
            }
            Self::Draining { .. } => Some("resume a server, or start another one"),
            Self::QueuePaused { .. } => Some("resume the queue"),
            Self::TypeLimit { .. } => Some("wait, or raise concurrency of the job type"),
            Self::WorkersBusy { .. } => Some("wait, raise concurrency of the queue, or start another server or worker"),
            Self::ClockBehind { .. } => Some("synchronize the clocks of the servers"),
            Self::Scheduled { .. } => Some("wait, or execute the job to start it now"),
            Self::RetryWait { .. } => Some("read the error of the last attempt; execute the job to start it now"),
            Self::LossWait { .. } => Some(
                "find out why the process that ran it died, such as a lack of memory; execute the job to start it now",
            ),
            Self::QueueRate { .. } => Some("wait, or raise rate_limit of the queue"),
            Self::BehindInQueue { .. } => Some("wait, or raise the priority of the job"),
            Self::Running { is_cancelling, .. } => {
                if *is_cancelling {
                    Some("wait: the attempt is abandoned after the grace period")
                } else {
                    Some("wait, or cancel the job")
                }
            }
            Self::NodeLost { .. } => Some("wait: the job runs again"),
            Self::Ended { status, .. } => match status {
                JobStatus::Failed => Some("correct the cause, and retry the job"),
                JobStatus::Cancelled => Some("retry the job to run it"),
                JobStatus::Pending | JobStatus::Running | JobStatus::Completed => None,
            },
            Self::Next { waited, lessees, .. } => {
                let is_late = waited.as_micros() > STUCK_AFTER.as_micros();
                match (is_late, lessees.is_empty()) {
                    (false, _) => None,
                    (true, true) => Some("report it, with the log of the server"),
                    (true, false) => Some("check that the worker leases jobs of its queue"),
                }
            }
            Self::Claimed { .. } => None,
        }
    }
}

pub(super) fn text(time: DateTime<Utc>) -> String {
    timestamp::to_text(time)
}

/// A duration in whole seconds, unless it is shorter.
fn rounded(span: TimeSpan) -> TimeSpan {
    match span.as_micros() / 1_000_000 {
        0 => span,
        seconds => TimeSpan::from_secs(seconds),
    }
}

/// A number with commas between its thousands.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of things: `1 loss`, `2 losses`.
pub(super) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

fn types(job_types: &[JobType]) -> String {
    let names: Vec<String> = job_types.iter().map(|job_type| format!("'{job_type}'")).collect();
    names.join(", ")
}

fn named(holder: &Holder) -> String {
    format!("{} '{}'", holder.kind.as_str(), holder.label())
}

fn busy(queue: &str, runners: &[Runner]) -> String {
    let active: Vec<&Runner> = runners.iter().filter(|runner| !runner.is_draining).collect();
    let workers: u64 = active.iter().map(|runner| u64::from(runner.workers)).sum();
    let is_single_server = matches!(active.as_slice(), [runner] if runner.kind == RunnerKind::Server);
    let places = if is_single_server {
        String::new()
    } else {
        let names: Vec<String> = active
            .iter()
            .map(|runner| format!("{} '{}'", runner.kind.as_str(), runner.name))
            .collect();
        format!(", on {}", names.join(", "))
    };
    match workers {
        1 => format!("the only worker of queue '{queue}' is busy{places}"),
        workers => format!("all {} workers of queue '{queue}' are busy{places}", grouped(workers)),
    }
}

fn ended(status: JobStatus, at: Option<DateTime<Utc>>, attempts: u32, error: Option<&str>) -> String {
    let at = at.map(|at| format!(" at {}", text(at))).unwrap_or_default();
    let attempts = count(u64::from(attempts), "attempt", "attempts");
    match status {
        JobStatus::Completed => format!("it completed{at}"),
        JobStatus::Failed => {
            let error = error.map(|error| format!(": {error}")).unwrap_or_default();
            format!("it failed{at}, after {attempts}{error}")
        }
        JobStatus::Cancelled => format!("it was cancelled{at}"),
        JobStatus::Pending | JobStatus::Running => "it has not ended".to_owned(),
    }
}
