//! The routes of remote workers.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;

use super::ends;
use super::ends::Ended;
use super::request::{CompleteRequest, FailRequest, HeartbeatRequest, LeaseRequest, WorkerRequest};
use super::view::{BeatView, EndedView, LeasedList, LeasedView, WorkerList, WorkerView, type_names};
use crate::api::memory::LeaseBudget;
use crate::api::rest::request::body;
use crate::api::rest::request::context::{Answer, Call, json, json_with};
use crate::api::rest::request::json_fields::{Id, Parsed};
use crate::api::rest::request::pagination;
use crate::api::rest::request::pagination::LIMIT_MAX;
use crate::api::rest::request::parameters::Parameters;
use crate::domain::values::id::{JobId, NodeId};
use crate::domain::values::time_span::TimeSpan;
use crate::service::workers::{Leased, ReportedEnd, WorkersRead};
use crate::storage::query::WorkerPage;

/// Lists the remote workers.
#[utoipa::path(
    get,
    path = "/workers",
    tag = "workers",
    description = "Lists the remote workers, and which job types each of them runs: those that live, and those that were \
                   lost in the last hour.",
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "How many workers; 1000 by default"),
        ("after" = Option<String>, Query, format = Uuid, description = "The id of the last worker of the page before"),
    ),
    responses(
        (status = 200, description = "The workers", body = WorkerList),
        (status = 413, description = "The response would be too large; a smaller limit helps"),
    )
)]
pub(in super::super) async fn list_workers(call: Call) -> Answer {
    let mut parameters = Parameters::of(&call.request)?;
    let page = WorkerPage {
        limit: pagination::read_limit_or(&mut parameters, LIMIT_MAX),
        after: parameters.read("after", |text| {
            JobId::parse(text).map(|id| NodeId::from_uuid(id.as_uuid()))
        }),
    };
    parameters.finish()?;
    let of = &call.api.workers;
    let _room = call.room_for(of.size(&call.caller, page).await?)?;
    let WorkersRead { workers, has_more } = of.list(&call.caller, page).await?;
    let workers = workers.into_iter().map(|worker| WorkerView::new(worker, of));
    call.list(&WorkerList {
        workers: workers.collect(),
        has_more,
    })
}

/// Makes a remote worker known.
#[utoipa::path(
    post,
    path = "/workers",
    tag = "workers",
    request_body = WorkerRequest,
    responses(
        (status = 201, description = "The worker; its lease has begun", body = WorkerView, headers(("Location" = String, description = "URL of the worker"))),
        (status = 413, description = "Body too large"),
        (status = 415, description = "Content type is not JSON"),
    )
)]
pub(in super::super) async fn register_worker(mut call: Call) -> Answer {
    let bytes = call.body(call.api.options.body_bytes_max).await?;
    let declaration = body::parse::<WorkerRequest>(&bytes)?.into_declaration()?;
    let worker = call.api.workers.register(&call.caller, declaration).await?;
    let location = call.url_of(&format!(
        "{}/{}",
        call.request.path().trim_end_matches('/'),
        worker.worker.id
    ));
    let mut response = HttpResponse::Created();
    response.insert_header((LOCATION, location));
    json_with(response, &WorkerView::new(worker, &call.api.workers))
}

/// Reads a remote worker.
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
pub(in super::super) async fn get_worker(call: Call) -> Answer {
    let worker = call.api.workers.get(&call.caller, call.worker_id()?).await?;
    json(StatusCode::OK, &WorkerView::new(worker, &call.api.workers))
}

