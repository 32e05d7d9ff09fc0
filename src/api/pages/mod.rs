//! Embedded web pages: GraphiQL at `/graphiql`, and their files at `/assets`.
//!
//! The pages contain no data of the server: everyone may load them, and they send requests with the caller's token.
//! `build.rs` builds them and embeds them compressed with gzip, which every browser supports.

use std::collections::HashMap;

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName, IF_NONE_MATCH, LOCATION,
};
use actix_web::http::{Method, StatusCode};
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use sha2::{Digest, Sha256};

use super::problem::Problem;
use super::routing::resource;

/// Content security policy of the pages: resources of this server only. The editor sets styles on its elements, has
/// inline icons, and starts workers from this server or from its own text.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      font-src 'self' data:; worker-src 'self' blob:; connect-src 'self'; form-action 'none'; \
                      base-uri 'none'; frame-ancestors 'none'";
/// Page that is served if the program was built without pages.
const WITHOUT_PAGES: &str = include_str!("without.html");
/// Cache lifetime of files whose name contains a hash of their content, so that they never change.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// Options of the pages.
#[derive(Clone, Copy, Debug)]
pub struct PagesOptions {
    /// True if GraphiQL is enabled.
    pub graphiql: bool,
}

#[cfg(feature = "dashboard")]
#[expect(
    unreachable_pub,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    reason = "the code is generated, for any program that embeds files"
)]
mod embedded {
    include!(concat!(env!("OUT_DIR"), "/generated.rs"));
}

/// A file and its response headers.
#[derive(Clone, Copy)]
struct File {
    packed: &'static [u8],
    media_type: &'static str,
}

#[cfg(feature = "dashboard")]
fn files() -> HashMap<&'static str, File> {
    let file = |resource: static_files::Resource| File {
        packed: resource.data,
        media_type: resource.mime_type,
    };
    embedded::generate()
        .into_iter()
        .map(|(name, resource)| (name, file(resource)))
        .collect()
}

#[cfg(not(feature = "dashboard"))]
fn files() -> HashMap<&'static str, File> {
    HashMap::new()
}

/// Adds the pages. Called once per HTTP worker.
pub(crate) fn configure(config: &mut ServiceConfig, options: PagesOptions) {
    if !options.graphiql {
        return;
    }
    let mut files = files();
    let page = files.remove("graphiql/index.html");
    let page = page.map(|page| (page, entity_tag(page.packed)));
    add(config, "/graphiql", |_| redirect("graphiql/"));
    add(config, "/graphiql/", move |request| match &page {
        Some((page, tag)) => show(request, *page, tag),
        None => without_pages(),
    });
    add(config, "/assets/{file}", move |request| {
        let name = format!("assets/{}", request.match_info().query("file"));
        match files.get(name.as_str()) {
            Some(file) => packed(*file)
                .insert_header((CACHE_CONTROL, IMMUTABLE))
                .body(file.packed),
            None => Problem::unknown_route(request).answer(request),
        }
    });
}

fn add(config: &mut ServiceConfig, path: &str, answer: impl Fn(&HttpRequest) -> HttpResponse + Clone + 'static) {
    let route = web::to(move |request: HttpRequest| {
        let response = answer(&request);
        async { response }
    });
    config.service(resource(path, vec![(Method::GET, route)]));
}

/// Relative, so that it works behind a proxy that adds a prefix to the path.
fn redirect(to: &'static str) -> HttpResponse {
    HttpResponse::build(StatusCode::PERMANENT_REDIRECT)
        .insert_header((LOCATION, to))
        .finish()
}

/// A page, or 304 if the browser has it.
fn show(request: &HttpRequest, page: File, tag: &str) -> HttpResponse {
    let known = request.headers().get(IF_NONE_MATCH);
    if known.is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return HttpResponse::NotModified()
            .insert_header((ETAG, tag))
            .insert_header((CACHE_CONTROL, "no-cache"))
            .finish();
    }
    guarded(packed(page))
        .insert_header((CACHE_CONTROL, "no-cache"))
        .insert_header((ETAG, tag))
        .body(page.packed)
}

fn without_pages() -> HttpResponse {
    guarded(HttpResponse::NotFound())
        .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        .body(WITHOUT_PAGES)
}

fn packed(file: File) -> HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    response
        .insert_header((CONTENT_TYPE, file.media_type))
        .insert_header((CONTENT_ENCODING, "gzip"));
    response
}

/// Headers of a page that loads nothing from other servers and is not shown in frames.
fn guarded(mut response: HttpResponseBuilder) -> HttpResponseBuilder {
    response
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((HeaderName::from_static("x-frame-options"), "DENY"));
    response
}

fn entity_tag(packed: &[u8]) -> String {
    let digest = hex::encode(Sha256::digest(packed));
    format!("\"{}\"", &digest[..16])
}
