//! `/jobs`: creation, lists, reads and changes of jobs.

pub(super) mod actions;
pub(super) mod batch;
pub(super) mod changes;
pub(super) mod create;
pub(super) mod detail;
pub(super) mod explain;
pub(super) mod facets;
pub(crate) mod list;

use std::rc::Rc;

use actix_web::http::Method;
use actix_web::web::ServiceConfig;

use super::api::RestApi;
use super::request::context::{route, route_with_query};
use crate::api::routing::resource;

/// Adds the routes of jobs.
pub(super) fn configure(config: &mut ServiceConfig, api: &Rc<RestApi>, prefix: &str) {
    // The most frequent path comes first: the router tries them in their order. `/jobs/batch`, `/jobs/changes` and
    // `/jobs/facets` come before `/jobs/{id}`, which would match them.
    config.service(resource(
        &format!("{prefix}/jobs"),
        vec![
            (Method::GET, route_with_query(api, list::PARAMETERS, list::list_jobs)),
            (Method::POST, route(api, create::create_job)),
        ],
    ));
    config.service(resource(
        &format!("{prefix}/jobs/batch"),
        vec![(Method::POST, route(api, batch::create_jobs))],
    ));
    config.service(resource(
        &format!("{prefix}/jobs/changes"),
        vec![(
            Method::GET,
            route_with_query(api, changes::PARAMETERS, changes::list_job_changes),
        )],
    ));
    config.service(resource(
        &format!("{prefix}/jobs/facets"),
        vec![(
            Method::GET,
            route_with_query(api, facets::PARAMETERS, facets::count_jobs),
        )],
    ));
    config.service(resource(
        &format!("{prefix}/jobs/{{id}}"),
        vec![
            (Method::GET, route(api, detail::get_job)),
            (Method::PATCH, route(api, actions::patch_job)),
            (Method::DELETE, route(api, actions::delete_job)),
        ],
    ));
    config.service(resource(
        &format!("{prefix}/jobs/{{id}}/explain"),
        vec![(Method::GET, route(api, explain::explain_job))],
    ));
    config.service(resource(
        &format!("{prefix}/jobs/{{id}}/execute"),
        vec![(Method::POST, route(api, actions::execute_job))],
    ));
    config.service(resource(
        &format!("{prefix}/jobs/{{id}}/cancel"),
        vec![(Method::POST, route(api, actions::cancel_job))],
    ));
    config.service(resource(
        &format!("{prefix}/jobs/{{id}}/retry"),
        vec![(Method::POST, route(api, actions::retry_job))],
    ));
}
