//! Bulk operations and their previews.

use std::sync::Arc;

use async_graphql::{Enum, InputObject, Object, SimpleObject};

use super::connection::{Part, connection};
use super::enums::{ActorKind, Priority};
use super::int::int;
use super::job::Job;
use crate::api::contract::field_error::FieldError;
use crate::api::contract::field_values::{FromText, Object as JsonObject, Parsed, PriorityValue};
use crate::api::contract::request::operation::{OperationPreviewRequest, OperationSpec};
use crate::api::contract::view::operation::{OperationView, SkippedView};
use crate::api::graphql::scalars::{DateTime, Uuid};
use crate::domain::operation::Operation as DomainOperation;
use crate::domain::operation::action::{OperationKind as DomainOperationKind, UndoKind};
use crate::domain::operation::progress::SkipReason;
use crate::domain::operation::status::OperationStatus as DomainOperationStatus;
use crate::domain::values::name::QueueName;
use crate::service::jobs::operations::{OperationList, OperationToken, Preview, PreviewRequest};
use crate::storage::query::FacetCount;
use crate::views::values::Time;

/// Kind of a bulk operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "DomainOperationKind")]
pub(in super::super) enum OperationKind {
    /// Cancels pending jobs, and requests cancellation of running ones.
    Cancel,
    /// Makes failed and cancelled jobs pending.
    Retry,
    /// Makes pending jobs due, and requeues finished ones.
    Execute,
    /// Deletes finished jobs with their history.
    Delete,
    /// Moves pending jobs to a queue.
    Move,
    /// Sets the priority of pending jobs.
    Priority,
    /// Restores what another operation has changed. It is started by its id alone.
    Undo,
}

/// Status of a bulk operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "DomainOperationStatus")]
pub(in super::super) enum OperationStatus {
    /// It is not started.
    Preview,
    /// It waits for the end of its grace period or of an earlier operation.
    Pending,
    /// It changes jobs.
    Running,
    /// It is stopped until it is resumed.
    Paused,
    /// It has visited all jobs.
    Completed,
    /// An error has ended it.
    Failed,
    /// A caller has ended it.
    Cancelled,
}

/// How a bulk operation can be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "UndoKind")]
pub(in super::super) enum OperationUndo {
    /// By another operation, which restores jobs that have not changed since.
    Inverse,
    /// Not at all; it can be cancelled in its grace period.
    Grace,
}

/// Why a bulk operation leaves a job as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "SkipReason")]
pub(in super::super) enum OperationSkipReason {
    /// Its status does not allow the change.
    Status,
    /// It is as requested already.
    Unchanged,
    /// Another unfinished job has its unique key.
    UniqueKey,
    /// It was changed meanwhile.
    Changed,
    /// It was deleted.
    Gone,
    /// Storage has refused the change.
    Refused,
}

/// Number of jobs that are skipped for a reason.
#[derive(SimpleObject)]
pub(in super::super) struct SkippedJobs {
    /// The reason.
    reason: OperationSkipReason,
    /// The reason in a sentence.
    message: &'static str,
    /// Number of jobs.
    count: i32,
    /// False if there may be more.
    is_exact: bool,
}

impl SkippedJobs {
    fn new(SkippedView { reason, message, count }: &SkippedView, is_exact: bool) -> Self {
        Self {
            reason: reason.0.into(),
            message,
            count: int(*count),
            is_exact,
        }
    }
}

/// Number of jobs with a value.
#[derive(SimpleObject)]
pub(in super::super) struct JobCount {
    /// The value: a status, a type or a queue.
    name: String,
    /// Number of jobs.
    count: i32,
}

impl From<&FacetCount> for JobCount {
    fn from(FacetCount { value, count }: &FacetCount) -> Self {
        Self {
            name: value.clone(),
            count: int(*count),
        }
    }
}

/// A bulk operation.
pub(in super::super) struct Operation(Arc<DomainOperation>);

impl From<Arc<DomainOperation>> for Operation {
    fn from(operation: Arc<DomainOperation>) -> Self {
        Self(operation)
    }
}

