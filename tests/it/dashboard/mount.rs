//! Addresses, headers and contents of the dashboard's pages.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::client::{ApiResponse, Client};
use crate::harness::server::Server;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
                      connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'; require-trusted-types-for 'script'; \
                      trusted-types tickerq svelte-trusted-html";

async fn get(client: &Client, path: &str) -> ApiResponse {
    client.send(client.at_root(Method::GET, path)).await
}

/// Values that the server has written into a page.
fn bootstrap(page: &ApiResponse) -> Value {
    let (_, rest) = page.text.split_once("id=\"bootstrap\">").expect("the element");
    let (json, _) = rest.split_once("</script>").expect("its end");
    serde_json::from_str(json).expect("JSON")
}

/// The addresses of a page's files, relative to the page.
fn references(page: &ApiResponse) -> Vec<String> {
    let attributes = page.text.split(['"', '\'']);
    attributes
        .filter(|value| value.contains("assets/"))
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn a_fresh_server_leads_from_its_root_to_the_dashboard() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    let page = get(&client, "/").await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(page.text.contains("id=\"bootstrap\""), "{}", page.text);
    // Relative, for proxies that add a prefix.
    for (path, status, location) in [("/", 307, "dashboard/"), ("/dashboard", 308, "dashboard/")] {
        let plain = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        let plain = plain.build().expect("a client");
        let redirect = plain
            .get(format!("{}{path}", server.url))
            .send()
            .await
            .expect("a response");
        assert_eq!(redirect.status(), status, "{path}");
        assert_eq!(redirect.headers()["location"], location, "{path}");
    }
}

#[tokio::test]
async fn pages_have_a_strict_policy_and_their_files_are_cached() {
    let (_site, server) = Server::with_config("[graphql]\ngraphiql = false\n");
    let client = server.client();
    let item = "/dashboard/jobs/00000000-0000-0000-0000-000000000000";
    for path in ["/dashboard/", "/dashboard/overview", "/dashboard/no-such-page", item] {
        let page = get(&client, path).await;
        assert_eq!(page.status, 200, "{path}");
        for (name, value) in [
            ("content-type", "text/html; charset=utf-8"),
            ("content-security-policy", POLICY),
            ("x-frame-options", "DENY"),
            ("x-robots-tag", "noindex"),
            ("cache-control", "no-cache"),
            ("vary", "accept-encoding"),
        ] {
            assert_eq!(page.header(name), Some(value), "{path}: {name}");
        }
        let tag = page.header("etag").expect("a tag");
        let again = client.at_root(Method::GET, path).header("if-none-match", tag);
        assert_eq!(client.send(again).await.status, 304, "{path}");

        let base = reqwest::Url::parse(&format!("{}{path}", server.url)).expect("a URL");
        let references = references(&page);
        assert!(!references.is_empty(), "{path}: {}", page.text);
        for reference in references {
            let file = base.join(&reference).expect("a URL");
            let file = get(&client, file.path()).await;
            assert_eq!(file.status, 200, "{path}: {reference}");
            let cache = file.header("cache-control").expect("a lifetime");
            assert!(cache.ends_with("immutable"), "{reference}: {cache}");
        }
    }
    get(&client, "/dashboard/a/b/c").await.problem(404);
    get(&client, "/graphiql/").await.problem(404);
    let packed = client.at_root(Method::GET, item).header("accept-encoding", "gzip");
    assert_eq!(client.send(packed).await.header("content-encoding"), Some("gzip"));
}

#[tokio::test]
async fn the_page_has_the_paths_and_the_settings_of_the_server() {
    let (_site, server) = Server::with_config("");
    let page = get(&server.client(), "/dashboard/").await;
    assert_eq!(
        bootstrap(&page),
        json!({
            "mount": "/dashboard/",
            "rest": "/api/tickerq",
            "graphql": "/graphql",
            "live": "/graphql",
            "graphiql": "/graphiql/",
            "docs": "/docs/",
            "version": env!("CARGO_PKG_VERSION"),
            "name": null,
            "stage": null,
            "colour": null,
            "readOnly": false,
            "hidePayloads": false,
            "traceUrl": null,
        })
    );
    let (_site, server) = Server::with_config(
        r#"
        [api]
        base_path = "/api"
        docs = "off"
        [realtime]
        enable = false
        [graphql]
        graphiql = false
        [dashboard]
        path = "/ops/jobs"
        name = "</script><b>Shop"
        stage = "production"
        colour = "crimson"
        read_only = true
        hide_payloads = true
        trace_url = "https://traces.example.com/{traceId}"
        frame_ancestors = ["self", "https://portal.example.com"]
        "#,
    );
    let client = server.client();
    let page = get(&client, "/").await;
    assert_eq!(
        page.text.matches("</script>").count(),
        page.text.matches("<script").count()
    );
    assert!(!page.text.contains("<b>"), "{}", page.text);
    assert_eq!(
        bootstrap(&page),
        json!({
            "mount": "/ops/jobs/",
            "rest": "/api",
            "graphql": "/graphql",
            "live": null,
            "graphiql": null,
            "docs": null,
            "version": env!("CARGO_PKG_VERSION"),
            "name": "</script><b>Shop",
            "stage": "production",
            "colour": "crimson",
            "readOnly": true,
            "hidePayloads": true,
            "traceUrl": "https://traces.example.com/{traceId}",
        })
    );
    assert_eq!(page.header("x-frame-options"), None);
    let policy = page.header("content-security-policy").expect("a policy");
    assert_eq!(
        policy,
        POLICY.replace("'none'; require", "'self' https://portal.example.com; require")
    );
    let base = reqwest::Url::parse(&format!("{}/ops/jobs/jobs/1", server.url)).expect("a URL");
    let item = get(&client, "/ops/jobs/jobs/1").await;
    for reference in references(&item) {
        let file = base.join(&reference).expect("a URL");
        assert_eq!(get(&client, file.path()).await.status, 200, "{reference}");
    }
    get(&client, "/dashboard/").await.problem(404);
}

#[tokio::test]
async fn the_dashboard_can_be_switched_off() {
    for config in ["[dashboard]\nenable = false\n", "[api]\nenable = false\n"] {
        let (_site, server) = Server::with_config(config);
        let client = server.client();
        let root = get(&client, "/").await.problem(404);
        assert_eq!(root["detail"], "path / not found; /docs/ describes the API");
        for path in ["/dashboard", "/dashboard/", "/dashboard/jobs", "/dashboard/jobs/1"] {
            get(&client, path).await.problem(404);
        }
    }
}

#[tokio::test]
async fn without_graphql_the_page_is_served_and_has_no_path_of_it() {
    let (_site, server) = Server::with_config("[graphql]\nenable = false\n");
    let page = get(&server.client(), "/dashboard/").await;
    let values = bootstrap(&page);
    for name in ["graphql", "live", "graphiql"] {
        assert_eq!(values[name], Value::Null, "{name}");
    }
}
