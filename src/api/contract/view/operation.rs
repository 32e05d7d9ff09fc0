//! Views of bulk operations and their previews.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::access::caller::CallerKind;
use crate::domain::events::event::OperationEventKind;
use crate::domain::job::priority::Priority;
use crate::domain::operation::Operation;
use crate::domain::operation::action::{Action, OperationKind, UndoKind};
use crate::domain::operation::progress::SkipReason;
use crate::domain::operation::status::OperationStatus;
use crate::service::jobs::operations::{OperationToken, Preview};
use crate::storage::query::FacetCount;
use crate::views::job::JobItem;
use crate::views::values::{Id, Time};
use crate::views::words::Word;

/// A bulk operation: one change of all jobs that a filter selects, made in steps.
#[derive(Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Operation)]
pub(crate) struct OperationView<'a> {
    /// Id of the operation.
    #[schema(value_type = uuid::Uuid)]
    pub(crate) id: Id,
    /// `cancel`, `retry`, `execute`, `delete`, `move`, `priority`, or `undo` of another operation.
    #[schema(value_type = String, example = "retry")]
    pub(crate) kind: Word<OperationKind>,
    /// Filter of the jobs; empty for all jobs.
    #[schema(example = "status:failed type:ReportJob")]
    pub(crate) filter: &'a str,
    /// New queue of the jobs.
    #[schema(example = "slow")]
    pub(crate) queue: Option<&'a str>,
    /// New priority of the jobs.
    #[schema(value_type = Option<String>, example = "low")]
    pub(crate) priority: Option<Word<Priority>>,
    /// `true` if a retry grants all retries again.
    pub(crate) reset_retry_count: bool,
    /// Note of the caller.
    pub(crate) note: Option<&'a str>,
    /// `pending` (in its grace period, or behind another operation), `running`, `paused`, `completed`, `failed` or
    /// `cancelled`.
    #[schema(value_type = String, example = "running")]
    pub(crate) status: Word<OperationStatus>,
    /// Number of jobs that the preview has found.
    #[schema(example = 48211)]
    pub(crate) total: u64,
    /// `false` if there may be more.
    pub(crate) is_exact: bool,
    /// Number of changed jobs.
    #[schema(example = 12500)]
    pub(crate) done: u64,
    /// Number of skipped jobs.
    #[schema(example = 3)]
    pub(crate) skipped: u64,
    /// Skipped jobs by reason.
    pub(crate) skipped_by: Vec<SkippedView>,
    /// `inverse` if another operation can restore the jobs, otherwise `grace`: it can be cancelled in its grace period.
    #[schema(value_type = String, example = "grace")]
    pub(crate) undo: Word<UndoKind>,
    /// End of the time in which it can be undone.
    #[schema(value_type = Option<String>, format = DateTime, example = "2024-01-15T11:30:00Z")]
    pub(crate) undo_until: Option<Time>,
    /// The operation that it undoes.
    #[schema(value_type = Option<uuid::Uuid>)]
    pub(crate) undoes: Option<Id>,
    /// The operation that has undone it.
    #[schema(value_type = Option<uuid::Uuid>)]
    pub(crate) undone_by: Option<Id>,
    /// Name of the caller.
    #[schema(example = "ops")]
    pub(crate) requested_by: &'a str,
    /// Method of authentication of the caller.
    #[schema(value_type = String, example = "key")]
    pub(crate) requester_kind: Word<CallerKind>,
    /// Time of the preview. Jobs created later are not changed.
    #[schema(value_type = String, format = DateTime, example = "2024-01-15T10:30:00Z")]
    pub(crate) created_at: Time,
    /// End of the grace period.
    #[schema(value_type = String, format = DateTime, example = "2024-01-15T10:30:10Z")]
    pub(crate) starts_at: Time,
    /// Time of the first step.
    #[schema(value_type = Option<String>, format = DateTime, example = "2024-01-15T10:30:10Z")]
    pub(crate) started_at: Option<Time>,
    /// Time when it completed, failed or was cancelled.
    #[schema(value_type = Option<String>, format = DateTime, example = "2024-01-15T10:31:00Z")]
    pub(crate) finished_at: Option<Time>,
    /// Why it failed.
    pub(crate) error: Option<&'a str>,
}

/// Number of jobs that are skipped for a reason.
#[derive(Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SkippedJobs)]
pub(crate) struct SkippedView {
    /// `status`, `unchanged`, `unique-key`, `changed`, `gone` or `refused`.
    #[schema(value_type = String, example = "status")]
    pub(crate) reason: Word<SkipReason>,
    /// The reason in a sentence.
    #[schema(example = "the status of the job does not allow the change")]
    pub(crate) message: &'static str,
    /// Number of jobs.
    #[schema(example = 3)]
    pub(crate) count: u64,
}

impl SkippedView {
    /// The number of jobs that are skipped for a reason.
    pub(crate) const fn new(reason: SkipReason, count: u64) -> Self {
        Self {
            reason: Word(reason),
            message: reason.message(),
            count,
        }
    }
}

