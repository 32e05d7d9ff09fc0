//! `/workers`: remote workers, which lease jobs, run them and report their results.

pub(super) mod routes;

use std::rc::Rc;

use actix_web::http::Method;
use actix_web::web::ServiceConfig;

use super::api::RestApi;
use super::request::context::{lease_route, report_route, route, route_showing, route_with_query};
use crate::api::disclosure::Disclosure;
use crate::api::routing::resource;

/// Adds the routes of remote workers.
pub(super) fn configure(config: &mut ServiceConfig, api: &Rc<RestApi>, prefix: &str) {
    config.service(resource(
        &format!("{prefix}/workers"),
        vec![
            (
                Method::GET,
                route_with_query(api, &["limit", "after"], routes::list_workers),
            ),
            (
                Method::POST,
                route_showing(api, Disclosure::AllCallers, routes::register_worker),
            ),
        ],
    ));
    config.service(resource(
        &format!("{prefix}/workers/{{id}}"),
        vec![
            (Method::GET, route(api, routes::get_worker)),
            (Method::DELETE, report_route(api, routes::deregister_worker)),
        ],
    ));
    config.service(resource(
        &format!("{prefix}/workers/{{id}}/lease"),
        vec![(Method::POST, lease_route(api, routes::lease_jobs))],
    ));
    config.service(resource(
        &format!("{prefix}/workers/{{id}}/heartbeat"),
        vec![(Method::POST, report_route(api, routes::send_heartbeat))],
    ));
    config.service(resource(
        &format!("{prefix}/workers/{{id}}/complete"),
        vec![(Method::POST, report_route(api, routes::complete_jobs))],
    ));
    config.service(resource(
        &format!("{prefix}/workers/{{id}}/fail"),
        vec![(Method::POST, report_route(api, routes::fail_jobs))],
    ));
}
