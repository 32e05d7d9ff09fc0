//! Views of the caller and of the server that responds.

use serde::Serialize;
use utoipa::ToSchema;

use crate::api::contract::server_info::{ServerInfo, ServerLimits, ServerPaths};
use crate::domain::access::caller::{Caller, CallerKind};
use crate::domain::values::time_span::TimeSpan;
use crate::views::values::{Id, Span, Time};
use crate::views::words::{CallerKindWord, Word};

/// The caller of a request.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Me)]
pub(crate) struct MeView {
    /// Name of its key, or subject of its token.
    #[schema(example = "dashboard")]
    pub(crate) name: String,
    /// `key`, `token`, or `anonymous` if authentication is disabled.
    #[schema(value_type = CallerKindWord)]
    pub(crate) kind: Word<CallerKind>,
    /// Names of its scopes, as keys and tokens have them.
    #[schema(example = json!(["tickerq:read"]))]
    pub(crate) scopes: Vec<String>,
    /// Its rate limit; null if there is none.
    pub(crate) rate_limit: Option<RateLimitView>,
    /// Expiry of its token; null if its credentials do not expire.
    #[schema(value_type = Option<String>, format = DateTime, example = "2024-01-15T10:30:00Z")]
    pub(crate) expires_at: Option<Time>,
}

/// A rate limit: a burst of so many requests, and on average so many in a time.
#[derive(Serialize, ToSchema)]
#[schema(as = RateLimit)]
pub(crate) struct RateLimitView {
    /// Number of requests.
    #[schema(example = 100)]
    pub(crate) requests: u32,
    /// Time for that number.
    #[schema(value_type = String, example = "00:01:00")]
    pub(crate) per: Span,
}

impl From<&Caller> for MeView {
    fn from(caller: &Caller) -> Self {
        Self {
            name: caller.name().to_string(),
            kind: Word(caller.kind()),
            scopes: caller.scope_names().iter().map(ToString::to_string).collect(),
            rate_limit: caller.rate().map(|rate| RateLimitView {
                requests: rate.capacity,
                per: Span(TimeSpan::from_micros(
                    i64::try_from(rate.per.as_micros()).unwrap_or(i64::MAX),
                )),
            }),
            expires_at: caller.expires_at().map(Time),
        }
    }
}

/// The server that responds.
#[derive(Serialize, ToSchema)]
#[schema(as = ServerInfo)]
pub(crate) struct ServerView<'a> {
    /// Version.
    #[schema(example = "0.1.0")]
    pub(crate) version: &'static str,
    /// Id of the node.
    #[schema(value_type = String, format = Uuid, example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55")]
    pub(crate) node: Id,
    /// Name of the node: `cluster.node_name` of its configuration.
    #[schema(example = "worker-1")]
    pub(crate) name: &'a str,
    /// `sqlite`, `postgresql`, or the storage of an embedding program: `memory` or `custom`.
    #[schema(example = "postgresql")]
    pub(crate) database: &'static str,
    /// Enabled features, sorted by name: `authentication`, `change-feed`, `graphql`, `prometheus`, `realtime`, `webhooks`.
    #[schema(example = json!(["graphql", "realtime", "webhooks"]))]
    pub(crate) features: &'a [&'static str],
    /// Paths of the facades; null for disabled ones.
    pub(crate) paths: ServerPathsView<'a>,
    /// Limits of requests.
    pub(crate) limits: ServerLimitsView,
}

/// Paths of the facades; null for disabled ones.
#[derive(Serialize, ToSchema)]
#[schema(as = ServerPaths)]
pub(crate) struct ServerPathsView<'a> {
    /// The REST API.
    #[schema(example = "/api/tickerq")]
    pub(crate) rest: Option<&'a str>,
    /// GraphQL.
    #[schema(example = "/graphql")]
    pub(crate) graphql: Option<&'a str>,
    /// WebSocket.
    #[schema(example = "/api/tickerq/ws")]
    pub(crate) websocket: Option<&'a str>,
    /// The SignalR hub.
    #[schema(example = "/api/tickerq/hub")]
    pub(crate) hub: Option<&'a str>,
}

/// Limits of requests.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ServerLimits)]
pub(crate) struct ServerLimitsView {
    /// Maximum number of jobs in a batch.
    #[schema(example = 10000)]
    pub(crate) batch_jobs: u64,
    /// Maximum number of jobs of a bulk change.
    #[schema(example = 10000)]
    pub(crate) bulk_jobs: u64,
    /// Maximum size of a job's parameters, in bytes.
    #[schema(example = 1048576)]
    pub(crate) parameters_bytes: u64,
    /// Maximum size of a body, in bytes.
    #[schema(example = 2097152)]
    pub(crate) body_bytes: u64,
    /// Maximum size of the body of a batch, in bytes.
    #[schema(example = 33554432)]
    pub(crate) batch_body_bytes: u64,
    /// Maximum size of a list, in bytes.
    #[schema(example = 16777216)]
    pub(crate) response_bytes: u64,
    /// Maximum complexity of a GraphQL request.
    #[schema(example = 50000)]
    pub(crate) graphql_complexity: u64,
    /// Maximum depth of a GraphQL request.
    #[schema(example = 16)]
    pub(crate) graphql_depth: u64,
}

impl<'a> From<&'a ServerInfo> for ServerView<'a> {
    fn from(info: &'a ServerInfo) -> Self {
        let ServerInfo {
            node,
            name,
            database,
            features,
            paths,
            limits,
        } = info;
        Self {
            version: ServerInfo::VERSION,
            node: Id::from(*node),
            name,
            database,
            features,
            paths: paths.into(),
            limits: (*limits).into(),
        }
    }
}

impl<'a> From<&'a ServerPaths> for ServerPathsView<'a> {
    fn from(paths: &'a ServerPaths) -> Self {
        let ServerPaths {
            rest,
            graphql,
            websocket,
            hub,
        } = paths;
        Self {
            rest: rest.as_deref(),
            graphql: graphql.as_deref(),
            websocket: websocket.as_deref(),
            hub: hub.as_deref(),
        }
    }
}

impl From<ServerLimits> for ServerLimitsView {
    fn from(limits: ServerLimits) -> Self {
        let ServerLimits {
            batch_jobs,
            bulk_jobs,
            parameters_bytes,
            body_bytes,
            batch_body_bytes,
            response_bytes,
            graphql_complexity,
            graphql_depth,
        } = limits;
        Self {
            batch_jobs,
            bulk_jobs,
            parameters_bytes,
            body_bytes,
            batch_body_bytes,
            response_bytes,
            graphql_complexity,
            graphql_depth,
        }
    }
}
