//! Metrics for Prometheus, at the configured path.

use std::rc::Rc;
use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use actix_web::web::ServiceConfig;

use super::api::{Exposition, MakeText, RestApi};
use super::request::context::{ApiResult, RequestContext, open_route, route};
use crate::api::routing::resource;
use crate::domain::access::caller::Scope;

/// Format of the text. Newer versions of Prometheus require it.
const TEXT_FORMAT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// Options of the metrics endpoint for Prometheus.
#[derive(Clone, Debug)]
pub struct PrometheusOptions {
    /// Path of the endpoint.
    pub path: String,
    /// Names of the exported metrics; empty for all.
    pub names: Vec<String>,
    /// True if it requires no authentication.
    pub is_open: bool,
}

/// Adds the route, if it is enabled.
pub(super) fn configure(config: &mut ServiceConfig, api: &Rc<RestApi>) {
    let Some(Exposition { path, is_open, text }) = api.exposition.clone() else {
        return;
    };
    let show = move |context: RequestContext| {
        let text = Arc::clone(&text);
        async move { show(context, is_open, text).await }
    };
    let route = if is_open {
        open_route(api, show)
    } else {
        route(api, show)
    };
    config.service(resource(&path, vec![(Method::GET, route)]));
}

async fn show(context: RequestContext, is_open: bool, text: MakeText) -> ApiResult {
    if !is_open {
        context.caller.require(Scope::Read)?;
    }
    let text = text().await?;
    Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, TEXT_FORMAT)).body(text))
}
