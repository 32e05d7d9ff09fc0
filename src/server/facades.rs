//! All that the server shows to the outside, to be put into an app of actix-web.

use actix_web::web::ServiceConfig;

use crate::api::auth::{AllowedOrigins, Gate};
use crate::api::graphql;
use crate::api::graphql::GraphQl;
use crate::api::middleware::security_headers::ResponseHeaders;
use crate::api::pages;
use crate::api::pages::PagesOptions;
use crate::api::realtime;
use crate::api::realtime::Realtime;
use crate::api::rest;
use crate::api::rest::RestApi;
use crate::service::facade_metrics::connections::HttpConnections;
use crate::service::facade_metrics::requests::Requests;

/// REST, GraphQL, WebSocket, SignalR, health, and their pages.
pub struct Facades {
    pub(super) realtime: Realtime,
    pub(super) graphql: GraphQl,
    pub(super) pages: PagesOptions,
    pub(super) rest: RestApi,
    pub(super) marks: ResponseHeaders,
    pub(super) origins: AllowedOrigins,
    /// Where requests are counted, if they are.
    pub(super) requests: Option<Requests>,
    /// Where connections are counted.
    pub(super) connections: HttpConnections,
    /// Knows the addresses of clients for the access log, if one is kept.
    pub(super) access: Option<Gate>,
}

impl Facades {
    /// Adds all routes, at the paths that the configuration says. Call it for every HTTP worker:
    ///
    /// ```ignore
    /// HttpServer::new(move || App::new().configure(|routes| facades.configure(routes)))
    /// ```
    ///
    /// Routes of the program's own stand beside them, and so do its middlewares: what the server does to all answers where
    /// it has an HTTP server of its own (headers for browsers, CORS, a log of requests, their numbers) is the program's to
    /// do, and so is the answer to requests for what nobody has.
    pub fn configure(&self, routes: &mut ServiceConfig) {
        realtime::configure(routes, &self.realtime, &self.rest.options.prefixes());
        graphql::configure(routes, &self.graphql);
        pages::configure(routes, self.pages);
        rest::configure(routes, self.rest.clone());
    }
}
