//! The REST facade: routes, and what they are made from.
//!
//! A file is about one resource or about one thing that all of them need; the shapes of requests and answers live beside
//! the routes that speak them. Every route is registered twice, under the base path and under base path and version. A
//! route's function takes a `Call` and gives an answer or a `Problem`; nothing else
//! makes an error, so all of them look alike.

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

use std::rc::Rc;

use actix_web::http::Method;
use actix_web::web::ServiceConfig;
use actix_web::{HttpRequest, HttpResponse};

use self::problem::{Problem, ProblemKind};
use self::prometheus::Exposition;
use self::request::context::{open_route, optional_route, unknown_route};
use super::auth::{AuthFailure, Gate};
use super::memory::RequestMemory;
use crate::service::audit::AuditLog;
use crate::service::change_feed::Changes;
use crate::service::health::Health;
use crate::service::jobs::Jobs;
use crate::service::log_level::Log;
use crate::service::metrics::Metrics;
use crate::service::nodes::Nodes;
use crate::service::queues::Queues;
use crate::service::recurring::Recurring;
use crate::service::webhooks::Webhooks;
use crate::service::workers::Workers;

/// Where the routes are and what they take.
#[derive(Clone, Debug)]
pub struct RestOptions {
    /// Whether there is an API at all; health is answered without it.
    pub enable: bool,
    /// What the paths begin with: `/api/tickerq`.
    pub base_path: String,
    /// What may follow the base path: `v1`.
    pub version: String,
    /// How large the body of a request may be.
    pub body_bytes_max: usize,
    /// How large the body of a batch may be.
    pub batch_body_bytes_max: usize,
    /// How large the answer to a request for a list may be.
    pub response_bytes_max: usize,
    /// How much memory all answers may take that are being built and sent.
    pub response_memory_max: usize,
    /// How much memory all bodies may take that are being received.
    pub body_memory_max: usize,
    /// Whether the API's description can be read at `/docs`.
    pub docs: bool,
    /// Whether the description can be read by anybody, also where callers must show who they are.
    pub public_docs: bool,
    /// Whether callers must show who they are: so says the description.
    pub requires_authentication: bool,
}

impl RestOptions {
    /// The base path as paths begin with it: nothing, or a slash and more, without one at its end.
    fn base(&self) -> String {
        match self.base_path.trim_matches('/') {
            "" => String::new(),
            base => format!("/{base}"),
        }
    }

    /// What the paths of all routes but health begin with; the first is the one that is shown.
    pub fn prefixes(&self) -> Vec<String> {
        let base = self.base();
        match self.version.trim_matches('/') {
            "" => vec![base],
            version => vec![base.clone(), format!("{base}/{version}")],
        }
    }
}

/// What the routes are made from.
#[derive(Clone)]
pub struct RestApi {
    /// Use cases of jobs.
    pub jobs: Jobs,
    /// Use cases of queues.
    pub queues: Queues,
    /// Use cases of the record of who has changed what.
    pub audit: AuditLog,
    /// Use cases of recurring jobs.
    pub recurring: Recurring,
    /// Use cases of the server's numbers.
    pub metrics: Metrics,
    /// What Prometheus reads, if it is exported.
    pub exposition: Option<Exposition>,
    /// Use cases of nodes.
    pub nodes: Nodes,
    /// Use cases of the log's level.
    pub log: Log,
    /// Use cases of webhook endpoints.
    pub webhooks: Webhooks,
    /// Use cases of the feed of changed jobs.
    pub changes: Changes,
    /// Use cases of remote workers.
    pub workers: Workers,
    /// Whether the server can do its work.
    pub health: Health,
    /// Lets callers in.
    pub gate: Gate,
    /// The memory that requests share.
    pub memory: RequestMemory,
    /// Where the routes are and what they take.
    pub options: RestOptions,
}

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
