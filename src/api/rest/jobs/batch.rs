//! `POST /jobs/batch`: several new jobs, all or none.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::api::contract::request::job::JobRequest;
use crate::api::problem::{PartError, Problem};
use crate::api::request_body;
use crate::api::rest::request::context::{ApiResult, RequestContext, json_with};
use crate::api::rest::request::field_pointer::field_pointer;
use crate::api::rest::request::idempotency::REPLAYED;
use crate::api::rest::request::items::Items;
use crate::api::strict_json;
use crate::domain::job::new_job::NewJob;
use crate::service::error::ServiceError;
use crate::service::jobs::ScheduledBatch;
use crate::views::job::JobItem;
use crate::views::values::Id;

/// Jobs to schedule, all or none.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct BatchRequest<'a> {
    /// The jobs. The array may also be the complete body.
    #[serde(borrow)]
    #[schema(value_type = Vec<JobRequest>, min_items = 1)]
    jobs: Option<Items<'a>>,
}

/// Jobs of a batch.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Batch)]
pub(in super::super) struct BatchView<'a> {
    /// The jobs, in the order of the request; for a `uniqueKey` that is in use, the job that has it.
    jobs: Vec<JobItem<'a>>,
    /// Number of new jobs.
    #[schema(example = 2)]
    created: usize,
    /// With `Idempotency-Replayed: true`: jobs of the first request that have been deleted since; omitted if there are
    /// none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>, format = Uuid, required = false)]
    missing: Vec<Id>,
}

/// Schedule several jobs in one transaction
#[utoipa::path(
    post,
    path = "/jobs/batch",
    tag = "jobs",
    params(("Idempotency-Key" = Option<String>, Header, max_length = 255, description = "Repeated requests with the same key take effect once and return the jobs of the first one", example = "\"8e03978e-40d5-43dd-bc93-6894a57f9324\"")),
    request_body = BatchRequest,
    responses(
        (status = 201, description = "The jobs were stored", body = BatchView),
        (status = 410, description = "All jobs of the earlier request with the key were deleted: `jobIds`"),
        (status = 413, description = "Body too large"),
        (status = 415, description = "Content type is not JSON"),
        (status = 422, description = "The idempotency key belongs to another request"),
    )
)]
pub(in super::super) async fn create_jobs(mut context: RequestContext) -> ApiResult {
    let bytes = context.body(context.api.options.batch_body_bytes_max).await?;
    let (items, parent) = read_items(&bytes)?;
    // Before the jobs are parsed.
    let checked = context.api.jobs.limits().check_batch_size(items.len());
    checked.map_err(|error| Problem::of_service(error, |_, _| parent.to_owned()))?;
    let new = read_jobs(&items, parent)?;
    let key = context.idempotency_key("POST /jobs/batch", &bytes)?;
    let scheduled = context.api.jobs.schedule_batch(&context.caller, new, key).await;
    let batch = scheduled.map_err(|errors| problem_of(errors, &bytes, parent))?;
    let created = batch.created();
    let ScheduledBatch {
        jobs,
        is_replay,
        missing,
    } = batch;
    let view = BatchView {
        jobs: jobs
            .iter()
            .map(|scheduled| JobItem::from(&*scheduled.job).warned(&scheduled.warnings))
            .collect(),
        created,
        missing: missing.into_iter().map(Id::from).collect(),
    };
    let mut response = HttpResponse::build(StatusCode::CREATED);
    if is_replay {
        response.insert_header((REPLAYED, "true"));
    }
    json_with(response, &view)
}

/// Texts of the jobs, and the JSON pointer of their array.
fn read_items(bytes: &[u8]) -> Result<(Vec<&RawValue>, &'static str), Problem> {
    if bytes.trim_ascii_start().starts_with(b"[") {
        return match strict_json::from_slice::<Items>(bytes) {
            Ok(Items(items)) => Ok((items, "")),
            Err(error) => Err(request_body::explain::<Items>(bytes, &error)),
        };
    }
    match request_body::parse::<BatchRequest>(bytes)?.jobs {
        Some(Items(items)) => Ok((items, "/jobs")),
        None => Err(PartError::field("/jobs", "jobs is missing; expected an array of jobs").into()),
    }
}

fn read_jobs(items: &[&RawValue], parent: &str) -> Result<Vec<NewJob>, Problem> {
    let mut new = Vec::with_capacity(items.len());
    let mut errors = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let pointer = format!("{parent}/{index}");
        let read = request_body::parse_part::<JobRequest>(item.get(), &pointer);
        match read.and_then(|request| Ok(request.into_new_job().map_err(|error| error.within(&pointer))?)) {
            Ok(job) => new.push(job),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() {
        Ok(new)
    } else {
        Err(Problem::of_parts(errors))
    }
}

/// The problem of a rejected batch, with pointers into the body.
fn problem_of(errors: Vec<ServiceError>, bytes: &[u8], parent: &str) -> Problem {
    let mut parts = Vec::new();
    for error in errors {
        let ServiceError::Invalid { field, index, detail } = error else {
            return Problem::from(error);
        };
        let pointer = match index {
            Some(index) => field_pointer(bytes, &format!("{parent}/{index}"), field),
            None => parent.to_owned(),
        };
        parts.push(PartError::field(&pointer, detail));
    }
    Problem::of_parts(parts)
}
