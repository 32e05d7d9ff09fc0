//! `/operations`: bulk operations.

use std::rc::Rc;

use actix_web::http::{Method, StatusCode};
use actix_web::web::ServiceConfig;
use serde::Serialize;
use utoipa::ToSchema;

use super::api::RestApi;
use super::request::context::{ApiResult, RequestContext, json, route, route_with_query};
use super::request::pagination;
use super::request::parameters::Parameters;
use crate::api::contract::request::operation::{OperationPreviewRequest, OperationStartRequest};
use crate::api::contract::view::operation::{OperationPreviewView, OperationView};
use crate::api::problem::Problem;
use crate::api::request_body;
use crate::api::routing::resource;
use crate::domain::values::id::OperationId;
use crate::service::jobs::operations::OperationList;
use crate::storage::query::OperationPage;

const PARAMETERS: &[&str] = &["limit", "after"];

/// Adds the routes of operations.
pub(super) fn configure(config: &mut ServiceConfig, api: &Rc<RestApi>, prefix: &str) {
    config.service(resource(
        &format!("{prefix}/operations"),
        vec![
            (Method::GET, route_with_query(api, PARAMETERS, list_operations)),
            (Method::POST, route(api, start_operation)),
        ],
    ));
    // Before `/operations/{id}`, which would match `preview`.
    config.service(resource(
        &format!("{prefix}/operations/preview"),
        vec![(Method::POST, route(api, preview_operation))],
    ));
    config.service(resource(
        &format!("{prefix}/operations/{{id}}"),
        vec![(Method::GET, route(api, get_operation))],
    ));
    config.service(resource(
        &format!("{prefix}/operations/{{id}}/pause"),
        vec![(Method::POST, route(api, pause_operation))],
    ));
    config.service(resource(
        &format!("{prefix}/operations/{{id}}/resume"),
        vec![(Method::POST, route(api, resume_operation))],
    ));
    config.service(resource(
        &format!("{prefix}/operations/{{id}}/cancel"),
        vec![(Method::POST, route(api, cancel_operation))],
    ));
    config.service(resource(
        &format!("{prefix}/operations/{{id}}/undo"),
        vec![(Method::POST, route(api, undo_operation))],
    ));
}

impl RequestContext {
    fn operation_id(&self) -> Result<OperationId, Problem> {
        self.path_part("id", "operation", OperationId::parse)
    }
}

/// A page of operations, newest first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OperationList)]
pub(super) struct OperationPageView<'a> {
    /// Operations.
    operations: Vec<OperationView<'a>>,
    /// True if older ones follow: pass the id of the last one as `after`.
    #[schema(example = false)]
    has_more: bool,
}

/// List bulk operations
#[utoipa::path(
    get,
    path = "/operations",
    tag = "operations",
    description = "Returns the bulk operations of the last 90 days, newest first.",
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Maximum number of operations; 50 by default", example = 50),
        ("after" = Option<String>, Query, format = Uuid, description = "Id of the last operation of the previous page: only older ones are returned"),
    ),
    responses((status = 200, description = "A page of operations", body = OperationPageView))
)]
pub(super) async fn list_operations(context: RequestContext) -> ApiResult {
    let mut parameters = Parameters::of(&context.request)?;
    let page = OperationPage {
        limit: pagination::read_limit(&mut parameters),
        after: parameters.read("after", OperationId::parse),
    };
    parameters.finish()?;
    let OperationList { operations, has_more } = context.api.operations.list(&context.caller, page).await?;
    let view = OperationPageView {
        operations: operations
            .iter()
            .map(|operation| OperationView::from(&**operation))
            .collect(),
        has_more,
    };
    context.list(&view)
}

/// Preview a bulk operation
#[utoipa::path(
    post,
    path = "/operations/preview",
    tag = "operations",
    description = "Counts the jobs that an operation would change, and returns a token that starts it within 15 minutes. Nothing \
                   changes. The token is bound to the filter, the change, the caller and the jobs that exist now: jobs that \
                   are created later are not changed. Requires the scopes `tickerq:write` and `tickerq:read`.",
    request_body = OperationPreviewRequest,
    responses(
        (status = 200, description = "The preview", body = OperationPreviewView),
        (status = 409, description = "The storage does not support bulk operations"),
        (status = 413, description = "Body too large"),
        (status = 415, description = "Content type is not JSON"),
    )
)]
pub(super) async fn preview_operation(mut context: RequestContext) -> ApiResult {
    let bytes = context.body(context.api.options.body_bytes_max).await?;
    let request = request_body::parse::<OperationPreviewRequest>(&bytes)?.parse()?;
    let preview = context.api.operations.preview(&context.caller, request).await?;
    json(StatusCode::OK, &OperationPreviewView::from(&preview))
}

