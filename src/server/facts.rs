//! The facts about a server that its clients read.

use std::sync::Arc;

use super::options::ServerOptions;
use crate::api::contract::server_info::{ServerInfo, ServerLimits, ServerPaths};
use crate::api::graphql;
use crate::api::pages::Paths;
use crate::api::rest::Docs;
use crate::domain::values::id::NodeId;
use crate::service::jobs::bulk::BULK_MAX;

/// The facts about a server with these options; its node is not known yet.
pub(super) fn server_info(options: &ServerOptions, database: &'static str) -> ServerInfo {
    let ServerOptions {
        auth,
        rest,
        realtime,
        prometheus,
        graphql,
        job_limits,
        runtime,
        ..
    } = options;
    let features = [
        ("authentication", auth.is_required),
        ("change-feed", runtime.sync.feed),
        ("graphql", graphql.enable),
        ("prometheus", prometheus.is_some()),
        ("realtime", realtime.enable),
        ("webhooks", runtime.webhooks.delivery.enable),
    ];
    let base = rest.prefixes().into_iter().next().unwrap_or_default();
    let live = |path: &str| realtime.enable.then(|| format!("{base}/{path}"));
    ServerInfo {
        node: NodeId::from_uuid(uuid::Uuid::nil()),
        name: Arc::clone(&runtime.node_name),
        database,
        features: features
            .into_iter()
            .filter(|(_, is_enabled)| *is_enabled)
            .map(|(feature, _)| feature)
            .collect(),
        paths: ServerPaths {
            rest: rest.enable.then(|| base.clone()),
            graphql: graphql.enable.then(|| graphql::PATH.to_owned()),
            websocket: live("ws"),
            hub: live("hub"),
        },
        limits: ServerLimits {
            batch_jobs: number(job_limits.batch_jobs_max),
            bulk_jobs: number(BULK_MAX),
            parameters_bytes: number(job_limits.parameters_bytes_max),
            body_bytes: number(rest.body_bytes_max),
            batch_body_bytes: number(rest.batch_body_bytes_max),
            response_bytes: number(rest.response_bytes_max),
            graphql_complexity: number(graphql.max_complexity),
            graphql_depth: number(graphql.max_depth),
        },
    }
}

/// The paths that the pages of a server with these options use.
pub(super) fn page_paths(options: &ServerOptions) -> Paths {
    let ServerOptions {
        rest,
        realtime,
        graphql,
        ..
    } = options;
    let graphql = graphql.enable.then_some(graphql::PATH);
    Paths {
        rest: rest.prefixes().into_iter().next().unwrap_or_default(),
        graphql,
        live: graphql.filter(|_| realtime.enable),
        docs: (rest.enable && rest.docs != Docs::Off).then_some("/docs/"),
    }
}

fn number(count: impl TryInto<u64>) -> u64 {
    count.try_into().unwrap_or(u64::MAX)
}
