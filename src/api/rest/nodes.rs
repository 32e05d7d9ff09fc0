//! `/nodes`: the nodes of the cluster, and their draining.

use std::rc::Rc;

use actix_web::http::{Method, StatusCode};
use actix_web::web::ServiceConfig;
use serde::Serialize;
use utoipa::ToSchema;

use super::api::RestApi;
use super::request::context::{ApiResult, RequestContext, json, route, route_showing};
use crate::api::contract::view::node::NodeDocument;
use crate::api::disclosure::Disclosure;
use crate::api::problem::Problem;
use crate::api::routing::resource;
use crate::domain::values::id::{JobId, NodeId};

/// Adds the routes of nodes.
pub(super) fn configure(config: &mut ServiceConfig, api: &Rc<RestApi>, prefix: &str) {
    config.service(resource(
        &format!("{prefix}/nodes"),
        vec![(Method::GET, route(api, list_nodes))],
    ));
    config.service(resource(
        &format!("{prefix}/nodes/{{id}}/drain"),
        vec![(Method::POST, route_showing(api, Disclosure::Administrators, drain_node))],
    ));
    config.service(resource(
        &format!("{prefix}/nodes/{{id}}/resume"),
        vec![(
            Method::POST,
            route_showing(api, Disclosure::Administrators, resume_node),
        )],
    ));
}

impl RequestContext {
    fn node_id(&self) -> Result<NodeId, Problem> {
        // The format is that of a job's id.
        let id = self.path_part("id", "node", JobId::parse)?;
        Ok(NodeId::from_uuid(id.as_uuid()))
    }
}

/// All nodes.
#[derive(Serialize, ToSchema)]
pub(super) struct NodeList {
    /// The nodes, sorted by start time.
    nodes: Vec<NodeDocument>,
}

/// List the nodes of the cluster
#[utoipa::path(
    get,
    path = "/nodes",
    tag = "nodes",
    description = "Returns the nodes that share the storage: live nodes, and nodes that were lost in the last hour.",
    responses((status = 200, description = "The nodes", body = NodeList))
)]
pub(super) async fn list_nodes(context: RequestContext) -> ApiResult {
    let own = context.api.nodes.own();
    let nodes = context.api.nodes.list(&context.caller).await?;
    let nodes = nodes.into_iter().map(|node| NodeDocument::new(node, own)).collect();
    json(StatusCode::OK, &NodeList { nodes })
}

/// Drain a node
#[utoipa::path(
    post,
    path = "/nodes/{id}/drain",
    tag = "nodes",
    description = "Drains a node: it starts no new jobs, including jobs of remote workers that call it. Its running jobs continue, and other \
                   nodes start due jobs. It drains until it is resumed or restarted. Requires the scope `tickerq:admin`.",
    params(("id" = String, Path, format = Uuid, description = "The node's id")),
    responses(
        (status = 200, description = "The node, draining", body = NodeDocument),
        (status = 404, description = "Node not found"),
        (status = 413, description = "Body too large"),
        (status = 415, description = "Content type is not JSON"),
    )
)]
pub(super) async fn drain_node(mut context: RequestContext) -> ApiResult {
    let id = context.node_id()?;
    context.no_fields().await?;
    let own = context.api.nodes.own();
    let node = context.api.nodes.drain(&context.caller, id).await?;
    json(StatusCode::OK, &NodeDocument::new(node, own))
}

/// Resume a draining node
#[utoipa::path(
    post,
    path = "/nodes/{id}/resume",
    tag = "nodes",
    description = "Ends the drain of a node, which starts jobs again. Requires the scope `tickerq:admin`.",
    params(("id" = String, Path, format = Uuid, description = "The node's id")),
    responses(
        (status = 200, description = "The node", body = NodeDocument),
        (status = 404, description = "Node not found"),
        (status = 413, description = "Body too large"),
        (status = 415, description = "Content type is not JSON"),
    )
)]
pub(super) async fn resume_node(mut context: RequestContext) -> ApiResult {
    let id = context.node_id()?;
    context.no_fields().await?;
    let own = context.api.nodes.own();
    let node = context.api.nodes.resume(&context.caller, id).await?;
    json(StatusCode::OK, &NodeDocument::new(node, own))
}