/// Hands back what a worker runs, and ends its lease.
#[utoipa::path(
    delete,
    path = "/workers/{id}",
    tag = "workers",
    params(("id" = String, Path, format = Uuid, description = "The worker's id")),
    responses(
        (status = 204, description = "What it ran is pending again; the worker has left"),
        (status = 403, description = "The worker belongs to another caller"),
        (status = 404, description = "Worker not found"),
    )
)]
pub(in super::super) async fn leave(call: Call) -> Answer {
    call.api.workers.leave(&call.caller, call.worker_id()?).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Gives a worker due jobs of its types.
#[utoipa::path(
    post,
    path = "/workers/{id}/lease",
    tag = "workers",
    description = "Gives a worker due jobs of its types, the most urgent first. They run from now on and are its own as \
                   long as it renews its lease. When there are none, the answer waits until there are, for as long as \
                   `wait` says.",
    params(("id" = String, Path, format = Uuid, description = "The worker's id")),
    request_body(content = Option<LeaseRequest>),
    responses(
        (status = 200, description = "The jobs, perhaps none", body = LeasedList),
        (status = 404, description = "Worker not found or deregistered: register again"),
        (status = 403, description = "The worker belongs to another caller, or servers handle all of its types"),
        (status = 409, description = "The worker's lease has run out: send a heartbeat, or register again"),
        (status = 413, description = "Body too large"),
        (status = 415, description = "Content type is not JSON"),
    )
)]
pub(in super::super) async fn lease_jobs(mut call: Call) -> Answer {
    let id = call.worker_id()?;
    let LeaseRequest { max, wait } = call.optional_body().await?;
    let wait = wait.map_or(TimeSpan::ZERO, |Parsed(wait)| wait);
    // Half of what an answer may have is for what jobs have beside their parameters.
    let budget = call.api.memory.answers.of(&call.caller);
    let memory = Arc::new(LeaseBudget::new(budget, call.api.options.response_bytes_max / 2));
    let leased = call.api.workers.lease(&call.caller, id, max, wait, memory);
    let Leased {
        jobs,
        refused,
        held: _held,
    } = leased.await?;
    let view = jobs
        .iter()
        .map(|(job, token)| LeasedView::new(job, *token, call.api.workers.place_in_trace(job)));
    let list = LeasedList {
        jobs: view.collect(),
        refused_types: type_names(&refused),
    };
    json(StatusCode::OK, &list)
}

/// Renews a worker's lease.
#[utoipa::path(
    post,
    path = "/workers/{id}/heartbeat",
    tag = "workers",
    description = "Renews a worker's lease, takes what it reports of the jobs that it runs, and tells it which of them \
                   should stop.",
    params(("id" = String, Path, format = Uuid, description = "The worker's id")),
    request_body(content = Option<HeartbeatRequest>),
    responses(
        (status = 200, description = "Until when, and which jobs should stop", body = BeatView),
        (status = 403, description = "The worker belongs to another caller"),
        (status = 404, description = "Worker not found or deregistered: register again"),
        (status = 413, description = "Body too large"),
        (status = 415, description = "Content type is not JSON"),
    )
)]
pub(in super::super) async fn heartbeat(mut call: Call) -> Answer {
    let id = call.worker_id()?;
    let request = match call.body_if_any(call.api.options.batch_body_bytes_max).await? {
        Some(bytes) => body::parse(&bytes)?,
        None => HeartbeatRequest::default(),
    };
    let held = request.into_held(call.api.workers.now())?;
    let beat = call.api.workers.beat(&call.caller, id, held).await?;
    json(StatusCode::OK, &BeatView::from(beat))
}

/// Says that jobs have succeeded.
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
pub(in super::super) async fn complete_jobs(mut call: Call) -> Answer {
    let id = call.worker_id()?;
    let bytes = call.body(call.api.options.batch_body_bytes_max).await?;
    let ends = body::parse::<CompleteRequest>(&bytes)?.into_ends();
    end_jobs(&call, id, ends).await
}

/// Says that jobs have not succeeded.
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
pub(in super::super) async fn fail_jobs(mut call: Call) -> Answer {
    let id = call.worker_id()?;
    let bytes = call.body(call.api.options.batch_body_bytes_max).await?;
    let ends = body::parse::<FailRequest>(&bytes)?.into_ends();
    end_jobs(&call, id, ends).await
}

async fn end_jobs(call: &Call, id: NodeId, reported: Vec<ReportedEnd>) -> Answer {
    let Ended { stored, lost } = ends::finish(&call.api.workers, &call.caller, id, reported).await?;
    let ended = EndedView {
        stored,
        lost: lost.into_iter().map(Id).collect(),
    };
    json(StatusCode::OK, &ended)
}