impl Operation {
    fn view(&self) -> OperationView<'_> {
        OperationView::from(&*self.0)
    }

    /// Its cursor in a list.
    fn cursor(&self) -> String {
        self.0.id.to_string()
    }
}

/// A bulk operation: one change of all jobs that a filter selects, made in steps.
#[Object]
impl Operation {
    /// Id of the operation.
    pub(super) async fn id(&self) -> Uuid {
        self.view().id.into()
    }

    /// Kind of the operation.
    async fn kind(&self) -> OperationKind {
        self.view().kind.0.into()
    }

    /// Filter of the jobs; empty for all jobs.
    async fn filter(&self) -> &str {
        &self.0.filter
    }

    /// New queue of the jobs.
    async fn queue(&self) -> Option<&str> {
        self.view().queue
    }

    /// New priority of the jobs.
    async fn priority(&self) -> Option<Priority> {
        self.view().priority.map(|priority| priority.0.into())
    }

    /// True if a retry grants all retries again.
    async fn reset_retry_count(&self) -> bool {
        self.view().reset_retry_count
    }

    /// Note of the caller.
    async fn note(&self) -> Option<&str> {
        self.0.note.as_deref()
    }

    /// Status of the operation.
    async fn status(&self) -> OperationStatus {
        self.view().status.0.into()
    }

    /// Number of jobs that the preview has found.
    async fn total(&self) -> i32 {
        int(self.view().total)
    }

    /// False if there may be more.
    async fn is_exact(&self) -> bool {
        self.view().is_exact
    }

    /// Number of changed jobs.
    async fn done(&self) -> i32 {
        int(self.view().done)
    }

    /// Number of skipped jobs.
    async fn skipped(&self) -> i32 {
        int(self.view().skipped)
    }

    /// Skipped jobs by reason.
    async fn skipped_by(&self) -> Vec<SkippedJobs> {
        let view = self.view();
        view.skipped_by
            .iter()
            .map(|skipped| SkippedJobs::new(skipped, true))
            .collect()
    }

    /// How it can be taken back.
    async fn undo(&self) -> OperationUndo {
        self.view().undo.0.into()
    }

    /// End of the time in which it can be undone.
    async fn undo_until(&self) -> Option<DateTime> {
        self.view().undo_until.map(DateTime::from)
    }

    /// The operation that it undoes.
    async fn undoes(&self) -> Option<Uuid> {
        self.view().undoes.map(Uuid::from)
    }

    /// The operation that has undone it.
    async fn undone_by(&self) -> Option<Uuid> {
        self.view().undone_by.map(Uuid::from)
    }

    /// Name of the caller.
    async fn requested_by(&self) -> &str {
        &self.0.requester.name
    }

    /// Method of authentication of the caller.
    async fn requester_kind(&self) -> ActorKind {
        self.view().requester_kind.0.into()
    }

    /// Time of the preview. Jobs created later are not changed.
    async fn created_at(&self) -> DateTime {
        self.view().created_at.into()
    }

    /// End of the grace period.
    async fn starts_at(&self) -> DateTime {
        self.view().starts_at.into()
    }

    /// Time of the first step.
    async fn started_at(&self) -> Option<DateTime> {
        self.view().started_at.map(DateTime::from)
    }

    /// Time when it completed, failed or was cancelled.
    async fn finished_at(&self) -> Option<DateTime> {
        self.view().finished_at.map(DateTime::from)
    }

    /// Why it failed.
    async fn error(&self) -> Option<&str> {
        self.0.error.as_deref()
    }
}

connection! {
    /// A page of bulk operations, newest first.
    OperationConnection, OperationEdge, Operation, {}
}

impl OperationConnection {
    /// A page after another one, or the first page.
    pub(in super::super) fn new(list: OperationList, is_first: bool) -> Self {
        let OperationList { operations, has_more } = list;
        Self::from(Part {
            nodes: operations.into_iter().map(Operation::from).collect(),
            has_previous: !is_first,
            has_next: has_more,
        })
    }
}

/// The jobs that a bulk operation would change, and the token that starts it.
pub(in super::super) struct OperationPreview(pub Preview);

