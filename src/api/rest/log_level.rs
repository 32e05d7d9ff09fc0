//! `/log-level`: how much the server that answers says in its log.

use std::rc::Rc;

use actix_web::http::{Method, StatusCode};
use actix_web::web::ServiceConfig;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::api::RestApi;
use super::problem::PartError;
use super::request::context::{Answer, Call, json, resource, route, route_showing};
use crate::api::disclosure::Disclosure;
use crate::log_level::LogLevel;

/// Adds the routes of the log's level.
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

/// How much a server says in its log.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = LogLevel)]
pub(super) struct LogLevelDocument {
    /// `off`, `error`, `warn`, `info`, `debug` or `trace`, or directives such as `info,tickerq=debug`.
    #[schema(example = "info")]
    level: String,
    /// The server whose log it is.
    #[schema(format = Uuid, example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55")]
    node_id: String,
}

/// How much a server shall say in its log.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LogLevelRequest {
    /// `off`, `error`, `warn`, `info`, `debug` or `trace`, or directives such as `info,tickerq=debug`.
    #[schema(example = "info,tickerq=debug")]
    level: String,
}

/// Tells how much the server that answers says in its log.
#[utoipa::path(
    get,
    path = "/log-level",
    tag = "nodes",
    responses(
        (status = 200, description = "How much it says", body = LogLevelDocument),
        (status = 409, description = "The log belongs to the program that embeds the server"),
    )
)]
pub(super) async fn get_log_level(call: Call) -> Answer {
    let level = call.api.log.level(&call.caller)?;
    answer(&call, &level)
}

/// Has the server that answers say so much in its log.
#[utoipa::path(
    put,
    path = "/log-level",
    tag = "nodes",
    description = "Has the server that answers say so much in its log from now on, until it is set again or the server \
                   restarts. Other servers on the same storage go on as before.",
    request_body(content = LogLevelRequest),
    responses(
        (status = 200, description = "How much it says", body = LogLevelDocument),
        (status = 409, description = "The log belongs to the program that embeds the server"),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "The body is not JSON"),
    )
)]
pub(super) async fn set_log_level(mut call: Call) -> Answer {
    let body = call.body(call.api.options.body_bytes_max).await?;
    let LogLevelRequest { level } = super::request::body::parse(&body)?;
    let level = LogLevel::parse(&level).map_err(|wrong| PartError::field("/level", wrong))?;
    call.api.log.set_level(&call.caller, &level)?;
    answer(&call, &level)
}

fn answer(call: &Call, level: &LogLevel) -> Answer {
    let document = LogLevelDocument {
        level: level.to_string(),
        node_id: call.api.log.node().to_string(),
    };
    json(StatusCode::OK, &document)
}
