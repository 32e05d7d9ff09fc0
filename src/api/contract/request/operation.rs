//! Requests of bulk operations.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::contract::field_error::FieldError;
use crate::api::contract::field_values::{Object, Parsed, PriorityValue};
use crate::api::contract::job_filter::parse_filter;
use crate::domain::operation::action::{Action, OperationKind};
use crate::domain::values::name::QueueName;
use crate::domain::values::time_span::TimeSpan;
use crate::service::jobs::operations::{OperationToken, PreviewRequest, StartRequest};
use crate::views::words::PriorityWord;

/// An operation to preview.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct OperationPreviewRequest {
    /// `cancel`, `retry`, `execute`, `delete`, `move` or `priority`. Required.
    #[schema(example = "retry")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<String>,
    /// Filter of the jobs, in the filter language.
    #[schema(example = "status:failed type:ReportJob")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) filter: Option<String>,
    /// True to select all jobs with an empty filter.
    #[schema(example = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) all: Option<bool>,
    /// Details of the change.
    #[schema(value_type = Option<OperationSpec>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) spec: Option<Object<OperationSpec>>,
}

/// Details of the change of each job.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct OperationSpec {
    /// New queue, for `move`.
    #[schema(value_type = Option<String>, example = "slow")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) queue: Option<Parsed<QueueName>>,
    /// New priority, for `priority` and `execute`: `low`, `normal`, `high` or `critical`, in any case; or 0 to 3.
    #[schema(value_type = Option<PriorityWord>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) priority: Option<PriorityValue>,
    /// True to reset the retry counts, for `retry`.
    #[schema(example = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reset_retry_count: Option<bool>,
}

/// The start of a previewed operation.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct OperationStartRequest {
    /// Token of the preview. Required.
    #[schema(example = "op_01963b5e7d3a7c1e9f430d2f6b1a9c55")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) token: Option<String>,
    /// Time before the first step, in which the operation can be cancelled without an effect. By default 10 s if it can't be
    /// undone, otherwise none.
    #[schema(value_type = Option<String>, example = "00:00:10")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) grace: Option<Parsed<TimeSpan>>,
    /// A note: at most 1,000 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
}

impl OperationPreviewRequest {
    /// The parsed request.
    pub(crate) fn parse(self) -> Result<PreviewRequest, FieldError> {
        let Self {
            kind,
            filter,
            all,
            spec,
        } = self;
        let kind = kind.ok_or_else(|| {
            let allowed = "cancel, retry, execute, delete, move and priority";
            FieldError::new("kind", format!("kind is missing; allowed are {allowed}"))
        })?;
        let kind = OperationKind::parse(&kind).map_err(|error| FieldError::new("kind", error.to_string()))?;
        let filter = parse_filter(filter.as_deref().unwrap_or_default())
            .map_err(|error| FieldError::new("filter", error.to_string()))?;
        Ok(PreviewRequest {
            action: spec
                .map_or_else(OperationSpec::default, |Object(spec)| spec)
                .action(kind)
                .map_err(|error| error.within("/spec"))?,
            filter,
            all: all.unwrap_or(false),
        })
    }
}

impl OperationSpec {
    fn action(self, kind: OperationKind) -> Result<Action, FieldError> {
        let Self {
            queue,
            priority,
            reset_retry_count,
        } = self;
        let misplaced = |name: &str, of: &str| {
            let detail = format!("{name} is only valid for {of}; omit it");
            Err(FieldError::new(name, detail))
        };
        if queue.is_some() && kind != OperationKind::Move {
            return misplaced("queue", "move");
        }
        if priority.is_some() && !matches!(kind, OperationKind::Priority | OperationKind::Execute) {
            return misplaced("priority", "priority and execute");
        }
        if reset_retry_count.is_some() && kind != OperationKind::Retry {
            return misplaced("resetRetryCount", "retry");
        }
        let priority = priority.map(|PriorityValue(priority)| priority);
        match kind {
            OperationKind::Cancel => Ok(Action::Cancel),
            OperationKind::Retry => Ok(Action::Retry {
                reset_retry_count: reset_retry_count.unwrap_or(false),
            }),
            OperationKind::Execute => Ok(Action::Execute { priority }),
            OperationKind::Delete => Ok(Action::Delete),
            OperationKind::Move => match queue {
                Some(Parsed(queue)) => Ok(Action::Move { queue }),
                None => Err(FieldError::new("queue", "queue is missing; move needs the new queue")),
            },
            OperationKind::Priority => match priority {
                Some(priority) => Ok(Action::SetPriority { priority }),
                None => {
                    let detail = "priority is missing; allowed are low, normal, high and critical";
                    Err(FieldError::new("priority", detail))
                }
            },
            OperationKind::Undo => Err(FieldError::new("kind", "an operation is undone by its id")),
        }
    }
}

impl OperationStartRequest {
    /// The parsed request.
    pub(crate) fn parse(self) -> Result<StartRequest, FieldError> {
        let Self { token, grace, note } = self;
        let token = token.unwrap_or_default();
        Ok(StartRequest {
            token: OperationToken::parse(&token).map_err(|error| FieldError::new("token", error.to_string()))?,
            grace: grace.map(|Parsed(grace)| grace),
            note,
        })
    }
}
