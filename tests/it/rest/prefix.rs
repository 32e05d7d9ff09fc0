//! A proxy that publishes the server under a prefix: `X-Forwarded-Prefix`.

use reqwest::{Method, Url};
use serde_json::{Value, json};

use crate::harness::client::{ApiResponse, Client};
use crate::harness::server::Server;

const TRUSTED: &str = "[server]\ntrusted_proxies = [\"127.0.0.0/8\", \"::1\"]\n[webhooks]\nenable = true\n";

async fn under(client: &Client, prefix: &str, method: Method, path: &str, body: Value) -> ApiResponse {
    let mut request = client.at_root(method, path).header("x-forwarded-prefix", prefix);
    if !body.is_null() {
        request = request.json(&body);
    }
    client.send(request).await
}

#[tokio::test]
async fn locations_of_created_resources_have_the_prefix() {
    let (_site, server) = Server::with_config(TRUSTED);
    let client = server.client();
    let endpoint = json!({ "url": "https://example.com/", "events": ["job.*"] });
    for (path, body) in [
        ("/api/tickerq/jobs", json!({ "type": "Waits" })),
        (
            "/api/tickerq/v1/jobs",
            json!({ "type": "Waits", "cronExpression": "@daily" }),
        ),
        (
            "/api/tickerq/jobs/recurring",
            json!({ "type": "Waits", "cronExpression": "@daily" }),
        ),
        ("/api/tickerq/workers", json!({ "name": "w", "types": ["Waits"] })),
        ("/api/tickerq/webhooks/endpoints", endpoint),
    ] {
        let made = under(&client, "/team/jobs", Method::POST, path, body).await;
        assert_eq!(made.status, 201, "{path}: {}", made.text);
        let location = made.header("location").expect("a location");
        let inside = location
            .strip_prefix("/team/jobs")
            .unwrap_or_else(|| panic!("{path}: {location}"));
        assert!(inside.starts_with("/api/tickerq/"), "{location}");
        let read = client.send(client.at_root(Method::GET, inside)).await;
        assert_eq!(read.status, 200, "{location}");
    }
}

#[tokio::test]
async fn the_description_and_its_pages_work_under_the_prefix() {
    let (_site, server) = Server::with_config(TRUSTED);
    let client = server.client();
    let described = under(
        &client,
        "/team/jobs/",
        Method::GET,
        "/api/tickerq/openapi.json",
        Value::Null,
    )
    .await;
    assert_eq!(described.json()["servers"], json!([{ "url": "/team/jobs" }]));
    let redirect = under(
        &client,
        "/team/jobs",
        Method::GET,
        "/docs/swagger-initializer.js",
        Value::Null,
    )
    .await;
    let url = redirect
        .text
        .split("\"url\": \"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .expect("a url");
    let page = Url::parse("https://example.com/team/jobs/docs/").expect("a URL");
    assert_eq!(
        page.join(url).expect("a URL").path(),
        "/team/jobs/api/tickerq/openapi.json"
    );
}

#[tokio::test]
async fn a_prefix_counts_only_from_a_trusted_proxy_and_as_a_plain_path() {
    let (_site, trusting) = Server::with_config(TRUSTED);
    let (_other_site, suspicious) = Server::with_config("[server]\ntrusted_proxies = [\"10.0.0.0/8\"]");
    for (server, prefixes) in [
        (
            &trusting,
            &[
                "//evil.example",
                "https://evil.example",
                "/a/../b",
                "jobs",
                "/a?b",
                "/a,/b",
            ][..],
        ),
        (&suspicious, &["/team/jobs"]),
    ] {
        let client = server.client();
        for prefix in prefixes {
            let body = json!({ "type": "Waits" });
            let made = under(&client, prefix, Method::POST, "/api/tickerq/jobs", body).await;
            let location = made.header("location").expect("a location");
            assert!(location.starts_with("/api/tickerq/jobs/"), "{prefix}: {location}");
            let described = under(&client, prefix, Method::GET, "/api/tickerq/openapi.json", Value::Null).await;
            assert_eq!(described.json()["servers"], json!([{ "url": "/" }]), "{prefix}");
        }
    }
}
