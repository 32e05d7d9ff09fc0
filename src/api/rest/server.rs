//! `/me` and `/server`: the caller, and the server that responds.

use std::rc::Rc;

use actix_web::http::{Method, StatusCode};
use actix_web::web::ServiceConfig;

use super::api::RestApi;
use super::request::context::{ApiResult, RequestContext, json, route};
use crate::api::contract::view::server::{MeView, ServerView};
use crate::api::routing::resource;

/// Adds the routes.
pub(super) fn configure(config: &mut ServiceConfig, api: &Rc<RestApi>, prefix: &str) {
    config.service(resource(
        &format!("{prefix}/me"),
        vec![(Method::GET, route(api, get_me))],
    ));
    config.service(resource(
        &format!("{prefix}/server"),
        vec![(Method::GET, route(api, get_server))],
    ));
}

/// Get the caller
#[utoipa::path(
    get,
    path = "/me",
    tag = "nodes",
    description = "Returns the caller of the request: its name, its scopes, its rate limit and the expiry of its token. Requires no scope.",
    responses((status = 200, description = "The caller", body = MeView))
)]
pub(super) async fn get_me(context: RequestContext) -> ApiResult {
    json(StatusCode::OK, &MeView::from(&context.caller))
}

/// Get the server
#[utoipa::path(
    get,
    path = "/server",
    tag = "nodes",
    description = "Returns the server that responds: its version, database, features, paths and limits. Requires no scope.",
    responses((status = 200, description = "The server", body = ServerView))
)]
pub(super) async fn get_server(context: RequestContext) -> ApiResult {
    json(StatusCode::OK, &ServerView::from(&*context.api.info))
}
