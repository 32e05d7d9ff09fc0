//! `/jobs/recurring`: creation, lists, reads, changes and triggering of recurring jobs.

pub(super) mod by_key;
pub(super) mod list;
pub(super) mod routes;
pub(super) mod schedule;

pub(super) use self::routes::create;

use std::rc::Rc;

use actix_web::http::Method;
use actix_web::web::ServiceConfig;

use super::api::RestApi;
use super::request::context::{route, route_with_query};
use crate::api::routing::resource;

/// Adds the routes of recurring jobs.
pub(super) fn configure(config: &mut ServiceConfig, api: &Rc<RestApi>, prefix: &str) {
    config.service(resource(
        &format!("{prefix}/jobs/recurring"),
        vec![
            (
                Method::GET,
                route_with_query(api, list::PARAMETERS, list::list_recurring_jobs),
            ),
            (Method::POST, route(api, routes::create_recurring_job)),
        ],
    ));
    // Before the path `{id}`, which would match them.
    config.service(resource(
        &format!("{prefix}/jobs/recurring/preview"),
        vec![(
            Method::GET,
            route_with_query(api, schedule::PREVIEW_PARAMETERS, schedule::preview_schedule),
        )],
    ));
    config.service(resource(
        &format!("{prefix}/jobs/recurring/upcoming"),
        vec![(
            Method::GET,
            route_with_query(api, schedule::UPCOMING_PARAMETERS, schedule::list_upcoming),
        )],
    ));
    config.service(resource(
        &format!("{prefix}/jobs/recurring/{{id}}"),
        vec![
            (Method::GET, route(api, routes::get_recurring_job)),
            (Method::PUT, route(api, routes::replace_recurring_job)),
            (Method::PATCH, route(api, routes::patch_recurring_job)),
            (Method::DELETE, route(api, routes::delete_recurring_job)),
        ],
    ));
    // Before the paths below `{id}`, which would match `by-key`.
    config.service(resource(
        &format!("{prefix}/jobs/recurring/by-key/{{key}}"),
        vec![
            (Method::GET, route(api, by_key::get_recurring_job_by_key)),
            (Method::PUT, route(api, by_key::put_recurring_job_by_key)),
            (Method::DELETE, route(api, by_key::delete_recurring_job_by_key)),
        ],
    ));
    config.service(resource(
        &format!("{prefix}/jobs/recurring/{{id}}/enable"),
        vec![(Method::POST, route(api, routes::enable_recurring_job))],
    ));
    config.service(resource(
        &format!("{prefix}/jobs/recurring/{{id}}/disable"),
        vec![(Method::POST, route(api, routes::disable_recurring_job))],
    ));
    config.service(resource(
        &format!("{prefix}/jobs/recurring/{{id}}/trigger"),
        vec![(Method::POST, route(api, routes::trigger_recurring_job))],
    ));
}
