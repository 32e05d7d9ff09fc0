//! The REST facade: its routes and their state.
//!
//! A file has one resource or one concern of all of them; the types of requests and responses are beside the routes
//! that use them. Every route is registered twice, with and without the version. A route's function takes a `RequestContext` and
//! returns a response or a `Problem`, which is the only source of errors, so that they have one format.

pub(super) mod activity;
mod api;
pub(super) mod audit;
pub(super) mod failures;
mod health;
pub(super) mod jobs;
mod log_level;
pub(super) mod metrics;
mod nodes;
pub(crate) mod openapi;
mod operations;
pub(crate) mod prometheus;
pub(super) mod queues;
pub(super) mod recurring;
mod reduced;
pub(crate) mod request;
pub(super) mod server;
pub(super) mod webhooks;
pub(crate) mod workers;

pub use self::api::{Docs, RestOptions};
pub(crate) use self::api::{Exposition, RestApi};

use std::rc::Rc;

use actix_web::http::Method;
use actix_web::web::ServiceConfig;
use actix_web::{HttpRequest, HttpResponse};

use self::request::context::{open_route, optional_route};
use super::problem::{Problem, ProblemKind};
use super::routing::{resource, unknown_route};

/// Adds all routes. Called once per HTTP worker.
pub(crate) fn configure(config: &mut ServiceConfig, api: RestApi) {
    let prefixes = api.options.prefixes();
    let api = Rc::new(api);
    if api.options.enable {
        for prefix in &prefixes {
            // Before `/jobs/{id}`, which would match `recurring`.
            recurring::configure(config, &api, prefix);
            jobs::configure(config, &api, prefix);
            queues::configure(config, &api, prefix);
            audit::configure(config, &api, prefix);
            nodes::configure(config, &api, prefix);
            operations::configure(config, &api, prefix);
            log_level::configure(config, &api, prefix);
            webhooks::configure(config, &api, prefix);
            workers::configure(config, &api, prefix);
            metrics::configure(config, &api, prefix);
            activity::configure(config, &api, prefix);
            failures::configure(config, &api, prefix);
            server::configure(config, &api, prefix);
        }
        openapi::configure(config, &api);
    }
    config.service(resource(
        "/healthz",
        vec![(Method::GET, open_route(&api, health::get_liveness))],
    ));
    config.service(resource(
        "/readyz",
        vec![(Method::GET, optional_route(&api, health::get_readiness))],
    ));
    self::prometheus::configure(config, &api);
}

/// Adds the response to requests for unknown paths.
pub(crate) fn configure_unknown(config: &mut ServiceConfig) {
    config.default_service(unknown_route());
}

/// Reason why bytes were not a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// It can't be parsed, with an error message.
    Malformed(&'static str),
    /// Its head is too large.
    TooLarge,
    /// Its head was not received in time.
    TooSlow,
    /// Its body was not received in time.
    BodyTooSlow,
    /// The connection limit of the server, or of its client, is reached.
    Full,
}

/// The response to bytes that were not a request.
pub(crate) fn unreadable(request: &HttpRequest, why: Unreadable) -> HttpResponse {
    let problem = match why {
        Unreadable::Malformed(what) => Problem::new(ProblemKind::Malformed, what),
        Unreadable::TooLarge => Problem::new(ProblemKind::HeadTooLarge, "the request's head is too large"),
        Unreadable::TooSlow => Problem::new(ProblemKind::TooSlow, "timed out reading the request's head"),
        Unreadable::BodyTooSlow => Problem::new(ProblemKind::TooSlow, "timed out reading the request's body"),
        Unreadable::Full => Problem::busy(
            "connection limit of the server or of this address reached; close connections or try again later",
        ),
    };
    problem.response(request)
}
