//! Sums for the pending jobs of a queue: how many of them each reason holds.

use super::facts::{ClusterFacts, HandlerFacts, QueueFacts};
use super::reason::Reason;
use super::rules::{holds_of_all, holds_of_due, lessees};
use super::sentence::{count, grouped};
use crate::values::name::{JobType, QueueName};
use crate::values::time_span::TimeSpan;

/// Maximum number of types in a reason of a queue.
const TYPES_NAMED_MAX: usize = 10;

/// The pending jobs of a queue.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueBacklog {
    /// The pending jobs of each type, with the facts about the type.
    pub types: Vec<PendingOfType>,
    /// Number of them that are due later; `None` if storage can't count them.
    pub later: Option<Counted>,
    /// Of those, the number with the types of each group of [`held_types`], in their order; `None` if it is unknown.
    pub later_by_group: Vec<Option<Counted>>,
}

/// The pending jobs of a type.
#[derive(Clone, Debug, PartialEq)]
pub struct PendingOfType {
    /// The type and its runners.
    pub handlers: HandlerFacts,
    /// Number of pending jobs.
    pub jobs: u64,
}

/// A number that was counted up to a maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// The number.
    pub jobs: u64,
    /// False if there are more.
    pub is_exact: bool,
}

/// The sums for a queue. Each pending job counts once, for the reason that holds it first.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueExplanation {
    /// The queue.
    pub queue: QueueName,
    /// All shares in one sentence.
    pub summary: String,
    /// Number of pending jobs.
    pub pending: u64,
    /// The reasons with their numbers of jobs, the largest first; empty without pending jobs.
    pub shares: Vec<QueueShare>,
}

/// The jobs of a queue that a reason holds.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueShare {
    /// The reason.
    pub cause: ShareCause,
    /// Number of jobs.
    pub jobs: u64,
    /// False if the number is an estimate, because not all jobs were counted.
    pub is_exact: bool,
}

/// The reason of a share.
#[derive(Clone, Debug, PartialEq)]
pub enum ShareCause {
    /// They are due later: a schedule, a delay, or the backoff of a retry.
    Later,
    /// They are due, and this reason holds them.
    Held(Reason),
}

impl ShareCause {
    /// A stable code for programs, the same as that of a job.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Later => "scheduled",
            Self::Held(reason) => reason.code(),
        }
    }

    /// A readable sentence without its period.
    pub fn message(&self) -> String {
        match self {
            Self::Later => "they are due later, by their schedule or the backoff of a retry".to_owned(),
            Self::Held(Reason::Next { lessees, .. }) if !lessees.is_empty() => {
                "they are due, and wait to be leased by a worker".to_owned()
            }
            Self::Held(Reason::Next { .. }) => "they are due, and start as workers become free".to_owned(),
            Self::Held(reason) => reason.message(),
        }
    }

    /// The advice to an operator, if there is any.
    pub const fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::Later => None,
            Self::Held(reason) => reason.remedy(),
        }
    }

    /// The short form in the summary, after a number of jobs.
    fn phrase(&self) -> &'static str {
        match self {
            Self::Later => "for the due time",
            Self::Held(reason) => match reason {
                Reason::StorageTrouble { .. } => "for storage",
                Reason::NoServer => "for a server",
                Reason::UnhandledType { .. } => "for a handler of the type",
                Reason::Draining { .. } => "for a server that does not drain",
                Reason::QueuePaused { .. } => "for the queue to be resumed",
                Reason::TypeLimit { .. } => "for the concurrency limit of the type",
                Reason::WorkersBusy { .. } => "for a worker",
                Reason::QueueRate { .. } => "for the rate limit",
                Reason::ClockBehind { .. }
                | Reason::Scheduled { .. }
                | Reason::RetryWait { .. }
                | Reason::LossWait { .. } => "for the due time",
                Reason::BehindInQueue { .. }
                | Reason::Claimed { .. }
                | Reason::Running { .. }
                | Reason::NodeLost { .. }
                | Reason::Ended { .. }
                | Reason::Next { .. } => "to be started",
            },
        }
    }
}

/// The types of a queue's pending jobs, grouped by the code of the reason that holds their due jobs.
pub fn held_types(queue: &QueueFacts, types: &[PendingOfType], cluster: &ClusterFacts) -> Vec<Vec<JobType>> {
    let groups = groups(queue, types, cluster);
    let names = groups.iter().map(|group| &group.types);
    names.cloned().collect()
}

