//! `/queues`: lists, pausing, resuming, clearing and deletion of queues.

use std::collections::HashMap;
use std::rc::Rc;

use actix_web::HttpResponse;
use actix_web::http::{Method, StatusCode};
use actix_web::web::ServiceConfig;
use serde::Serialize;
use utoipa::ToSchema;

use super::api::RestApi;
use super::request::context::{ApiResult, RequestContext, json, route, route_with_query};
use super::request::parameters::Parameters;
use crate::api::contract::filters::parse_flag;
use crate::api::contract::request::queue::ClearRequest;
use crate::api::contract::view::queue::{ClearedView, QueueDocument, QueueOverviewView};
use crate::api::problem::Problem;
use crate::api::routing::resource;
use crate::service::error::ServiceError;
use crate::service::queues::QueueView;
use crate::views::explanation::QueueExplanationView;

/// Query parameters of queues.
const PARAMETERS: &[&str] = &["overview"];

/// Adds the routes of queues.
pub(super) fn configure(config: &mut ServiceConfig, api: &Rc<RestApi>, prefix: &str) {
    config.service(resource(
        &format!("{prefix}/queues"),
        vec![(Method::GET, route_with_query(api, PARAMETERS, list_queues))],
    ));
    config.service(resource(
        &format!("{prefix}/queues/{{name}}"),
        vec![
            (Method::GET, route_with_query(api, PARAMETERS, get_queue)),
            (Method::DELETE, route(api, delete_queue)),
        ],
    ));
    config.service(resource(
        &format!("{prefix}/queues/{{name}}/explain"),
        vec![(Method::GET, route(api, explain_queue))],
    ));
    config.service(resource(
        &format!("{prefix}/queues/{{name}}/pause"),
        vec![(Method::POST, route(api, pause_queue))],
    ));
    config.service(resource(
        &format!("{prefix}/queues/{{name}}/resume"),
        vec![(Method::POST, route(api, resume_queue))],
    ));
    config.service(resource(
        &format!("{prefix}/queues/{{name}}/clear"),
        vec![(Method::POST, route(api, clear_queue))],
    ));
}

/// All queues.
#[derive(Serialize, ToSchema)]
pub(super) struct QueueList {
    /// The queues, sorted by name.
    queues: Vec<QueueDocument>,
}

/// List queues
#[utoipa::path(
    get,
    path = "/queues",
    tag = "queues",
    params(("overview" = Option<bool>, Query, description = "`true` adds to each queue its state for operators")),
    responses((status = 200, description = "All queues, sorted by name", body = QueueList))
)]
pub(super) async fn list_queues(context: RequestContext) -> ApiResult {
    let has_overview = has_overview(&context)?;
    let views = context.api.queues.list(&context.caller).await?;
    let queues = documents(&context, views, has_overview).await?;
    json(StatusCode::OK, &QueueList { queues })
}

/// Get a queue
#[utoipa::path(
    get,
    path = "/queues/{name}",
    tag = "queues",
    params(
        ("name" = String, Path, description = "The queue's name", example = "default"),
        ("overview" = Option<bool>, Query, description = "`true` adds its state for operators"),
    ),
    responses(
        (status = 200, description = "The queue", body = QueueDocument),
        (status = 404, description = "Queue not found"),
    )
)]
pub(super) async fn get_queue(context: RequestContext) -> ApiResult {
    let has_overview = has_overview(&context)?;
    let name = context.queue_name()?;
    let view = context.api.queues.get(&context.caller, &name).await?;
    let queue = documents(&context, vec![view], has_overview).await?.pop();
    let queue = queue.ok_or_else(|| ServiceError::NoSuchQueue { name: name.to_string() })?;
    json(StatusCode::OK, &queue)
}

fn has_overview(context: &RequestContext) -> Result<bool, Problem> {
    let mut parameters = Parameters::of(&context.request)?;
    let has_overview = parameters.read("overview", |text| parse_flag("overview", text));
    parameters.finish()?;
    Ok(has_overview.unwrap_or_default())
}

