//! `/webhooks`: webhook endpoints and deliveries.

pub(super) mod deliveries;
pub(super) mod endpoints;

use std::rc::Rc;

use actix_web::http::Method;
use actix_web::web::ServiceConfig;

use super::api::RestApi;
use super::request::context::{route, route_showing, route_with_query};
use crate::api::disclosure::Disclosure;
use crate::api::routing::resource;

/// Adds the routes of webhooks.
pub(super) fn configure(config: &mut ServiceConfig, api: &Rc<RestApi>, prefix: &str) {
    let endpoints = format!("{prefix}/webhooks/endpoints");
    let one = format!("{endpoints}/{{id}}");
    config.service(resource(
        &endpoints,
        vec![
            (Method::GET, route(api, endpoints::list_webhook_endpoints)),
            (
                Method::POST,
                route_showing(api, Disclosure::Administrators, endpoints::create_webhook_endpoint),
            ),
        ],
    ));
    config.service(resource(
        &one,
        vec![
            (Method::GET, route(api, endpoints::get_webhook_endpoint)),
            (
                Method::PATCH,
                route_showing(api, Disclosure::Administrators, endpoints::patch_webhook_endpoint),
            ),
            (
                Method::DELETE,
                route_showing(api, Disclosure::Administrators, endpoints::delete_webhook_endpoint),
            ),
        ],
    ));
    config.service(resource(
        &format!("{one}/enable"),
        vec![(
            Method::POST,
            route_showing(api, Disclosure::Administrators, endpoints::enable_webhook_endpoint),
        )],
    ));
    config.service(resource(
        &format!("{one}/disable"),
        vec![(
            Method::POST,
            route_showing(api, Disclosure::Administrators, endpoints::disable_webhook_endpoint),
        )],
    ));
    config.service(resource(
        &format!("{one}/rotate-secret"),
        vec![(
            Method::POST,
            route_showing(api, Disclosure::Administrators, endpoints::rotate_webhook_secret),
        )],
    ));
    config.service(resource(
        &format!("{one}/test"),
        vec![(
            Method::POST,
            route_showing(api, Disclosure::Administrators, endpoints::test_webhook_endpoint),
        )],
    ));
    config.service(resource(
        &format!("{one}/deliveries"),
        vec![(
            Method::GET,
            route_with_query(api, deliveries::PARAMETERS, deliveries::list_webhook_deliveries),
        )],
    ));
    config.service(resource(
        &format!("{one}/redeliver"),
        vec![(
            Method::POST,
            route_showing(
                api,
                Disclosure::Administrators,
                deliveries::redeliver_failed_webhook_deliveries,
            ),
        )],
    ));
    config.service(resource(
        &format!("{prefix}/webhooks/deliveries/{{id}}"),
        vec![(Method::GET, route(api, deliveries::get_webhook_delivery))],
    ));
    config.service(resource(
        &format!("{prefix}/webhooks/deliveries/{{id}}/redeliver"),
        vec![(Method::POST, route(api, deliveries::redeliver_webhook_delivery))],
    ));
}