/// Start a bulk operation
#[utoipa::path(
    post,
    path = "/operations",
    tag = "operations",
    description = "Starts a previewed operation, which changes up to 500 jobs per step in the background and survives restarts. \
                   Operations run one after another. A repeated request returns the same operation. Requires the scopes \
                   `tickerq:write` and `tickerq:read`.",
    request_body = OperationStartRequest,
    responses(
        (status = 202, description = "The operation", body = OperationView),
        (status = 409, description = "The number of jobs has changed by more than a tenth since the preview, or too many operations are open"),
        (status = 410, description = "The token is unknown or has expired"),
        (status = 413, description = "Body too large"),
        (status = 415, description = "Content type is not JSON"),
    )
)]
pub(super) async fn start_operation(mut context: RequestContext) -> ApiResult {
    let bytes = context.body(context.api.options.body_bytes_max).await?;
    let request = request_body::parse::<OperationStartRequest>(&bytes)?.parse()?;
    let operation = context.api.operations.start(&context.caller, request).await?;
    json(StatusCode::ACCEPTED, &OperationView::from(&*operation))
}

/// Get a bulk operation
#[utoipa::path(
    get,
    path = "/operations/{id}",
    tag = "operations",
    description = "Returns an operation with its progress.",
    params(("id" = String, Path, format = Uuid, description = "The operation's id")),
    responses(
        (status = 200, description = "The operation", body = OperationView),
        (status = 404, description = "Operation not found"),
    )
)]
pub(super) async fn get_operation(context: RequestContext) -> ApiResult {
    let id = context.operation_id()?;
    let operation = context.api.operations.get(&context.caller, id).await?;
    json(StatusCode::OK, &OperationView::from(&*operation))
}

/// Pause a bulk operation
#[utoipa::path(
    post,
    path = "/operations/{id}/pause",
    tag = "operations",
    description = "Stops an operation after its current step until it is resumed. Meanwhile other operations run.",
    params(("id" = String, Path, format = Uuid, description = "The operation's id")),
    responses(
        (status = 200, description = "The operation, paused", body = OperationView),
        (status = 404, description = "Operation not found"),
        (status = 409, description = "Not allowed in the operation's status"),
        (status = 413, description = "Body too large"),
        (status = 415, description = "Content type is not JSON"),
    )
)]
pub(super) async fn pause_operation(mut context: RequestContext) -> ApiResult {
    let id = context.operation_id()?;
    context.no_fields().await?;
    let operation = context.api.operations.pause(&context.caller, id).await?;
    json(StatusCode::OK, &OperationView::from(&*operation))
}

/// Resume a bulk operation
#[utoipa::path(
    post,
    path = "/operations/{id}/resume",
    tag = "operations",
    description = "Continues a paused operation behind the last changed job.",
    params(("id" = String, Path, format = Uuid, description = "The operation's id")),
    responses(
        (status = 200, description = "The operation", body = OperationView),
        (status = 404, description = "Operation not found"),
        (status = 409, description = "Not allowed in the operation's status"),
        (status = 413, description = "Body too large"),
        (status = 415, description = "Content type is not JSON"),
    )
)]
pub(super) async fn resume_operation(mut context: RequestContext) -> ApiResult {
    let id = context.operation_id()?;
    context.no_fields().await?;
    let operation = context.api.operations.resume(&context.caller, id).await?;
    json(StatusCode::OK, &OperationView::from(&*operation))
}

/// Cancel a bulk operation
#[utoipa::path(
    post,
    path = "/operations/{id}/cancel",
    tag = "operations",
    description = "Ends an operation after its current step. Changed jobs stay as they are.",
    params(("id" = String, Path, format = Uuid, description = "The operation's id")),
    responses(
        (status = 200, description = "The operation, cancelled", body = OperationView),
        (status = 404, description = "Operation not found"),
        (status = 409, description = "Not allowed in the operation's status"),
        (status = 413, description = "Body too large"),
        (status = 415, description = "Content type is not JSON"),
    )
)]
pub(super) async fn cancel_operation(mut context: RequestContext) -> ApiResult {
    let id = context.operation_id()?;
    context.no_fields().await?;
    let operation = context.api.operations.cancel(&context.caller, id).await?;
    json(StatusCode::OK, &OperationView::from(&*operation))
}

/// Undo a bulk operation
#[utoipa::path(
    post,
    path = "/operations/{id}/undo",
    tag = "operations",
    description = "Starts the operation that restores what a finished `cancel`, `move` or `priority` has replaced, within an hour \
                   after its end. Jobs that have changed since are skipped. An operation that has not started is cancelled.",
    params(("id" = String, Path, format = Uuid, description = "The operation's id")),
    responses(
        (status = 202, description = "The operation that restores the jobs, or the cancelled operation", body = OperationView),
        (status = 404, description = "Operation not found"),
        (status = 409, description = "It can't be undone, or was undone"),
        (status = 413, description = "Body too large"),
        (status = 415, description = "Content type is not JSON"),
    )
)]
pub(super) async fn undo_operation(mut context: RequestContext) -> ApiResult {
    let id = context.operation_id()?;
    context.no_fields().await?;
    let operation = context.api.operations.undo(&context.caller, id).await?;
    json(StatusCode::ACCEPTED, &OperationView::from(&*operation))
}