/// The sums for a queue.
pub fn explain_queue(queue: &QueueFacts, backlog: &QueueBacklog, cluster: &ClusterFacts) -> QueueExplanation {
    let groups = groups(queue, &backlog.types, cluster);
    let pending = groups.iter().map(|group| group.jobs).sum();
    let is_single = groups.len() == 1;
    let mut later = Counted {
        jobs: 0,
        is_exact: true,
    };
    let mut shares = Vec::new();
    for (index, group) in groups.into_iter().enumerate() {
        let of_group = if is_single {
            backlog.later
        } else {
            backlog.later_by_group.get(index).copied().flatten()
        };
        // A group that nothing runs is held by that, whether its jobs are due or not.
        let counts_whole = matches!(group.reason, Reason::UnhandledType { .. } | Reason::NoServer);
        let part = match of_group {
            _ if counts_whole => Counted {
                jobs: 0,
                is_exact: true,
            },
            Some(part) => Counted {
                jobs: part.jobs.min(group.jobs),
                ..part
            },
            None => Counted {
                jobs: 0,
                is_exact: false,
            },
        };
        later.jobs += part.jobs;
        later.is_exact &= part.is_exact;
        if group.jobs > part.jobs {
            shares.push(QueueShare {
                jobs: group.jobs - part.jobs,
                is_exact: part.is_exact,
                cause: ShareCause::Held(group.reason),
            });
        }
    }
    if later.jobs > 0 {
        shares.push(QueueShare {
            cause: ShareCause::Later,
            jobs: later.jobs,
            is_exact: later.is_exact,
        });
    }
    shares.sort_by_key(|share| std::cmp::Reverse(share.jobs));
    QueueExplanation {
        queue: queue.name.clone(),
        summary: summary(pending, &shares),
        pending,
        shares,
    }
}

/// Pending jobs whose due ones have the same reason.
struct Group {
    reason: Reason,
    types: Vec<JobType>,
    jobs: u64,
}

fn groups(queue: &QueueFacts, types: &[PendingOfType], cluster: &ClusterFacts) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for PendingOfType { handlers, jobs } in types.iter().filter(|of_type| of_type.jobs > 0) {
        let reason = first_reason(queue, handlers, cluster);
        // A limit of a type is a reason of that type alone.
        let is_own = matches!(reason, Reason::TypeLimit { .. });
        let same = groups
            .iter_mut()
            .find(|group| !is_own && group.reason.code() == reason.code());
        match same {
            Some(group) => {
                add_type(&mut group.reason, &handlers.job_type);
                group.types.push(handlers.job_type.clone());
                group.jobs += jobs;
            }
            None => groups.push(Group {
                reason,
                types: vec![handlers.job_type.clone()],
                jobs: *jobs,
            }),
        }
    }
    groups
}

fn add_type(reason: &mut Reason, job_type: &JobType) {
    if let Reason::UnhandledType { job_types, nearest, .. } = reason {
        // A suggestion for one of several types would be ambiguous.
        *nearest = None;
        if job_types.len() < TYPES_NAMED_MAX {
            job_types.push(job_type.clone());
        }
    }
}

/// The reason that holds the due jobs of a type first.
fn first_reason(queue: &QueueFacts, handlers: &HandlerFacts, cluster: &ClusterFacts) -> Reason {
    let holds = holds_of_all(queue, handlers, cluster).into_iter();
    let first = holds.chain(holds_of_due(queue, handlers)).next();
    first.unwrap_or(Reason::Next {
        due_at: chrono::DateTime::UNIX_EPOCH,
        waited: TimeSpan::ZERO,
        lessees: lessees(handlers),
    })
}

fn summary(pending: u64, shares: &[QueueShare]) -> String {
    match shares {
        [] => "no job is pending".to_owned(),
        [share] => format!("{} {}", waiting(pending), share.cause.phrase()),
        shares => {
            let parts: Vec<String> = shares
                .iter()
                .map(|share| format!("{} {}", grouped(share.jobs), share.cause.phrase()))
                .collect();
            format!("{}: {}", waiting(pending), parts.join(", "))
        }
    }
}

fn waiting(pending: u64) -> String {
    format!(
        "{} {}",
        count(pending, "job", "jobs"),
        if pending == 1 { "waits" } else { "wait" }
    )
}
