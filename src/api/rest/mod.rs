//! The REST facade: routes, and what they are made from.
//!
//! A file is about one resource or about one thing that all of them need; the shapes of requests and answers live beside
//! the routes that speak them. Every route is registered twice, under the base path and under base path and version. A
//! route's function takes a `Call` and gives an answer or a `Problem`; nothing else
//! makes an error, so all of them look alike.

mod api;
pub(super) mod audit;
mod health;
pub(super) mod jobs;
mod log_level;
pub(super) mod metrics;
mod nodes;
pub mod openapi;
pub(super) mod problem;
pub mod prometheus;
pub(super) mod queues;
pub(super) mod recurring;
mod reduced;
pub(crate) mod request;
pub(super) mod webhooks;
pub(crate) mod workers;

pub use self::api::{Exposition, MakeText, RestApi, RestOptions};

use std::rc::Rc;

use actix_web::http::Method;
use actix_web::web::ServiceConfig;
use actix_web::{HttpRequest, HttpResponse};

use self::problem::{Problem, ProblemKind};
use self::request::context::{open_route, optional_route, unknown_route};
use super::auth::AuthFailure;

/// Adds all routes. Call it once for every HTTP worker.
pub fn configure(config: &mut ServiceConfig, api: RestApi) {
    let prefixes = api.options.prefixes();
    let api = Rc::new(api);
    if api.options.enable {
        for prefix in &prefixes {
            // Before `/jobs/{id}`, which would take `recurring` for an id.
            recurring::configure(config, &api, prefix);
            jobs::configure(config, &api, prefix);
            queues::configure(config, &api, prefix);
            audit::configure(config, &api, prefix);
            nodes::configure(config, &api, prefix);
            log_level::configure(config, &api, prefix);
            webhooks::configure(config, &api, prefix);
            workers::configure(config, &api, prefix);
            metrics::configure(config, &api, prefix);
        }
        openapi::configure(config, &api);
    }
    config.service(self::request::context::resource(
        "/healthz",
        vec![(Method::GET, open_route(&api, health::live))],
    ));
    config.service(self::request::context::resource(
        "/readyz",
        vec![(Method::GET, optional_route(&api, health::ready))],
    ));
    self::prometheus::configure(config, &api);
}

/// Adds the answer to requests for what nobody has.
pub fn configure_unknown(config: &mut ServiceConfig) {
    config.default_service(unknown_route());
}

/// The answer to a caller that was not let in, for facades that have no problems of their own.
pub fn refusal(request: &HttpRequest, failure: AuthFailure) -> HttpResponse {
    Problem::from(failure).answer(request)
}

/// Why a request was not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// It can't be parsed: what is wrong with it.
    Malformed(&'static str),
    /// Its head is too large.
    TooLarge,
    /// Its head did not come in time.
    TooSlow,
    /// Its body did not come in time.
    BodyTooSlow,
    /// The server, or its client, has as many connections as it may have.
    Full,
}

/// The answer to what was no request.
pub fn unreadable(request: &HttpRequest, why: Unreadable) -> HttpResponse {
    let problem = match why {
        Unreadable::Malformed(what) => Problem::new(ProblemKind::Malformed, what),
        Unreadable::TooLarge => Problem::new(ProblemKind::HeadTooLarge, "the request's head is too large"),
        Unreadable::TooSlow => Problem::new(ProblemKind::TooSlow, "the request's head did not come in time"),
        Unreadable::BodyTooSlow => Problem::new(ProblemKind::TooSlow, "the request's body did not come in time"),
        Unreadable::Full => Problem::busy(
            "connection limit of the server or of this address reached; close connections or try again later",
        ),
    };
    problem.answer(request)
}
