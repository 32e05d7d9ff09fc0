//! Responses with a page.

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName, IF_NONE_MATCH, LOCATION, VARY,
};
use actix_web::http::{Method, StatusCode};
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};

use super::files::{File, accepts_gzip};
use crate::api::routing::resource;

/// Page that is served if the program was built without pages.
const WITHOUT_PAGES: &str = include_str!("without.html");
/// Policy of that page: its style is part of it.
const WITHOUT_PAGES_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; \
                                    frame-ancestors 'none'";
const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");
const FRAME_OPTIONS: HeaderName = HeaderName::from_static("x-frame-options");

/// A page with the headers that restrict it.
#[derive(Clone)]
pub(super) struct Page {
    file: File,
    tag: String,
    policy: String,
    /// `X-Frame-Options`; none if the policy allows other origins, which the header can't name.
    frame_options: Option<&'static str>,
}

impl Page {
    /// A page with this content security policy, shown in frames as `frame_options` states.
    pub(super) fn new(file: File, policy: String, frame_options: Option<&'static str>) -> Self {
        Self {
            tag: file.tag(),
            file,
            policy,
            frame_options,
        }
    }

    /// The page, or 304 if the browser has it.
    fn response(&self, request: &HttpRequest) -> HttpResponse {
        let suffix = if accepts_gzip(request.headers()) {
            "gzip"
        } else {
            "plain"
        };
        let tag = format!("\"{}-{suffix}\"", self.tag);
        let known = request.headers().get(IF_NONE_MATCH);
        if known.is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
            return HttpResponse::NotModified()
                .insert_header((ETAG, tag))
                .insert_header((CACHE_CONTROL, "no-cache"))
                .insert_header((VARY, "accept-encoding"))
                .finish();
        }
        let mut response = guarded(HttpResponse::Ok(), &self.policy, self.frame_options);
        response
            .insert_header((CACHE_CONTROL, "no-cache"))
            .insert_header((ETAG, tag));
        self.file.response(request, response)
    }
}

/// The page, or that of a program without pages.
pub(super) fn show(page: Option<&Page>, request: &HttpRequest) -> HttpResponse {
    match page {
        Some(page) => page.response(request),
        None => guarded(HttpResponse::NotFound(), WITHOUT_PAGES_POLICY, Some("DENY"))
            .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
            .body(WITHOUT_PAGES),
    }
}

fn guarded(
    mut response: HttpResponseBuilder,
    policy: &str,
    frame_options: Option<&'static str>,
) -> HttpResponseBuilder {
    response
        .insert_header((CONTENT_SECURITY_POLICY, policy))
        .insert_header((ROBOTS, "noindex"));
    if let Some(frame_options) = frame_options {
        response.insert_header((FRAME_OPTIONS, frame_options));
    }
    response
}

/// Adds a path with the response to `GET`.
pub(super) fn add(
    config: &mut ServiceConfig,
    path: &str,
    page: impl Fn(&HttpRequest) -> HttpResponse + Clone + 'static,
) {
    let route = web::to(move |request: HttpRequest| {
        let response = page(&request);
        async { response }
    });
    config.service(resource(path, vec![(Method::GET, route)]));
}

/// Adds a redirect to a path, which is relative, so that it works behind a proxy that adds a prefix.
pub(super) fn add_redirect(config: &mut ServiceConfig, path: &str, status: StatusCode, to: &str) {
    let to = to.to_owned();
    add(config, path, move |_| {
        HttpResponse::build(status)
            .insert_header((LOCATION, to.as_str()))
            .insert_header((CACHE_CONTROL, "no-cache"))
            .finish()
    });
}
