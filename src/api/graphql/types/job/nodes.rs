//! The jobs of a list, all at once.
//!
//! async-graphql works out each field of each object in a boxed future of its own: for a list of jobs that is most of the
//! time that the answer takes. Where only fields are asked for that every job in short has, without directives and
//! fragments, what is to be read is found once and then read from all of them. Anything else goes the library's way.

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
use crate::domain::values::timestamp;
use crate::storage::query::JobSummary;

/// The jobs of a list: in the schema a list like any other.
pub(crate) struct JobNodes<'a>(pub &'a [Job]);

/// Reads a field of a job in short, as the field of the same name of [`Job`] does.
type Read = fn(&JobSummary) -> Value;

/// What every job in short has.
const PLAIN: [(&str, Read); 16] = [
    ("id", |job| text(job.id)),
    ("name", |job| text(job.name.as_str())),
    ("type", |job| text(job.job_type.as_str())),
    ("queue", |job| text(job.queue.as_str())),
    ("status", |job| enum_value(JobStatus::from(job.status))),
    ("priority", |job| enum_value(Priority::from(job.priority))),
    ("createdAt", |job| text(timestamp::to_text(job.created_at))),
    ("runAt", |job| text(timestamp::to_text(job.due_at))),
    ("executedAt", |job| some(job.started_at.map(timestamp::to_text))),
    ("completedAt", |job| some(job.finished_at.map(timestamp::to_text))),
    ("duration", |job| some(job.duration())),
    ("attempt", |job| Value::from(job.attempt)),
    ("retryCount", |job| Value::from(job.retry_count)),
    ("maxRetries", |job| Value::from(job.max_retries)),
    ("error", |job| some(job.error.as_deref())),
    ("recurringJobId", |job| {
        some(job.recurring_id.map(|id| id.as_uuid().as_hyphenated().to_string()))
    }),
];

fn text(text: impl ToString) -> Value {
    Value::String(text.to_string())
}

fn some(value: Option<impl ToString>) -> Value {
    value.map_or(Value::Null, text)
}

/// What is read from each job, and under which key it is told; `None` when something else is asked for.
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
        // Asked for twice under one key it is the same field: validation has seen to that.
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
            let mut members = IndexMap::with_capacity(plan.len());
            for (key, read) in &plan {
                members.insert(Name::clone(key), read(job.summary()));
            }
            Value::Object(members)
        };
        let budget = ctx.data_opt::<Arc<Budget>>();
        let mut objects = Vec::with_capacity(jobs.len());
        for job in *jobs {
            let object = object(job);
            // The library counts what it has made itself.
            if budget.is_some_and(|budget| !budget.charge(size_of_object(&object))) {
                return pending().await;
            }
            objects.push(object);
        }
        Ok(Value::List(objects))
    }
}