impl<'a> From<&'a Operation> for OperationView<'a> {
    fn from(operation: &'a Operation) -> Self {
        let (mut queue, mut priority, mut reset_retry_count, mut undoes) = (None, None, false, None);
        match &operation.action {
            Action::Cancel | Action::Delete => {}
            Action::Retry {
                reset_retry_count: reset,
            } => reset_retry_count = *reset,
            Action::Execute { priority: new } => priority = *new,
            Action::Move { queue: new } => queue = Some(new.as_str()),
            Action::SetPriority { priority: new } => priority = Some(*new),
            Action::Undo { of } => undoes = Some(Id::from(*of)),
        }
        let reasons = operation.progress.reasons();
        Self {
            id: Id::from(operation.id),
            kind: Word(operation.action.kind()),
            filter: &operation.filter,
            queue,
            priority: priority.map(Word),
            reset_retry_count,
            note: operation.note.as_deref(),
            status: Word(operation.status),
            total: operation.total.count,
            is_exact: operation.total.is_exact,
            done: operation.progress.done,
            skipped: operation.progress.skipped(),
            skipped_by: reasons.map(|(reason, count)| SkippedView::new(reason, count)).collect(),
            undo: Word(operation.action.undo()),
            undo_until: operation.undo_until().map(Time),
            undoes,
            undone_by: operation.undone_by.map(Id::from),
            requested_by: &operation.requester.name,
            requester_kind: Word(operation.requester.kind),
            created_at: Time(operation.created_at),
            starts_at: Time(operation.starts_at),
            started_at: operation.started_at.map(Time),
            finished_at: operation.finished_at.map(Time),
            error: operation.error.as_deref(),
        }
    }
}

/// The jobs that an operation would change, and the token that starts it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OperationPreview)]
pub(crate) struct OperationPreviewView<'a> {
    /// Token that starts the operation.
    #[schema(example = "op_01963b5e7d3a7c1e9f430d2f6b1a9c55")]
    pub(crate) token: String,
    /// End of the token's lifetime.
    #[schema(value_type = String, format = DateTime, example = "2024-01-15T10:45:00Z")]
    pub(crate) expires_at: Time,
    /// Kind of the operation.
    #[schema(value_type = String, example = "retry")]
    pub(crate) kind: Word<OperationKind>,
    /// The filter in its canonical form.
    #[schema(example = "status:failed type:ReportJob")]
    pub(crate) filter: &'a str,
    /// Number of matching jobs whose status allows the change.
    #[schema(example = 48211)]
    pub(crate) total: u64,
    /// `false` if there may be more: counting takes too long.
    pub(crate) is_exact: bool,
    /// Numbers of the counted jobs by status.
    #[schema(value_type = std::collections::BTreeMap<String, u64>)]
    pub(crate) by_status: BTreeMap<&'a str, u64>,
    /// Numbers of the counted jobs by type.
    #[schema(value_type = std::collections::BTreeMap<String, u64>)]
    pub(crate) by_type: BTreeMap<&'a str, u64>,
    /// Numbers of the counted jobs by queue.
    #[schema(value_type = std::collections::BTreeMap<String, u64>)]
    pub(crate) by_queue: BTreeMap<&'a str, u64>,
    /// Number of the jobs that are counted by status, type and queue.
    #[schema(example = 48211)]
    pub(crate) counted: u64,
    /// `true` if all jobs are counted by status, type and queue; `false` if only the newest ones are, because counting all
    /// takes too long.
    pub(crate) is_split_exact: bool,
    /// The five newest and the five oldest jobs.
    pub(crate) sample: Vec<JobItem<'a>>,
    /// Matching jobs that it would skip.
    pub(crate) skipped: Vec<PreviewSkippedView>,
    /// Warnings for the caller.
    pub(crate) warnings: &'a [String],
    /// `inverse` if another operation can restore the jobs, otherwise `grace`: it can be cancelled in its grace period.
    #[schema(value_type = String, example = "grace")]
    pub(crate) undo: Word<UndoKind>,
}

/// Number of jobs that an operation would skip for a reason.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PreviewSkippedJobs)]
pub(crate) struct PreviewSkippedView {
    /// `status` or `unchanged`.
    #[schema(value_type = String, example = "status")]
    pub(crate) reason: Word<SkipReason>,
    /// The reason in a sentence.
    #[schema(example = "the status of the job does not allow the change")]
    pub(crate) message: &'static str,
    /// Number of jobs.
    #[schema(example = 3)]
    pub(crate) count: u64,
    /// `false` if there may be more.
    pub(crate) is_exact: bool,
}

impl<'a> From<&'a Preview> for OperationPreviewView<'a> {
    fn from(preview: &'a Preview) -> Self {
        let Preview {
            operation,
            split,
            sample,
            skipped,
            warnings,
        } = preview;
        Self {
            token: OperationToken(operation.id).to_string(),
            expires_at: Time(operation.expires_at()),
            kind: Word(operation.action.kind()),
            filter: &operation.filter,
            total: operation.total.count,
            is_exact: operation.total.is_exact,
            by_status: by_value(&split.by_status),
            by_type: by_value(&split.by_type),
            by_queue: by_value(&split.by_queue),
            counted: split.jobs,
            is_split_exact: split.is_exact,
            sample: sample.iter().map(JobItem::from).collect(),
            skipped: skipped
                .iter()
                .map(|(reason, total)| PreviewSkippedView {
                    reason: Word(*reason),
                    message: reason.message(),
                    count: total.count,
                    is_exact: total.is_exact,
                })
                .collect(),
            warnings,
            undo: Word(operation.action.undo()),
        }
    }
}

fn by_value(counts: &[FacetCount]) -> BTreeMap<&str, u64> {
    let counts = counts.iter();
    counts
        .map(|FacetCount { value, count }| (value.as_str(), *count))
        .collect()
}

/// An event of a bulk operation: the operation right after it.
#[derive(Serialize)]
pub(crate) struct OperationEventView<'a> {
    pub(crate) event: Word<OperationEventKind>,
    #[serde(flatten)]
    pub(crate) operation: OperationView<'a>,
}
