//! GraphiQL at `/graphiql/`.

use actix_web::http::StatusCode;
use actix_web::web::ServiceConfig;

use super::files::Files;
use super::page::{Page, add, add_redirect, show};

/// The path of the page.
pub(super) const PATH: &str = "/graphiql/";
/// Content security policy: resources of this server only. The editor sets styles on its elements, has inline icons,
/// and starts workers from this server or from its own text.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      font-src 'self' data:; worker-src 'self' blob:; connect-src 'self'; form-action 'none'; \
                      base-uri 'none'; frame-ancestors 'none'";

/// The page, if the build has it.
pub(super) fn page(files: &Files) -> Option<Page> {
    let file = files.get("graphiql/index.html")?;
    Some(Page::new(file.clone(), POLICY.to_owned(), Some("DENY")))
}

/// Adds the page.
pub(super) fn configure(config: &mut ServiceConfig, page: Option<&Page>) {
    let page = page.cloned();
    add_redirect(config, "/graphiql", StatusCode::PERMANENT_REDIRECT, "graphiql/");
    add(config, PATH, move |request| show(page.as_ref(), request));
}
