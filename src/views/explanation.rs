//! Views of explanations.

use serde::Serialize;
use utoipa::ToSchema;

use super::values::{Id, Span, Time};
use super::words::{JobStatusWord, RunnerKindWord, Word};
use crate::domain::explanation::{
    Estimate, Evidence, Explanation, Holder, QueueExplanation, QueueShare, Reason, Runner, RunnerKind, ShareCause,
};
use crate::domain::job::status::JobStatus;

/// The reasons why a job does not run now, or its state.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Explanation)]
pub(crate) struct ExplanationView {
    /// Status of the job.
    #[schema(value_type = JobStatusWord)]
    pub(crate) state: Word<JobStatus>,
    /// All reasons in one sentence.
    #[schema(example = "queue 'mail' is paused, by ann since 2026-11-29T16:00:00Z")]
    pub(crate) summary: String,
    /// All reasons that hold, the one that ends last first; at least one.
    pub(crate) reasons: Vec<ReasonView>,
    /// Expected start of a job that waits in line, if enough is known.
    pub(crate) estimate: Option<EstimateView>,
}

/// Expected start of a job.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = StartEstimate)]
pub(crate) struct EstimateView {
    /// The time.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) starts_at: Time,
    /// The figures that it follows from.
    #[schema(example = "30 starts of this queue since 2026-11-29T16:45:00Z, and 14 jobs before it")]
    pub(crate) basis: String,
}

/// A reason why a job does not run now.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WaitReason)]
pub(crate) struct ReasonView {
    /// Code for programs.
    #[schema(example = "queue-paused")]
    pub(crate) code: &'static str,
    /// Description for users; "it" is the job.
    #[schema(example = "queue 'mail' is paused, by ann since 2026-11-29T16:00:00Z")]
    pub(crate) message: String,
    /// Time since which it holds, if known.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) since: Option<Time>,
    /// Time at which it ends by itself, if known.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) until: Option<Time>,
    /// The facts that it follows from.
    pub(crate) evidence: EvidenceView,
    /// Advice, if there is any.
    #[schema(example = "resume the queue")]
    pub(crate) remedy: Option<&'static str>,
}

/// The facts that a reason follows from. Each reason has some of the members; the others are omitted.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WaitEvidence)]
pub(crate) struct EvidenceView {
    /// Due time of the job.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) run_at: Option<Time>,
    /// Number of the attempt: the last one, or the running one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) attempt: Option<u32>,
    /// Number of retries so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry_count: Option<u32>,
    /// Maximum number of retries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_retries: Option<u32>,
    /// Number of lost attempts in a row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) losses: Option<u32>,
    /// Error message of the last attempt, in one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    /// The caller that paused the queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "ann")]
    pub(crate) by: Option<String>,
    /// Job types: those without a handler, or the one that has reached its limit.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub(crate) types: Vec<String>,
    /// The known job type with the most similar name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) nearest_type: Option<String>,
    /// Rate limit of the queue on each server.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "10/m")]
    pub(crate) rate: Option<String>,
    /// Concurrency limit of the type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) concurrency: Option<u32>,
    /// Number of running jobs of the type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) running: Option<u32>,
    /// Name of the server with the limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) server: Option<String>,
    /// Number of due jobs that start before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ahead: Option<u64>,
    /// False if there are more jobs before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) is_exact: Option<bool>,
    /// Servers and remote workers that run the type.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub(crate) runners: Vec<RunnerView>,
    /// The server or remote worker that holds the job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) node: Option<HolderView>,
    /// True if cancellation was requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cancel_requested: Option<bool>,
    /// Time by which another clock is ahead.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "02:00:00")]
    pub(crate) clock_ahead: Option<Span>,
    /// Codes of the problems of storage, as health reports them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>, required = false)]
    pub(crate) problems: Vec<&'static str>,
    /// Final status of the job.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<JobStatusWord>)]
    pub(crate) status: Option<Word<JobStatus>>,
}

/// A server or remote worker that runs jobs of a type in a queue.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Runner)]
pub(crate) struct RunnerView {
    /// Id of the node or worker.
    #[schema(value_type = String, format = Uuid)]
    pub(crate) id: Id,
    /// Its name.
    #[schema(example = "web-1")]
    pub(crate) name: String,
    /// `server` or `worker`.
    #[schema(value_type = RunnerKindWord)]
    pub(crate) kind: Word<RunnerKind>,
    /// Number of jobs that it runs concurrently: of the queue, or of all queues of a remote worker.
    #[schema(example = 10)]
    pub(crate) workers: u32,
    /// Number of those workers that are occupied.
    #[schema(example = 10)]
    pub(crate) busy: u32,
    /// True if it starts no jobs: it drains or shuts down.
    #[schema(example = false)]
    pub(crate) is_draining: bool,
}

/// The server or remote worker that holds a job.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = JobHolder)]
pub(crate) struct HolderView {
    /// Id of the node or worker.
    #[schema(value_type = String, format = Uuid)]
    pub(crate) id: Id,
    /// Its name, if it is still known.
    #[schema(example = "web-1")]
    pub(crate) name: Option<String>,
    /// `server` or `worker`.
    #[schema(value_type = RunnerKindWord)]
    pub(crate) kind: Word<RunnerKind>,
    /// Time of its last heartbeat, by the database's clock.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) last_heartbeat_at: Option<Time>,
    /// Expiry of its lease, by the database's clock.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) lease_until: Option<Time>,
}

