//! The GraphQL facade: the use cases as one schema, at `/graphql`.
//!
//! A request comes over HTTP (`http.rs`), as a stream (`streaming.rs`) or in a message of a WebSocket (`websocket.rs`);
//! each of them finds out who calls and hands it to the `engine`, which checks what it may cost and carries it out. The
//! schema's functions translate to use cases and hold no rule of their own.

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

pub use self::context::Services;
pub use self::facade::GraphQl;
pub use self::options::GraphQlOptions;
pub use self::schema::sdl;

use std::rc::Rc;

use actix_web::http::Method;
use actix_web::web::{self, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Route};

use super::rest::request::context::resource;

/// Where requests are sent.
const PATH: &str = "/graphql";

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
