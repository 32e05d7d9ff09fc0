//! The routes of remote workers.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;

use crate::api::contract::filters::LIMIT_MAX;
use crate::api::contract::request::worker::{
    CompleteRequest, FailRequest, HeartbeatRequest, LeaseRequest, WorkerRequest,
};
use crate::api::contract::view::worker::{
    BeatView, EndedView, LeasedList, LeasedView, WorkerList, WorkerView, type_names,
};
use crate::api::memory::LeaseBudget;
use crate::api::problem::Problem;
use crate::api::request_body;
use crate::api::rest::request::context::{ApiResult, RequestContext, json, json_with};
use crate::api::rest::request::pagination;
use crate::api::rest::request::parameters::Parameters;
use crate::domain::values::id::{JobId, NodeId};
use crate::service::workers::{Leased, ReportedEnd, WorkersRead};
use crate::storage::query::WorkerPage;

/// List remote workers
#[utoipa::path(
    get,
    path = "/workers",
    tag = "workers",
    description = "Returns the remote workers with their job types: live workers, and workers that were \
                   lost in the last hour.",
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Maximum number of workers; 1000 by default"),
        ("after" = Option<String>, Query, format = Uuid, description = "Id of the last worker of the previous page: only later workers are returned"),
    ),
    responses(
        (status = 200, description = "The workers", body = WorkerList),
        (status = 413, description = "The response exceeds `server.max_response`: use a smaller `limit`"),
    )
)]
pub(in super::super) async fn list_workers(context: RequestContext) -> ApiResult {
    let mut parameters = Parameters::of(&context.request)?;
    let page = WorkerPage {
        limit: pagination::read_limit_or(&mut parameters, LIMIT_MAX),
        after: parameters.read("after", |text| {
            JobId::parse(text).map(|id| NodeId::from_uuid(id.as_uuid()))
        }),
    };
    parameters.finish()?;
    let of = &context.api.workers;
    let _room = context.room_for(of.size(&context.caller, page).await?)?;
    let WorkersRead { workers, has_more } = of.list(&context.caller, page).await?;
    let workers = workers.into_iter().map(|worker| WorkerView::new(worker, of));
    context.list(&WorkerList {
        workers: workers.collect(),
        has_more,
    })
}

/// Register a remote worker
#[utoipa::path(
    post,
    path = "/workers",
    tag = "workers",
    request_body = WorkerRequest,
    responses(
        (status = 201, description = "The worker, with a new lease", body = WorkerView, headers(("Location" = String, description = "URL of the worker"))),
        (status = 413, description = "Body too large"),
        (status = 415, description = "Content type is not JSON"),
    )
)]
pub(in super::super) async fn register_worker(mut context: RequestContext) -> ApiResult {
    let bytes = context.body(context.api.options.body_bytes_max).await?;
    let declaration = request_body::parse::<WorkerRequest>(&bytes)?.into_declaration()?;
    let worker = context.api.workers.register(&context.caller, declaration).await?;
    let location = context.url_of(&format!(
        "{}/{}",
        context.request.path().trim_end_matches('/'),
        worker.worker.id
    ));
    let mut response = HttpResponse::Created();
    response.insert_header((LOCATION, location));
    json_with(response, &WorkerView::new(worker, &context.api.workers))
}

/// Get a remote worker
#[utoipa::path(
    get,
    path = "/workers/{id}",
    tag = "workers",
    params(("id" = String, Path, format = Uuid, description = "The worker's id")),
    responses(
        (status = 200, description = "The worker", body = WorkerView),
        (status = 403, description = "The worker belongs to another caller"),
        (status = 404, description = "Worker not found"),
    )
)]
pub(in super::super) async fn get_worker(context: RequestContext) -> ApiResult {
    let worker = context.api.workers.get(&context.caller, context.worker_id()?).await?;
    json(StatusCode::OK, &WorkerView::new(worker, &context.api.workers))
}