/// The queues, with their states if requested.
async fn documents(
    context: &RequestContext,
    views: Vec<QueueView>,
    has_overview: bool,
) -> Result<Vec<QueueDocument>, Problem> {
    let overviews = if has_overview {
        context.api.queues.overviews(&context.caller, &views).await?
    } else {
        HashMap::new()
    };
    let documents = views.into_iter().map(|view| {
        let overview = overviews.get(&view.name).map(QueueOverviewView::from);
        QueueDocument {
            overview,
            ..QueueDocument::from(view)
        }
    });
    Ok(documents.collect())
}

/// Explain why the pending jobs of a queue do not run
#[utoipa::path(
    get,
    path = "/queues/{name}/explain",
    tag = "queues",
    description = "Returns the reasons that hold pending jobs, with their numbers of jobs. Each job counts once.",
    params(("name" = String, Path, description = "The queue's name", example = "default")),
    responses(
        (status = 200, description = "The reasons", body = QueueExplanationView),
        (status = 404, description = "Queue not found"),
    )
)]
pub(super) async fn explain_queue(context: RequestContext) -> ApiResult {
    let name = context.queue_name()?;
    let explanation = context.api.explanations.queue(&context.caller, &name).await?;
    json(StatusCode::OK, &QueueExplanationView::from(&explanation))
}

/// Delete a queue without unfinished jobs; configured queues can't be deleted
#[utoipa::path(
    delete,
    path = "/queues/{name}",
    tag = "queues",
    params(("name" = String, Path, description = "The queue's name", example = "old-imports")),
    responses(
        (status = 204, description = "The queue is deleted"),
        (status = 404, description = "Queue not found"),
        (status = 409, description = "The queue is configured, or has unfinished jobs"),
    )
)]
pub(super) async fn delete_queue(context: RequestContext) -> ApiResult {
    let name = context.queue_name()?;
    context.api.queues.delete(&context.caller, &name).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Pause a queue; its running jobs continue
#[utoipa::path(
    post,
    path = "/queues/{name}/pause",
    tag = "queues",
    params(("name" = String, Path, description = "The queue's name", example = "default")),
    responses(
        (status = 200, description = "The queue, paused", body = QueueDocument),
        (status = 404, description = "Queue not found"),
        (status = 413, description = "Body too large"),
        (status = 415, description = "Content type is not JSON"),
    )
)]
pub(super) async fn pause_queue(mut context: RequestContext) -> ApiResult {
    let name = context.queue_name()?;
    context.no_fields().await?;
    let view = context.api.queues.pause(&context.caller, &name).await?;
    json(StatusCode::OK, &QueueDocument::from(view))
}

/// Resume a queue
#[utoipa::path(
    post,
    path = "/queues/{name}/resume",
    tag = "queues",
    params(("name" = String, Path, description = "The queue's name", example = "default")),
    responses(
        (status = 200, description = "The queue, running", body = QueueDocument),
        (status = 404, description = "Queue not found"),
        (status = 413, description = "Body too large"),
        (status = 415, description = "Content type is not JSON"),
    )
)]
pub(super) async fn resume_queue(mut context: RequestContext) -> ApiResult {
    let name = context.queue_name()?;
    context.no_fields().await?;
    let view = context.api.queues.resume(&context.caller, &name).await?;
    json(StatusCode::OK, &QueueDocument::from(view))
}

/// Delete a queue's pending jobs, its failed jobs, or both
#[utoipa::path(
    post,
    path = "/queues/{name}/clear",
    tag = "queues",
    params(("name" = String, Path, description = "The queue's name", example = "default")),
    request_body(content = Option<ClearRequest>),
    responses(
        (status = 200, description = "The queue, and the numbers of deleted jobs", body = ClearedView),
        (status = 404, description = "Queue not found"),
        (status = 413, description = "Body too large"),
        (status = 415, description = "Content type is not JSON"),
    )
)]
pub(super) async fn clear_queue(mut context: RequestContext) -> ApiResult {
    let name = context.queue_name()?;
    let (clear_pending, clear_failed) = context.optional_body::<ClearRequest>().await?.into_statuses()?;
    let queues = &context.api.queues;
    let cleared = queues
        .clear(&context.caller, &name, clear_pending, clear_failed)
        .await?;
    json(StatusCode::OK, &ClearedView::from(cleared))
}
