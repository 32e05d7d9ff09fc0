//! The caller, and the server that responds.

pub(crate) mod node;

use std::sync::Arc;

use async_graphql::{ID, Object};

use super::enums::ActorKind;
use super::int::int;
use crate::api::contract::server_info::{ServerInfo, ServerPaths};
use crate::api::contract::view::server::{MeView, RateLimitView, ServerLimitsView};
use crate::api::graphql::scalars::{DateTime, TimeSpan};
use crate::domain::access::caller::Caller;

/// The caller of a request.
pub(in super::super) struct Me(MeView);

impl From<&Caller> for Me {
    fn from(caller: &Caller) -> Self {
        Self(MeView::from(caller))
    }
}

/// The caller of a request.
#[Object]
impl Me {
    /// Name of its key, or subject of its token.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Authentication method.
    async fn kind(&self) -> ActorKind {
        self.0.kind.0.into()
    }

    /// Names of its scopes, as keys and tokens have them.
    async fn scopes(&self) -> &[String] {
        &self.0.scopes
    }

    /// Its rate limit; null if there is none.
    async fn rate_limit(&self) -> Option<RateLimit<'_>> {
        self.0.rate_limit.as_ref().map(RateLimit)
    }

    /// Expiry of its token; null if its credentials do not expire.
    async fn expires_at(&self) -> Option<DateTime> {
        self.0.expires_at.map(Into::into)
    }
}

/// A rate limit: a burst of so many requests, and on average so many in a time.
pub(in super::super) struct RateLimit<'a>(&'a RateLimitView);

/// A rate limit: a burst of so many requests, and on average so many in a time.
#[Object]
impl RateLimit<'_> {
    /// Number of requests.
    async fn requests(&self) -> i32 {
        int(self.0.requests)
    }

    /// Time for that number.
    async fn per(&self) -> TimeSpan {
        self.0.per.into()
    }
}

/// The server that responds.
pub(in super::super) struct Server(Arc<ServerInfo>);

impl From<Arc<ServerInfo>> for Server {
    fn from(info: Arc<ServerInfo>) -> Self {
        Self(info)
    }
}

/// The server that responds.
#[Object]
impl Server {
    /// Version.
    async fn version(&self) -> &'static str {
        ServerInfo::VERSION
    }

    /// Id of the node.
    async fn node(&self) -> ID {
        ID::from(self.0.node.to_string())
    }

    /// Name of the node: `cluster.node_name` of its configuration.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// `sqlite`, `postgresql`, or the storage of an embedding program: `memory` or `custom`.
    async fn database(&self) -> &'static str {
        self.0.database
    }

    /// Enabled features, sorted by name: `authentication`, `change-feed`, `graphql`, `prometheus`, `realtime`, `webhooks`.
    async fn features(&self) -> &[&'static str] {
        &self.0.features
    }

    /// Paths of the facades; null for disabled ones.
    async fn paths(&self) -> Paths<'_> {
        Paths(&self.0.paths)
    }

    /// Limits of requests.
    async fn limits(&self) -> Limits {
        Limits(self.0.limits.into())
    }
}

/// Paths of the facades; null for disabled ones.
pub(in super::super) struct Paths<'a>(&'a ServerPaths);

/// Paths of the facades; null for disabled ones.
#[Object(name = "ServerPaths")]
impl Paths<'_> {
    /// The REST API.
    async fn rest(&self) -> Option<&str> {
        self.0.rest.as_deref()
    }

    /// GraphQL.
    async fn graphql(&self) -> Option<&str> {
        self.0.graphql.as_deref()
    }

    /// WebSocket.
    async fn websocket(&self) -> Option<&str> {
        self.0.websocket.as_deref()
    }

    /// The SignalR hub.
    async fn hub(&self) -> Option<&str> {
        self.0.hub.as_deref()
    }
}

/// Limits of requests.
pub(in super::super) struct Limits(ServerLimitsView);

/// Limits of requests.
#[Object(name = "ServerLimits")]
impl Limits {
    /// Maximum number of jobs in a batch.
    async fn batch_jobs(&self) -> i32 {
        int(self.0.batch_jobs)
    }

    /// Maximum number of jobs of a bulk change.
    async fn bulk_jobs(&self) -> i32 {
        int(self.0.bulk_jobs)
    }

    /// Maximum size of a job's parameters, in bytes.
    async fn parameters_bytes(&self) -> i32 {
        int(self.0.parameters_bytes)
    }

    /// Maximum size of a body, in bytes.
    async fn body_bytes(&self) -> i32 {
        int(self.0.body_bytes)
    }

    /// Maximum size of the body of a batch, in bytes.
    async fn batch_body_bytes(&self) -> i32 {
        int(self.0.batch_body_bytes)
    }

    /// Maximum size of a list, in bytes.
    async fn response_bytes(&self) -> i32 {
        int(self.0.response_bytes)
    }

    /// Maximum complexity of a GraphQL request.
    async fn graphql_complexity(&self) -> i32 {
        int(self.0.graphql_complexity)
    }

    /// Maximum depth of a GraphQL request.
    async fn graphql_depth(&self) -> i32 {
        int(self.0.graphql_depth)
    }
}
