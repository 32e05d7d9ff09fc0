//! The GraphQL facade: the use cases as one schema, at `/graphql`.
//!
//! A request arrives over HTTP (`transport/http.rs`) or in a message of a WebSocket (`transport/websocket`); its
//! response may be an event stream (`transport/event_stream.rs`). The transports authenticate; `execution` checks the
//! limits and executes. Resolvers call use cases and contain no rules.

mod context;
mod errors;
pub(crate) mod execution;
mod facade;
mod loader;
mod mutation;
mod options;
mod parser;
mod query;
mod scalars;
mod schema;
mod subscription;
pub(crate) mod transport;
mod types;
pub(crate) mod validation;

pub(crate) use self::context::Services;
pub(crate) use self::facade::GraphQl;
pub use self::options::GraphQlOptions;
pub(crate) use self::schema::sdl;

use std::rc::Rc;

use actix_web::http::Method;
use actix_web::web::{self, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Route};

use super::routing::resource;

/// Path of the facade.
pub(crate) const PATH: &str = "/graphql";

/// Adds the route. Called once per HTTP worker, before the REST routes: those respond to all other paths.
pub(crate) fn configure(config: &mut ServiceConfig, graphql: &GraphQl) {
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

/// A route whose function receives the request and its payload.
fn of_request<H, F>(graphql: &Rc<GraphQl>, handler: H) -> Route
where
    H: Fn(Rc<GraphQl>, HttpRequest, Payload) -> F + Clone + 'static,
    F: Future<Output = HttpResponse> + 'static,
{
    let graphql = Rc::clone(graphql);
    web::to(move |request: HttpRequest, payload: Payload| handler(Rc::clone(&graphql), request, payload))
}
