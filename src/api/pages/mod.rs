//! Embedded web pages: GraphiQL at `/graphiql`, and their files at `/assets`.
//!
//! The pages contain no data of the server: everyone may load them, and they send requests with the caller's token.
//! `build.rs` builds them and embeds them compressed with gzip, which every browser supports. For other clients they are
//! decompressed once.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::io::Read;
use std::rc::Rc;

use actix_web::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderMap,
    HeaderName, IF_NONE_MATCH, LOCATION, VARY,
};
use actix_web::http::{Method, StatusCode};
use actix_web::web::{self, Bytes, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use flate2::read::GzDecoder;
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
#[derive(Clone)]
struct File {
    packed: &'static [u8],
    media_type: &'static str,
    /// The decompressed file, after the first request without gzip.
    plain: Rc<OnceCell<Bytes>>,
}

impl File {
    fn plain(&self) -> Bytes {
        let unpack = || {
            let mut plain = Vec::new();
            // The file was compressed by `build.rs`.
            let _ = GzDecoder::new(self.packed).read_to_end(&mut plain);
            Bytes::from(plain)
        };
        self.plain.get_or_init(unpack).clone()
    }

    /// The response, in an encoding that the client accepts.
    fn response(&self, request: &HttpRequest, mut response: HttpResponseBuilder) -> HttpResponse {
        response
            .insert_header((CONTENT_TYPE, self.media_type))
            .insert_header((VARY, "accept-encoding"));
        if accepts_gzip(request.headers()) {
            response.insert_header((CONTENT_ENCODING, "gzip")).body(self.packed)
        } else {
            response.body(self.plain())
        }
    }
}

/// True if the client accepts gzip (RFC 9110, section 12.5.3). One without `Accept-Encoding` does not decompress.
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let quality_of = |requested: &[&str]| {
        let values = headers.get_all(ACCEPT_ENCODING).filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).find_map(|item| {
            let (coding, parameter) = item.split_once(';').unwrap_or((item, "q=1"));
            let quality = parameter.trim().strip_prefix("q=")?.parse::<f32>().ok()?;
            requested.contains(&coding.trim()).then_some(quality)
        })
    };
    let quality = quality_of(&["gzip", "x-gzip"]).or_else(|| quality_of(&["*"]));
    quality.is_some_and(|quality| quality > 0.0)
}

#[cfg(feature = "dashboard")]
fn files() -> HashMap<&'static str, File> {
    let file = |resource: static_files::Resource| File {
        packed: resource.data,
        media_type: resource.mime_type,
        plain: Rc::default(),
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
    let page = page.map(|page| {
        let tag = entity_tag(page.packed);
        (page, tag)
    });
    add(config, "/graphiql", |_| redirect("graphiql/"));
    add(config, "/graphiql/", move |request| match &page {
        Some((page, tag)) => show(request, page, tag),
        None => without_pages(),
    });
    add(config, "/assets/{file}", move |request| {
        let name = format!("assets/{}", request.match_info().query("file"));
        match files.get(name.as_str()) {
            Some(file) => {
                let mut response = HttpResponse::Ok();
                response.insert_header((CACHE_CONTROL, IMMUTABLE));
                file.response(request, response)
            }
            None => Problem::unknown_route(request).response(request),
        }
    });
}

fn add(config: &mut ServiceConfig, path: &str, page: impl Fn(&HttpRequest) -> HttpResponse + Clone + 'static) {
    let route = web::to(move |request: HttpRequest| {
        let response = page(&request);
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
fn show(request: &HttpRequest, page: &File, tag: &str) -> HttpResponse {
    let suffix = if accepts_gzip(request.headers()) {
        "gzip"
    } else {
        "plain"
    };
    let tag = format!("\"{tag}-{suffix}\"");
    let known = request.headers().get(IF_NONE_MATCH);
    if known.is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return HttpResponse::NotModified()
            .insert_header((ETAG, tag))
            .insert_header((CACHE_CONTROL, "no-cache"))
            .insert_header((VARY, "accept-encoding"))
            .finish();
    }
    let mut response = guarded(HttpResponse::Ok());
    response
        .insert_header((CACHE_CONTROL, "no-cache"))
        .insert_header((ETAG, tag));
    page.response(request, response)
}

fn without_pages() -> HttpResponse {
    guarded(HttpResponse::NotFound())
        .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        .body(WITHOUT_PAGES)
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
    digest.chars().take(16).collect()
}
