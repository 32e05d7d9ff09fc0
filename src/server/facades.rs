//! The server's facades, for an app of actix-web.

use actix_web::web::ServiceConfig;

use crate::api::auth::{AllowedOrigins, Authenticator};
use crate::api::graphql;
use crate::api::graphql::GraphQl;
use crate::api::middleware::security_headers::ResponseHeaders;
use crate::api::pages::Pages;
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
    pub(super) pages: Pages,
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
    /// response to unknown paths. So is `/`, see [`Facades::configure_root`].
    pub fn configure(&self, routes: &mut ServiceConfig) {
        realtime::configure(routes, &self.realtime, &self.rest.options.prefixes());
        graphql::configure(routes, &self.graphql);
        self.pages.configure(routes);
        rest::configure(routes, self.rest.clone());
    }

    /// Adds a redirect from `/` to the dashboard, for a program without a page of its own there.
    pub fn configure_root(&self, routes: &mut ServiceConfig) {
        self.pages.configure_root(routes);
    }
}
