//! Values that the dashboard needs before its first request, as a part of its pages.

use serde::Serialize;

use super::dashboard_options::{DashboardOptions, Stage};

/// The element of the pages that the values are written into.
const PLACE: &str = "id=\"bootstrap\">{}<";
/// References to files in pages that are served one segment below the root.
const REFERENCE: &str = "=\"../";

/// Paths of the server's APIs and pages.
#[derive(Clone, Debug)]
pub(crate) struct Paths {
    /// The REST API.
    pub(crate) rest: String,
    /// GraphQL; `None` if it is disabled.
    pub(crate) graphql: Option<&'static str>,
    /// GraphQL subscriptions; `None` if live updates are disabled.
    pub(crate) live: Option<&'static str>,
    /// Swagger UI; `None` if it is disabled.
    pub(crate) docs: Option<&'static str>,
}

/// The values; `dashboard/app/bootstrap.ts` describes them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Bootstrap<'a> {
    mount: &'a str,
    rest: &'a str,
    graphql: Option<&'a str>,
    live: Option<&'a str>,
    graphiql: Option<&'a str>,
    docs: Option<&'a str>,
    version: &'static str,
    name: Option<&'a str>,
    stage: Option<Stage>,
    colour: Option<&'a str>,
    read_only: bool,
    hide_payloads: bool,
    trace_url: Option<&'a str>,
}

impl<'a> Bootstrap<'a> {
    /// The values of a server with these options and paths.
    pub(super) fn new(
        options: &'a DashboardOptions,
        mount: &'a str,
        paths: &'a Paths,
        graphiql: Option<&'a str>,
    ) -> Self {
        Self {
            mount,
            rest: &paths.rest,
            graphql: paths.graphql,
            live: paths.live,
            graphiql,
            docs: paths.docs,
            version: env!("CARGO_PKG_VERSION"),
            name: options.name.as_deref(),
            stage: options.stage,
            colour: options.colour.as_deref(),
            read_only: options.read_only,
            hide_payloads: options.hide_payloads,
            trace_url: options.trace_url.as_deref(),
        }
    }

    /// The page with these values, and with references that fit the depth of the mount.
    pub(super) fn fill(&self, template: &str) -> String {
        let json = serde_json::to_string(self).unwrap_or_else(|_| "{}".to_owned());
        // No text may end the element.
        let json = json.replace('<', "\\u003c");
        let deeper = self.mount.matches('/').count().saturating_sub(2);
        let reference = format!("=\"{}", "../".repeat(deeper + 1));
        template
            .replace(REFERENCE, &reference)
            .replacen(PLACE, &format!("id=\"bootstrap\">{json}<"), 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str =
        "<link href=\"../assets/a.css\"><script type=\"application/json\" id=\"bootstrap\">{}</script>";

    fn paths() -> Paths {
        Paths {
            rest: "/api/tickerq".to_owned(),
            graphql: Some("/graphql"),
            live: None,
            docs: Some("/docs/"),
        }
    }

    fn filled(options: &DashboardOptions) -> String {
        let mount = options.mount();
        Bootstrap::new(options, &mount, &paths(), None).fill(TEMPLATE)
    }

    fn values(page: &str) -> serde_json::Value {
        let (_, rest) = page.split_once("id=\"bootstrap\">").expect("the element");
        let (json, _) = rest.split_once("</script>").expect("its end");
        serde_json::from_str(json).expect("JSON")
    }

    #[test]
    fn the_page_has_every_value_and_no_text_ends_its_element() {
        let options = DashboardOptions {
            name: Some("</script><script>alert(1)</script>".to_owned()),
            stage: Some(Stage::Production),
            read_only: true,
            trace_url: Some("https://traces.example/{traceId}".to_owned()),
            ..DashboardOptions::default()
        };
        let page = filled(&options);
        assert_eq!(page.matches("<script").count(), 1, "{page}");
        assert_eq!(
            values(&page),
            serde_json::json!({
                "mount": "/dashboard/",
                "rest": "/api/tickerq",
                "graphql": "/graphql",
                "live": null,
                "graphiql": null,
                "docs": "/docs/",
                "version": env!("CARGO_PKG_VERSION"),
                "name": "</script><script>alert(1)</script>",
                "stage": "production",
                "colour": null,
                "readOnly": true,
                "hidePayloads": false,
                "traceUrl": "https://traces.example/{traceId}",
            })
        );
        assert!(page.contains("href=\"../assets/a.css\""), "{page}");
    }

    #[test]
    fn references_fit_the_depth_of_the_mount() {
        let options = DashboardOptions {
            path: "/ops/team/jobs".to_owned(),
            ..DashboardOptions::default()
        };
        let page = filled(&options);
        assert!(page.contains("href=\"../../../assets/a.css\""), "{page}");
        assert_eq!(values(&page)["mount"], "/ops/team/jobs/");
    }
}
