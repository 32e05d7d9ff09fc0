//! The dashboard: one page for the mount and addresses of one segment, one for those of two.

use actix_web::http::StatusCode;
use actix_web::web::ServiceConfig;

use super::bootstrap::{Bootstrap, Paths};
use super::dashboard_options::DashboardOptions;
use super::files::{File, Files};
use super::page::{Page, add, add_redirect, show};

/// Content security policy without `frame-ancestors`: resources of this server only, no inline script or style, and
/// Trusted Types. The policy `tickerq` creates the address of the worker.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
                      connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors {ancestors}; require-trusted-types-for 'script'; \
                      trusted-types tickerq svelte-trusted-html";

/// The dashboard of a server. Its pages are filled once, at the start.
#[derive(Clone)]
pub(super) struct Dashboard {
    /// Path with a slash at both ends.
    mount: String,
    index: Option<Page>,
    item: Option<Page>,
}

impl Dashboard {
    /// The dashboard with these options; without pages if the build had none.
    pub(super) fn new(
        options: &DashboardOptions,
        paths: &Paths,
        graphiql: Option<&'static str>,
        files: &Files,
    ) -> Self {
        let mount = options.mount();
        let bootstrap = Bootstrap::new(options, &mount, paths, graphiql);
        let policy = POLICY.replace("{ancestors}", &options.frame_sources());
        let page = |name: &str| {
            let template = files.get(name)?.plain();
            let text = bootstrap.fill(&String::from_utf8_lossy(&template));
            let file = File::of_text(text, "text/html; charset=utf-8");
            Some(Page::new(file, policy.clone(), options.frame_options()))
        };
        Self {
            index: page("dashboard/index.html"),
            item: page("dashboard/item/index.html"),
            mount,
        }
    }

    /// Adds the pages.
    pub(super) fn configure(&self, config: &mut ServiceConfig) {
        let Self { mount, index, item } = self;
        let bare = mount.trim_end_matches('/');
        let last = bare.rsplit('/').next().unwrap_or_default();
        add_redirect(config, bare, StatusCode::PERMANENT_REDIRECT, &format!("{last}/"));
        for (path, page) in [
            (mount.clone(), index),
            (format!("{mount}{{page}}"), index),
            (format!("{mount}{{page}}/{{item}}"), item),
        ] {
            let page = page.clone();
            add(config, &path, move |request| show(page.as_ref(), request));
        }
    }

    /// Adds the redirect from `/`. The mount is a setting, so that browsers must not keep it.
    pub(super) fn configure_root(&self, config: &mut ServiceConfig) {
        add_redirect(
            config,
            "/",
            StatusCode::TEMPORARY_REDIRECT,
            self.mount.trim_start_matches('/'),
        );
    }
}
