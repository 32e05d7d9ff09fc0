//! `/log-level`: log level of this server.

use std::rc::Rc;

use actix_web::http::{Method, StatusCode};
use actix_web::web::ServiceConfig;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::api::RestApi;
use super::request::context::{ApiResult, RequestContext, json, route, route_showing};
use crate::api::disclosure::Disclosure;
use crate::api::problem::PartError;
use crate::api::request_body;
use crate::api::routing::resource;
use crate::log_level::LogLevel;

/// Adds the routes of the log level.
pub(super) fn configure(config: &mut ServiceConfig, api: &Rc<RestApi>, prefix: &str) {
    config.service(resource(
        &format!("{prefix}/log-level"),
        vec![
            (Method::GET, route(api, get_log_level)),
            (
                Method::PUT,
                route_showing(api, Disclosure::Administrators, set_log_level),
            ),
        ],
    ));
}

/// Log level of a server.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = LogLevel)]
pub(super) struct LogLevelDocument {
    /// `off`, `error`, `warn`, `info`, `debug` or `trace`, or directives such as `info,tickerq=debug`.
    #[schema(example = "info")]
    level: String,
    /// Id of the node.
    #[schema(format = Uuid, example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55")]
    node_id: String,
}

/// New log level.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LogLevelRequest {
    /// `off`, `error`, `warn`, `info`, `debug` or `trace`, or directives such as `info,tickerq=debug`.
    #[schema(example = "info,tickerq=debug")]
    level: String,
}

/// Get the log level
#[utoipa::path(
    get,
    path = "/log-level",
    tag = "nodes",
    responses(
        (status = 200, description = "The log level", body = LogLevelDocument),
        (status = 409, description = "The log level is managed by the host application"),
    )
)]
pub(super) async fn get_log_level(context: RequestContext) -> ApiResult {
    let level = context.api.log.level(&context.caller)?;
    response(&context, &level)
}

/// Set the log level
#[utoipa::path(
    put,
    path = "/log-level",
    tag = "nodes",
    description = "Sets the log level of the server that responds until it is changed again or the server \
                   restarts. Other nodes are not affected.",
    request_body(content = LogLevelRequest),
    responses(
        (status = 200, description = "The log level", body = LogLevelDocument),
        (status = 409, description = "The log level is managed by the host application"),
        (status = 413, description = "Body too large"),
        (status = 415, description = "Content type is not JSON"),
    )
)]
pub(super) async fn set_log_level(mut context: RequestContext) -> ApiResult {
    let body = context.body(context.api.options.body_bytes_max).await?;
    let LogLevelRequest { level } = request_body::parse(&body)?;
    let level = LogLevel::parse(&level).map_err(|wrong| PartError::field("/level", wrong))?;
    context.api.log.set_level(&context.caller, &level).await?;
    response(&context, &level)
}

fn response(context: &RequestContext, level: &LogLevel) -> ApiResult {
    let document = LogLevelDocument {
        level: level.to_string(),
        node_id: context.api.log.node().to_string(),
    };
    json(StatusCode::OK, &document)
}
