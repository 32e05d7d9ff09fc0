//! The numbers that Prometheus reads, at the path that is configured.

use std::rc::Rc;
use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use actix_web::web::ServiceConfig;

use super::api::{Exposition, MakeText, RestApi};
use super::request::context::{Answer, Call, open_route, resource, route};
use crate::domain::access::caller::Scope;

/// The format of the text. Newer versions of Prometheus refuse numbers whose format is not said.
const TEXT_FORMAT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// The export to Prometheus.
#[derive(Clone, Debug)]
pub struct PrometheusOptions {
    /// Its path.
    pub path: String,
    /// The exported metrics; none for all.
    pub names: Vec<String>,
    /// Whether callers need no credentials, also where the API requires them.
    pub is_open: bool,
}

/// Adds the route, if numbers are exported.
pub(super) fn configure(config: &mut ServiceConfig, api: &Rc<RestApi>) {
    let Some(Exposition { path, is_open, text }) = api.exposition.clone() else {
        return;
    };
    let show = move |call: Call| {
        let text = Arc::clone(&text);
        async move { show(call, is_open, text).await }
    };
    let route = if is_open {
        open_route(api, show)
    } else {
        route(api, show)
    };
    config.service(resource(&path, vec![(Method::GET, route)]));
}

async fn show(call: Call, is_open: bool, text: MakeText) -> Answer {
    if !is_open {
        call.caller.require(Scope::Read)?;
    }
    let text = text().await?;
    Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, TEXT_FORMAT)).body(text))
}
