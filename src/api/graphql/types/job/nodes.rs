//! Resolves all jobs of a list at once.
//!
//! async-graphql resolves each field of each object in a boxed future of its own, which takes most of the time of a
//! list of jobs. If the selection has only fields of the summary, without directives and fragments, the fields are
//! looked up once and then read from all jobs. Other selections are resolved by the library.

use std::borrow::Cow;
use std::future::pending;
use std::sync::Arc;

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{Field, Selection, SelectionSet};
use async_graphql::registry::Registry;
use async_graphql::resolver_utils::{enum_value, resolve_list};
use async_graphql::{ContextSelectionSet, Name, OutputType, Positioned, ServerResult, Value};

use super::Job;
use crate::api::graphql::execution::budget::{Budget, size_of_object};
use crate::api::graphql::types::enums::{JobStatus, Priority};
use crate::views::job::JobItem;

/// The jobs of a list: an ordinary list in the schema.
pub(crate) struct JobNodes<'a>(pub &'a [Job]);

/// Reads a field of a job's view, like the field of the same name of [`Job`].
type Read = fn(&JobItem<'_>) -> Value;

/// Fields of every summary.
const PLAIN: [(&str, Read); 16] = [
    ("id", |job| text(job.id)),
    ("name", |job| text(job.name)),
    ("type", |job| text(job.job_type)),
    ("queue", |job| text(job.queue)),
    ("status", |job| enum_value(JobStatus::from(job.status.0))),
    ("priority", |job| enum_value(Priority::from(job.priority.0))),
    ("createdAt", |job| text(job.created_at)),
    ("runAt", |job| text(job.run_at)),
    ("executedAt", |job| some(job.executed_at)),
    ("completedAt", |job| some(job.completed_at)),
    ("duration", |job| some(job.duration)),
    ("attempt", |job| Value::from(job.attempt)),
    ("retryCount", |job| Value::from(job.retry_count)),
    ("maxRetries", |job| Value::from(job.max_retries)),
    ("error", |job| some(job.error)),
    ("recurringJobId", |job| some(job.recurring_job_id)),
];

fn text(text: impl ToString) -> Value {
    Value::String(text.to_string())
}

fn some(value: Option<impl ToString>) -> Value {
    value.map_or(Value::Null, text)
}

/// Fields to read from each job, with their response keys; `None` if the selection has others.
fn plan(set: &SelectionSet) -> Option<Vec<(&Name, Read)>> {
    let mut plan: Vec<(&Name, Read)> = Vec::with_capacity(set.items.len());
    for selection in &set.items {
        let Selection::Field(field) = &selection.node else {
            return None;
        };
        let field = &field.node;
        if !field.directives.is_empty() {
            return None;
        }
        let (_, read) = PLAIN.iter().find(|(name, _)| *name == field.name.node)?;
        let key = &field.response_key().node;
        // Validation ensures that fields with the same key are the same.
        if !plan.iter().any(|(known, _)| *known == key) {
            plan.push((key, *read));
        }
    }
    Some(plan)
}

impl OutputType for JobNodes<'_> {
    fn type_name() -> Cow<'static, str> {
        <Vec<Job> as OutputType>::type_name()
    }

    fn qualified_type_name() -> String {
        <Vec<Job> as OutputType>::qualified_type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        <Vec<Job> as OutputType>::create_type_info(registry)
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, field: &Positioned<Field>) -> ServerResult<Value> {
        let Self(jobs) = self;
        let Some(plan) = plan(&ctx.item.node) else {
            return resolve_list(ctx, field, *jobs, Some(jobs.len())).await;
        };
        let object = |job: &Job| {
            let view = JobItem::from(job.summary());
            let mut members = IndexMap::with_capacity(plan.len());
            for (key, read) in &plan {
                members.insert(Name::clone(key), read(&view));
            }
            Value::Object(members)
        };
        let budget = ctx.data_opt::<Arc<Budget>>();
        let mut objects = Vec::with_capacity(jobs.len());
        for job in *jobs {
            let object = object(job);
            // The library charges only the values that it creates itself.
            if budget.is_some_and(|budget| !budget.charge(size_of_object(&object))) {
                return pending().await;
            }
            objects.push(object);
        }
        Ok(Value::List(objects))
    }
}