/// The reasons that hold the pending jobs of a queue, with their numbers of jobs.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = QueueExplanation)]
pub(crate) struct QueueExplanationView {
    /// Name of the queue.
    #[schema(example = "mail")]
    pub(crate) queue: String,
    /// All reasons in one sentence.
    #[schema(example = "1,204 jobs wait: 1,100 for a worker, 90 for the due time, 14 for a handler of the type")]
    pub(crate) summary: String,
    /// Number of pending jobs.
    #[schema(example = 1204)]
    pub(crate) pending_jobs: u64,
    /// The reasons, that of most jobs first. Each job counts once, for the reason that holds it first.
    pub(crate) reasons: Vec<QueueReasonView>,
}

/// A reason that holds jobs of a queue.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = QueueWaitReason)]
pub(crate) struct QueueReasonView {
    /// Code for programs.
    #[schema(example = "workers-busy")]
    pub(crate) code: &'static str,
    /// Number of jobs.
    #[schema(example = 1100)]
    pub(crate) jobs: u64,
    /// False if not all jobs were counted.
    #[schema(example = true)]
    pub(crate) is_exact: bool,
    /// Description for users.
    #[schema(example = "all 10 workers of queue 'mail' are busy")]
    pub(crate) message: String,
    /// Time since which it holds, if known.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) since: Option<Time>,
    /// Time at which it ends by itself, if known.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) until: Option<Time>,
    /// The facts that it follows from.
    pub(crate) evidence: EvidenceView,
    /// Advice, if there is any.
    pub(crate) remedy: Option<&'static str>,
}

impl From<&Explanation> for ExplanationView {
    fn from(explanation: &Explanation) -> Self {
        let Explanation {
            state,
            summary,
            reasons,
            estimate,
        } = explanation;
        Self {
            state: Word(*state),
            summary: summary.clone(),
            reasons: reasons.iter().map(ReasonView::from).collect(),
            estimate: estimate.as_ref().map(|Estimate { starts_at, basis }| EstimateView {
                starts_at: Time(*starts_at),
                basis: basis.clone(),
            }),
        }
    }
}

impl From<&Reason> for ReasonView {
    fn from(reason: &Reason) -> Self {
        Self {
            code: reason.code(),
            message: reason.message(),
            since: reason.since().map(Time),
            until: reason.until().map(Time),
            evidence: reason.evidence().into(),
            remedy: reason.remedy(),
        }
    }
}

impl From<Evidence<'_>> for EvidenceView {
    fn from(evidence: Evidence<'_>) -> Self {
        let Evidence {
            due_at,
            attempt,
            retries,
            max_retries,
            losses,
            error,
            by,
            job_types,
            nearest_type,
            rate,
            limit,
            running,
            server,
            ahead,
            is_exact,
            runners,
            holder,
            is_cancelling,
            clock_ahead,
            problems,
            status,
        } = evidence;
        Self {
            run_at: due_at.map(Time),
            attempt,
            retry_count: retries,
            max_retries,
            losses,
            error: error.map(str::to_owned),
            by: by.map(str::to_owned),
            types: job_types.iter().map(ToString::to_string).collect(),
            nearest_type: nearest_type.map(str::to_owned),
            rate,
            concurrency: limit,
            running,
            server: server.map(str::to_owned),
            ahead,
            is_exact,
            runners: runners.iter().map(RunnerView::from).collect(),
            node: holder.map(HolderView::from),
            cancel_requested: is_cancelling,
            clock_ahead: clock_ahead.map(Span),
            problems,
            status: status.map(Word),
        }
    }
}

impl From<&Runner> for RunnerView {
    fn from(runner: &Runner) -> Self {
        let Runner {
            id,
            name,
            kind,
            workers,
            busy,
            is_draining,
        } = runner;
        Self {
            id: Id::from(*id),
            name: name.to_string(),
            kind: Word(*kind),
            workers: *workers,
            busy: *busy,
            is_draining: *is_draining,
        }
    }
}

impl From<&Holder> for HolderView {
    fn from(holder: &Holder) -> Self {
        let Holder {
            id,
            name,
            kind,
            heartbeat_at,
            lease_until,
            is_live: _,
        } = holder;
        Self {
            id: Id::from(*id),
            name: name.as_deref().map(str::to_owned),
            kind: Word(*kind),
            last_heartbeat_at: heartbeat_at.map(Time),
            lease_until: lease_until.map(Time),
        }
    }
}

impl From<&QueueExplanation> for QueueExplanationView {
    fn from(explanation: &QueueExplanation) -> Self {
        let QueueExplanation {
            queue,
            summary,
            pending,
            shares,
        } = explanation;
        Self {
            queue: queue.to_string(),
            summary: summary.clone(),
            pending_jobs: *pending,
            reasons: shares.iter().map(QueueReasonView::from).collect(),
        }
    }
}

impl From<&QueueShare> for QueueReasonView {
    fn from(share: &QueueShare) -> Self {
        let QueueShare { cause, jobs, is_exact } = share;
        let reason = match cause {
            // Of a job that is about to start only the code and the sentence matter.
            ShareCause::Later | ShareCause::Held(Reason::Next { .. }) => None,
            ShareCause::Held(reason) => Some(reason),
        };
        Self {
            code: cause.code(),
            jobs: *jobs,
            is_exact: *is_exact,
            message: cause.message(),
            since: reason.and_then(Reason::since).map(Time),
            until: reason.and_then(Reason::until).map(Time),
            evidence: reason.map(|reason| reason.evidence().into()).unwrap_or_default(),
            remedy: cause.remedy(),
        }
    }
}
