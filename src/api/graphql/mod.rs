//! The GraphQL facade: the use cases as one schema, at `/graphql`.
//!
//! A request comes over HTTP (`http.rs`), as a stream (`streaming.rs`) or in a message of a WebSocket (`websocket.rs`);
//! each of them finds out who calls and hands it to the `engine`, which checks what it may cost and carries it out. The
//! schema's functions translate to use cases and hold no rule of their own.

mod errors;
pub(crate) mod execution;
mod loader;
mod mutation;
mod parser;
mod query;
mod scalars;
mod schema;
mod subscription;
pub(crate) mod transport;
mod types;
pub(crate) mod validation;

pub use self::schema::{Services, sdl};

use std::rc::Rc;
use std::time::Duration;

use actix_web::http::Method;
use actix_web::web::{self, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Route};

use self::execution::executor::Engine;
use super::auth::Gate;
use super::memory::RequestMemory;
use super::realtime::Realtime;
use super::rest::request::context::resource;
use crate::service::facade_metrics::operations::Operations;

/// Where requests are sent.
const PATH: &str = "/graphql";

/// How GraphQL works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GraphQlOptions {
    /// Whether there is GraphQL at all.
    pub enable: bool,
    /// Whether the schema can be asked for, by callers who may read.
    pub introspection: bool,
    /// How deep the fields of a request may be nested.
    pub max_depth: usize,
    /// How complex a request may be: about the number of values in its answer.
    pub max_complexity: usize,
    /// How many aliases a request may have.
    pub max_aliases: usize,
    /// How many requests may be sent together.
    pub max_batch: usize,
    /// How long the text of a query may be, in bytes.
    pub query_bytes_max: usize,
    /// How large the body of a request may be, in bytes.
    pub body_bytes_max: usize,
    /// How large an answer may be, in bytes: that of a request, of a batch, or a message of a subscription.
    pub response_bytes_max: usize,
    /// How long a query or a mutation may take.
    pub timeout: Duration,
    /// How many queries clients may store, to ask for them by their hash; none with 0.
    pub persisted_queries: usize,
    /// How long a client may take to begin, once its WebSocket is open.
    pub connection_init_timeout: Duration,
}

impl Default for GraphQlOptions {
    fn default() -> Self {
        Self {
            enable: true,
            introspection: true,
            max_depth: 16,
            max_complexity: 50_000,
            max_aliases: 30,
            max_batch: 10,
            query_bytes_max: 64 << 10,
            body_bytes_max: 1 << 20,
            response_bytes_max: 16 << 20,
            timeout: Duration::from_secs(30),
            persisted_queries: 1_000,
            connection_init_timeout: Duration::from_secs(3),
        }
    }
}

/// What GraphQL is made from. One for all HTTP workers.
#[derive(Clone)]
pub struct GraphQl {
    engine: Engine,
    gate: Gate,
    realtime: Realtime,
    memory: RequestMemory,
    options: GraphQlOptions,
}

impl GraphQl {
    /// GraphQL over these use cases, for whom the gate lets in. Its connections count with those of live updates, and work
    /// as those do. Its operations are counted.
    pub fn new(
        services: Services,
        operations: Operations,
        gate: Gate,
        realtime: Realtime,
        memory: RequestMemory,
        options: GraphQlOptions,
    ) -> Self {
        Self {
            engine: Engine::new(services, operations, memory.answers.clone(), &options),
            gate,
            realtime,
            memory,
            options,
        }
    }
}

/// Adds the route. Call it once for every HTTP worker, before the REST routes: those answer whatever is left.
pub fn configure(config: &mut ServiceConfig, graphql: &GraphQl) {
    if !graphql.options.enable {
        return;
    }
    let graphql = Rc::new(graphql.clone());
    config.service(resource(
        PATH,
        vec![
            (Method::GET, of_request(&graphql, self::transport::http::get)),
            (Method::POST, of_request(&graphql, self::transport::http::post)),
        ],
    ));
}

/// A route whose function gets the whole request.
fn of_request<H, F>(graphql: &Rc<GraphQl>, handler: H) -> Route
where
    H: Fn(Rc<GraphQl>, HttpRequest, Payload) -> F + Clone + 'static,
    F: Future<Output = HttpResponse> + 'static,
{
    let graphql = Rc::clone(graphql);
    web::to(move |request: HttpRequest, payload: Payload| handler(Rc::clone(&graphql), request, payload))
}
