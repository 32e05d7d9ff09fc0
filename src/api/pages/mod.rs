//! Embedded web pages: the dashboard at `/dashboard/`, GraphiQL at `/graphiql/`, and their files at `/assets`.
//!
//! The pages contain no data of the server: everyone may load them, and they send requests with the caller's token.
//! `build.rs` builds them and embeds them compressed with gzip, which every browser supports. For other clients they are
//! decompressed once.

mod bootstrap;
mod dashboard;
pub(crate) mod dashboard_options;
mod files;
mod graphiql;
mod page;

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::ServiceConfig;

pub(crate) use self::bootstrap::Paths;
use self::dashboard::Dashboard;
use self::dashboard_options::DashboardOptions;
use self::files::Files;
use self::page::{Page, add};
use super::problem::Problem;

/// Cache lifetime of files whose name contains a hash of their content, so that they never change.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// Options of the pages.
#[derive(Clone, Debug)]
pub struct PagesOptions {
    /// True if GraphiQL is enabled.
    pub graphiql: bool,
    /// Options of the dashboard.
    pub dashboard: DashboardOptions,
}

/// The pages of a server.
#[derive(Clone)]
pub(crate) struct Pages {
    files: Arc<Files>,
    has_graphiql: bool,
    graphiql: Option<Page>,
    dashboard: Option<Dashboard>,
}

impl Pages {
    /// The enabled pages of a server with these paths.
    pub(crate) fn new(options: &PagesOptions, paths: &Paths) -> Self {
        let files = files::embedded();
        let graphiql = options.graphiql.then_some(graphiql::PATH);
        let dashboard = options.dashboard.enable.then(|| {
            let graphiql = graphiql.filter(|_| paths.graphql.is_some());
            Dashboard::new(&options.dashboard, paths, graphiql, &files)
        });
        Self {
            graphiql: graphiql.and_then(|_| graphiql::page(&files)),
            has_graphiql: options.graphiql,
            dashboard,
            files: Arc::new(files),
        }
    }

    /// Adds the pages. Called once per HTTP worker.
    pub(crate) fn configure(&self, config: &mut ServiceConfig) {
        if self.has_graphiql {
            graphiql::configure(config, self.graphiql.as_ref());
        }
        if let Some(dashboard) = &self.dashboard {
            dashboard.configure(config);
        }
        if !self.has_graphiql && self.dashboard.is_none() {
            return;
        }
        let files = Arc::clone(&self.files);
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

    /// Adds the redirect from `/` to the dashboard, if it is enabled.
    pub(crate) fn configure_root(&self, config: &mut ServiceConfig) {
        if let Some(dashboard) = &self.dashboard {
            dashboard.configure_root(config);
        }
    }
}
