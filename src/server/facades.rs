//! The server's facades, for an app of actix-web.

use actix_web::web::ServiceConfig;

use crate::api::auth::{AllowedOrigins, Authenticator};
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

/// REST, GraphQL, WebSocket, SignalR, health, and web pages.
pub struct Facades {
    pub(super) realtime: Realtime,
    pub(super) graphql: GraphQl,
    pub(super) pages: PagesOptions,
    pub(super) rest: RestApi,
    pub(super) response_headers: ResponseHeaders,
    pub(super) origins: AllowedOrigins,
    /// Counts requests, if enabled.
    pub(super) requests: Option<Requests>,
    /// Counts connections.
    pub(super) connections: HttpConnections,
    /// Determines client addresses for the access log, if enabled.
    pub(super) access: Option<Authenticator>,
}

impl Facades {
    /// Adds all routes, at the configured paths. Call it for every HTTP worker:
    ///
    /// ```ignore
    /// HttpServer::new(move || App::new().configure(|routes| facades.configure(routes)))
    /// ```
    ///
    /// The program may add routes and middlewares. The middlewares of the server's own HTTP server
    /// (security headers, CORS, access log, request metrics) are the responsibility of the program, as is the
    /// response to unknown paths.
    pub fn configure(&self, routes: &mut ServiceConfig) {
        realtime::configure(routes, &self.realtime, &self.rest.options.prefixes());
        graphql::configure(routes, &self.graphql);
        pages::configure(routes, self.pages);
        rest::configure(routes, self.rest.clone());
    }
}