/// Deregister a remote worker; its running jobs are released
#[utoipa::path(
    delete,
    path = "/workers/{id}",
    tag = "workers",
    params(("id" = String, Path, format = Uuid, description = "The worker's id")),
    responses(
        (status = 204, description = "The worker was deregistered, and its running jobs are pending again"),
        (status = 403, description = "The worker belongs to another caller"),
        (status = 404, description = "Worker not found"),
    )
)]
pub(in super::super) async fn deregister_worker(context: RequestContext) -> ApiResult {
    context.api.workers.leave(&context.caller, context.worker_id()?).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Lease due jobs of a worker's types
#[utoipa::path(
    post,
    path = "/workers/{id}/lease",
    tag = "workers",
    description = "Leases due jobs of the worker's types, highest priority first. They run from now on and belong to the worker \
                   while it renews its lease. If there are none, the response waits for up to `wait` for the first.",
    params(("id" = String, Path, format = Uuid, description = "The worker's id")),
    request_body(content = Option<LeaseRequest>),
    responses(
        (status = 200, description = "The leased jobs, possibly none", body = LeasedList),
        (status = 404, description = "Worker not found or deregistered: register again"),
        (status = 403, description = "The worker belongs to another caller, or servers handle all of its types"),
        (status = 409, description = "The worker's lease has expired: send a heartbeat, or register again"),
        (status = 413, description = "Body too large"),
        (status = 415, description = "Content type is not JSON"),
    )
)]
pub(in super::super) async fn lease_jobs(mut context: RequestContext) -> ApiResult {
    let id = context.worker_id()?;
    let (max, wait) = context.optional_body::<LeaseRequest>().await?.into_parts();
    // Half of the maximum response is for the other fields of the jobs.
    let budget = context.api.memory.responses.of(&context.caller);
    let memory = Arc::new(LeaseBudget::new(budget, context.api.options.response_bytes_max / 2));
    let leased = context.api.workers.lease(&context.caller, id, max, wait, memory);
    let Leased {
        jobs,
        refused,
        held: _held,
    } = leased.await?;
    let view = jobs
        .iter()
        .map(|(job, token)| LeasedView::new(job, *token, context.api.workers.place_in_trace(job)));
    let list = LeasedList {
        jobs: view.collect(),
        refused_types: type_names(&refused),
    };
    json(StatusCode::OK, &list)
}

/// Send a heartbeat, which renews a worker's lease
#[utoipa::path(
    post,
    path = "/workers/{id}/heartbeat",
    tag = "workers",
    description = "Renews a worker's lease, stores reports of its running jobs, and returns the jobs that it \
                   should stop.",
    params(("id" = String, Path, format = Uuid, description = "The worker's id")),
    request_body(content = Option<HeartbeatRequest>),
    responses(
        (status = 200, description = "Expiry of the lease, and the jobs to stop", body = BeatView),
        (status = 403, description = "The worker belongs to another caller"),
        (status = 404, description = "Worker not found or deregistered: register again"),
        (status = 413, description = "Body too large"),
        (status = 415, description = "Content type is not JSON"),
    )
)]
pub(in super::super) async fn send_heartbeat(mut context: RequestContext) -> ApiResult {
    let id = context.worker_id()?;
    let request = match context.body_if_any(context.api.options.batch_body_bytes_max).await? {
        Some(bytes) => request_body::parse(&bytes)?,
        None => HeartbeatRequest::default(),
    };
    let held = request.into_held(context.api.workers.now())?;
    let beat = context.api.workers.heartbeat(&context.caller, id, held).await?;
    json(StatusCode::OK, &BeatView::from(beat))
}

/// Report completed jobs
#[utoipa::path(
    post,
    path = "/workers/{id}/complete",
    tag = "workers",
    params(("id" = String, Path, format = Uuid, description = "The worker's id")),
    request_body = CompleteRequest,
    responses(
        (status = 200, description = "Number of stored results, and the jobs that the worker had lost", body = EndedView),
        (status = 403, description = "The worker belongs to another caller"),
        (status = 404, description = "Worker not found: register again"),
        (status = 409, description = "The worker has lost all of the jobs; nothing was changed"),
        (status = 413, description = "Body too large"),
        (status = 415, description = "Content type is not JSON"),
    )
)]
pub(in super::super) async fn complete_jobs(mut context: RequestContext) -> ApiResult {
    let id = context.worker_id()?;
    let bytes = context.body(context.api.options.batch_body_bytes_max).await?;
    let ends = request_body::parse::<CompleteRequest>(&bytes)?.into_ends();
    end_jobs(&context, id, ends).await
}

/// Report jobs that did not complete
#[utoipa::path(
    post,
    path = "/workers/{id}/fail",
    tag = "workers",
    params(("id" = String, Path, format = Uuid, description = "The worker's id")),
    request_body = FailRequest,
    responses(
        (status = 200, description = "Number of stored results, and the jobs that the worker had lost", body = EndedView),
        (status = 403, description = "The worker belongs to another caller"),
        (status = 404, description = "Worker not found: register again"),
        (status = 409, description = "The worker has lost all of the jobs; nothing was changed"),
        (status = 413, description = "Body too large"),
        (status = 415, description = "Content type is not JSON"),
    )
)]
pub(in super::super) async fn fail_jobs(mut context: RequestContext) -> ApiResult {
    let id = context.worker_id()?;
    let bytes = context.body(context.api.options.batch_body_bytes_max).await?;
    let ends = request_body::parse::<FailRequest>(&bytes)?.into_ends();
    end_jobs(&context, id, ends).await
}

async fn end_jobs(context: &RequestContext, id: NodeId, reported: Vec<ReportedEnd>) -> ApiResult {
    let finished = context.api.workers.finish(&context.caller, id, reported).await;
    let finished = finished.map_err(|error| {
        Problem::of_service(error, |field, index| match index {
            Some(index) => format!("/jobs/{index}/{field}"),
            None => format!("/{field}"),
        })
    })?;
    json(StatusCode::OK, &EndedView::from(finished))
}