/// The jobs that a bulk operation would change, and the token that starts it.
#[Object]
impl OperationPreview {
    /// Token that starts the operation.
    async fn token(&self) -> String {
        OperationToken(self.0.operation.id).to_string()
    }

    /// End of the token's lifetime.
    async fn expires_at(&self) -> DateTime {
        Time(self.0.operation.expires_at()).into()
    }

    /// Kind of the operation.
    async fn kind(&self) -> OperationKind {
        self.0.operation.action.kind().into()
    }

    /// The filter in its canonical form.
    async fn filter(&self) -> &str {
        &self.0.operation.filter
    }

    /// Number of matching jobs whose status allows the change.
    async fn total(&self) -> i32 {
        int(self.0.operation.total.count)
    }

    /// False if there may be more: counting takes too long.
    async fn is_exact(&self) -> bool {
        self.0.operation.total.is_exact
    }

    /// Numbers of the counted jobs by status, the most frequent first.
    async fn by_status(&self) -> Vec<JobCount> {
        self.0.split.by_status.iter().map(JobCount::from).collect()
    }

    /// Numbers of the counted jobs by type, the most frequent first.
    async fn by_type(&self) -> Vec<JobCount> {
        self.0.split.by_type.iter().map(JobCount::from).collect()
    }

    /// Numbers of the counted jobs by queue, the most frequent first.
    async fn by_queue(&self) -> Vec<JobCount> {
        self.0.split.by_queue.iter().map(JobCount::from).collect()
    }

    /// Number of the jobs that are counted by status, type and queue.
    async fn counted(&self) -> i32 {
        int(self.0.split.jobs)
    }

    /// True if all jobs are counted by status, type and queue; false if only the newest ones are, because counting all takes
    /// too long.
    async fn is_split_exact(&self) -> bool {
        self.0.split.is_exact
    }

    /// The five newest and the five oldest jobs.
    #[graphql(complexity = "10 * child_complexity")]
    async fn sample(&self) -> Vec<Job> {
        self.0.sample.iter().cloned().map(Job::from).collect()
    }

    /// Matching jobs that it would skip.
    async fn skipped(&self) -> Vec<SkippedJobs> {
        let skipped = self.0.skipped.iter();
        skipped
            .map(|(reason, total)| SkippedJobs::new(&SkippedView::new(*reason, total.count), total.is_exact))
            .collect()
    }

    /// Warnings for the caller.
    async fn warnings(&self) -> &[String] {
        &self.0.warnings
    }

    /// How the operation can be taken back.
    async fn undo(&self) -> OperationUndo {
        self.0.operation.action.undo().into()
    }
}

/// A bulk operation to preview.
#[derive(Debug, InputObject)]
pub(in super::super) struct PreviewOperationInput {
    /// Kind of the operation.
    kind: OperationKind,
    /// Filter of the jobs, in the filter language.
    filter: Option<String>,
    /// True to select all jobs with an empty filter.
    all: Option<bool>,
    /// New queue, for MOVE.
    queue: Option<String>,
    /// New priority, for PRIORITY and EXECUTE.
    priority: Option<Priority>,
    /// True to reset the retry counts, for RETRY.
    reset_retry_count: Option<bool>,
}

impl PreviewOperationInput {
    /// The parsed request.
    pub(in super::super) fn parse(self) -> Result<PreviewRequest, FieldError> {
        let Self {
            kind,
            filter,
            all,
            queue,
            priority,
            reset_retry_count,
        } = self;
        let queue = queue.map(|name| QueueName::from_text(&name)).transpose();
        let queue = queue.map_err(|detail| FieldError::new("queue", detail))?;
        let spec = OperationSpec {
            queue: queue.map(Parsed),
            priority: priority.map(|priority| PriorityValue(priority.into())),
            reset_retry_count,
        };
        let request = OperationPreviewRequest {
            kind: Some(DomainOperationKind::from(kind).as_str().to_owned()),
            filter,
            all,
            spec: Some(JsonObject(spec)),
        };
        // The details have no object of their own here.
        request.parse().map_err(|error| FieldError {
            path: error.path.trim_start_matches("/spec").to_owned(),
            ..error
        })
    }
}
