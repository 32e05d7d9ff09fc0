//! Headers for browsers: allowed origins, and the use of responses.

use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};

use crate::harness::client::{ApiResponse, Client};
use crate::harness::server::{Server, Site, Storage};

const APP: &str = "https://app.example.com";
const KEY: &str = "tq_browser-key-for-tests";

fn with_key(origins: &str) -> String {
    format!(
        "[server]\ncors_origins = {origins}\n[[api.keys]]\nname = \"page\"\nkey = \"{KEY}\"\nscopes = \
         [\"tickerq:read\", \"tickerq:write\"]\nrate_limit = \"1000/s\"\n"
    )
}

async fn preflight(client: &Client, origin: &str, method: &str, headers: &str) -> ApiResponse {
    let request = client
        .request(Method::OPTIONS, "/jobs")
        .header("origin", origin)
        .header("access-control-request-method", method)
        .header("access-control-request-headers", headers);
    client.send(request).await
}

/// All words of a header, which may occur several times.
fn words(headers: &HeaderMap, name: &str) -> Vec<String> {
    let mut words: Vec<String> = headers
        .get_all(name)
        .iter()
        .flat_map(|value| value.to_str().expect("text").split(','))
        .map(|word| word.trim().to_ascii_lowercase())
        .collect();
    words.sort_unstable();
    words
}

#[tokio::test]
async fn a_preflight_of_a_page_that_may_call_needs_no_key() {
    let (_site, server) = Server::with_config(&with_key(&format!("[\"{APP}\"]")));
    let client = server.client();
    // Requested by SignalR's client, among others.
    for (method, headers) in [
        ("POST", "authorization,content-type,idempotency-key"),
        ("GET", "authorization,x-requested-with,x-signalr-user-agent"),
        ("DELETE", "authorization,if-match"),
        ("PATCH", "content-type"),
    ] {
        let response = preflight(&client, APP, method, headers).await;
        assert!(
            response.status.is_success(),
            "{method}: {} {}",
            response.status,
            response.text
        );
        assert_eq!(response.header("access-control-allow-origin"), Some(APP));
        assert_eq!(response.header("access-control-allow-credentials"), Some("true"));
        assert!(words(&response.headers, "access-control-allow-methods").contains(&method.to_ascii_lowercase()));
        let allowed = words(&response.headers, "access-control-allow-headers");
        for header in headers.split(',') {
            assert!(
                allowed.contains(&header.to_owned()),
                "{header} is not among {allowed:?}"
            );
        }
        assert_eq!(response.header("access-control-max-age"), Some("7200"));
        assert!(words(&response.headers, "vary").contains(&"origin".to_owned()));
    }
}

#[tokio::test]
async fn every_response_is_readable_by_allowed_origins() {
    let (_site, server) = Server::with_config(&with_key(&format!("[\"{APP}\", \"http://localhost:3000\"]")));
    let client = server.client();
    let known = client.with_token(KEY);
    for (caller, path, status) in [
        (&known, "/jobs", 200),
        (&client, "/jobs", 401),
        (&client.with_token("tq_a-wrong-key"), "/jobs", 401),
        (&known, "/audit", 403),
        (&known, "/jobs/1", 404),
        (&known, "/nothing", 404),
    ] {
        for origin in [APP, "http://localhost:3000"] {
            let response = caller
                .send(caller.request(Method::GET, path).header("origin", origin))
                .await;
            assert_eq!(response.status.as_u16(), status, "{path}");
            assert_eq!(
                response.header("access-control-allow-origin"),
                Some(origin),
                "{path} {status}"
            );
            assert_eq!(
                response.header("access-control-allow-credentials"),
                Some("true"),
                "{path} {status}"
            );
            let exposed = words(&response.headers, "access-control-expose-headers");
            for header in [
                "location",
                "etag",
                "retry-after",
                "www-authenticate",
                "ratelimit",
                "idempotency-replayed",
            ] {
                assert!(
                    exposed.contains(&header.to_owned()),
                    "{header} is not among {exposed:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_page_that_may_not_call_reads_nothing() {
    let (_site, server) = Server::with_config(&with_key(&format!("[\"{APP}\"]")));
    let client = server.client();
    for origin in [
        "https://evil.example",
        "https://app.example.com.evil.example",
        "http://app.example.com",
        "https://app.example.com:8443",
        "null",
    ] {
        let response = preflight(&client, origin, "POST", "authorization").await;
        assert_eq!(response.header("access-control-allow-origin"), None, "{origin}");
        let request = client
            .with_token(KEY)
            .request(Method::GET, "/jobs")
            .header("origin", origin);
        let response = client.send(request).await;
        assert_eq!(response.header("access-control-allow-origin"), None, "{origin}");
    }
    // Without configured origins there are no CORS headers.
    let (_site, server) = Server::with_config("");
    let client = server.client();
    let response = client
        .send(client.request(Method::GET, "/jobs").header("origin", APP))
        .await;
    assert_eq!(response.status, StatusCode::FORBIDDEN);
    assert!(
        response
            .headers
            .keys()
            .all(|name| !name.as_str().starts_with("access-control")),
        "{response:?}"
    );
}

#[tokio::test]
async fn a_star_allows_every_origin_without_credentials() {
    let (_site, server) = Server::with_config(&with_key("[\"*\"]"));
    let client = server.client();
    let response = preflight(&client, "https://another.example", "POST", "authorization").await;
    assert!(response.status.is_success(), "{}", response.status);
    assert_eq!(response.header("access-control-allow-origin"), Some("*"));
    assert_eq!(response.header("access-control-allow-credentials"), None);
}

#[tokio::test]
async fn without_authentication_a_page_of_another_origin_changes_nothing() {
    let (_site, server) = Server::with_config(&format!("[server]\ncors_origins = [\"{APP}\"]\n"));
    let client = server.client();
    let pause = |name: &'static str, value: String| {
        let request = client
            .request(Method::POST, "/queues/default/pause")
            .header(name, value);
        let client = &client;
        async move { client.send(request).await }
    };
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let response = pause(name, value.to_owned()).await;
        let problem = response.problem(403);
        assert!(
            problem["detail"]
                .as_str()
                .is_some_and(|detail| detail.contains("server.cors_origins")),
            "{problem}"
        );
    }
    assert_eq!(client.queue("default").await["status"], "running");
    for (name, value) in [
        ("origin", server.url.clone()),
        ("origin", APP.to_owned()),
        ("sec-fetch-site", "same-origin".to_owned()),
        ("sec-fetch-site", "none".to_owned()),
    ] {
        let response = pause(name, value.clone()).await;
        assert_eq!(response.status, StatusCode::OK, "{name}: {value}");
    }
}

#[tokio::test]
async fn without_authentication_a_page_of_another_origin_has_nothing_read() {
    let (_site, server) = Server::with_config(&format!("[server]\ncors_origins = [\"{APP}\"]\n"));
    let client = server.client();
    let get = async |path: &str, headers: &[(&str, &str)]| {
        let request = headers
            .iter()
            .fold(client.at_root(Method::GET, path), |request, (name, value)| {
                request.header(*name, *value)
            });
        client.send(request).await
    };
    let image = [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "no-cors"),
        ("sec-fetch-dest", "image"),
    ];
    let frame = [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-dest", "iframe"),
    ];
    let link = [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-dest", "document"),
    ];
    let (own, allowed) = (format!("{}/docs/", server.url), format!("{APP}/"));
    let data = [
        "/api/tickerq/jobs?search=x",
        "/api/tickerq/v1/jobs",
        "/api/tickerq/queues",
        "/api/tickerq/jobs/changes",
        "/api/tickerq/workers",
        "/api/tickerq/nodes",
        "/api/tickerq/audit",
        "/api/tickerq/webhooks/endpoints",
        "/api/tickerq/metrics/system",
        "/api/tickerq/jobs/recurring",
    ];
    for path in data {
        for headers in [
            &image[..],
            &frame,
            &link,
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "same-site"), ("origin", "http://localhost:1")],
            &[("origin", "https://evil.example")],
            &[("origin", "null")],
            // A browser sends no `Sec-Fetch-Site` over plain HTTP to another machine.
            &[("accept", "image/avif,image/webp,*/*;q=0.8")],
            &[("referer", "http://evil.example/"), ("accept", "*/*")],
        ] {
            let refused = get(path, headers).await;
            assert_eq!(
                refused.status,
                StatusCode::FORBIDDEN,
                "{path} {headers:?} {}",
                refused.text
            );
        }
        for headers in [
            &[][..],
            &[("sec-fetch-site", "none")],
            &[("sec-fetch-site", "same-origin")],
            &[("sec-fetch-site", "cross-site"), ("origin", APP)],
            &[("accept", "*/*")],
            &[("accept", "text/html,application/xhtml+xml,image/avif,*/*;q=0.8")],
            &[("referer", own.as_str()), ("accept", "application/json")],
            &[("referer", allowed.as_str()), ("accept", "application/json")],
        ] {
            let response = get(path, headers).await;
            assert_ne!(
                response.status,
                StatusCode::FORBIDDEN,
                "{path} {headers:?} {}",
                response.text
            );
        }
    }
    // Pages without data can be linked to, but not loaded by other pages.
    for path in ["/docs/", "/docs/index.html", "/api/tickerq/openapi.json"] {
        assert_eq!(get(path, &link).await.status, StatusCode::OK, "{path}");
        let plain = [("referer", "http://evil.example/"), ("accept", "text/html")];
        assert_eq!(get(path, &plain).await.status, StatusCode::OK, "{path}");
        for headers in [&image, &frame] {
            assert_eq!(
                get(path, headers).await.status,
                StatusCode::FORBIDDEN,
                "{path} {headers:?}"
            );
        }
    }
    // The pages' own parts come without a referrer.
    let style = [("accept", "text/css,*/*;q=0.1")];
    assert_eq!(get("/docs/swagger-ui.css", &style).await.status, StatusCode::OK);
    for path in ["/healthz", "/readyz", "/graphiql/", "/dashboard/", "/dashboard/jobs"] {
        assert_eq!(get(path, &link).await.status, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn with_a_key_every_origin_is_accepted() {
    // A page can have the key only from its user: browsers do not add it.
    let (_site, server) = Server::with_config(&with_key("[]"));
    let client = server.client().with_token(KEY);
    let request = client
        .request(Method::POST, "/queues/default/pause")
        .header("origin", "https://evil.example");
    assert_eq!(client.send(request).await.status, StatusCode::OK);
}

#[tokio::test]
async fn responses_have_security_headers_and_are_private() {
    let (_site, server) = Server::with_config(&with_key("[]"));
    let client = server.client();
    let known = client.with_token(KEY);
    let job = known.create(serde_json::json!({"type": "A"})).await;
    let path = format!("/jobs/{}", job["id"].as_str().expect("an id"));
    for (response, cache) in [
        (known.get("/jobs").await, "no-store"),
        (known.get(&path).await, "private, no-cache"),
        (client.get("/jobs").await, "no-store"),
        (known.get("/nothing").await, "no-store"),
    ] {
        assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(response.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(response.header("cache-control"), Some(cache), "{response:?}");
    }
    let page = known.send(known.at_root(Method::GET, "/docs/")).await;
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(
        policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe-eval"),
        "{policy}"
    );
    assert_eq!(page.header("x-frame-options"), Some("DENY"));

    let (_site, server) = Server::with_config("");
    let response = server.client().get("/jobs").await;
    assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(response.header("cache-control"), None, "public responses may be cached");
}

#[test]
fn an_invalid_origin_is_rejected_at_start() {
    let check = |config: &str, variables: &[(&str, &str)]| {
        let site = Site::new(Storage::Sqlite, config);
        let mut command = site.command(&["config", "check"]);
        let output = command
            .envs(variables.iter().copied())
            .output()
            .expect("the program runs");
        (
            output.status.success(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    let key = "[[api.keys]]\nname = \"page\"\nkey = \"tq_browser-key-for-tests\"\nscopes = [\"tickerq:read\"]\n";
    for origin in [
        "",
        "null",
        "**",
        "* ",
        " *",
        "*.",
        "*.example.com",
        "http://*",
        "https://*.example.com",
        "https://App.example.com",
        "HTTPS://app.example.com",
        "https://app.example.com/",
        "https://app.example.com:443",
        "https://app.example.com?x",
        "https://app.example.com#x",
        "https://user@app.example.com",
        "//app.example.com",
        "app.example.com",
        "https://",
        "https://a,https://b",
        "https://a https://b",
        "https://a\\u2028",
        "https://m\u{fc}nchen.example",
        "https://a:99999",
    ] {
        for rest in ["", key] {
            let config = format!("[server]\ncors_origins = [\"https://right.example\", \"{origin}\"]\n{rest}");
            let (is_right, errors) = check(&config, &[]);
            assert!(
                !is_right && errors.contains("server.cors_origins"),
                "{origin}: {errors}"
            );
        }
    }
    // Every origin, in every spelling, without authentication.
    for (config, variables) in [
        ("[server]\ncors_origins = [\"*\"]\n".to_owned(), vec![]),
        ("[server]\ncors_origins = [\"\\u002a\"]\n".to_owned(), vec![]),
        (String::new(), vec![("TICKERQ_SERVER__CORS_ORIGINS", "[\"*\"]")]),
        (String::new(), vec![("tickerq_server__cors_origins__0", "*")]),
        (
            format!("[server]\ncors_origins = [\"*\"]\n[api]\nrequire_authentication = false\n{key}"),
            vec![],
        ),
        (
            format!("[server]\ncors_origins = [\"*\"]\n{key}"),
            vec![("TICKERQ_API__REQUIRE_AUTHENTICATION", "false")],
        ),
        (format!("[server]\ncors_origins = [\"*\", \"*\"]\n{key}"), vec![]),
    ] {
        let (is_right, errors) = check(&config, &variables);
        assert!(
            !is_right && errors.contains("server.cors_origins"),
            "{config} {variables:?}: {errors}"
        );
    }
    assert!(check(&format!("[server]\ncors_origins = [\"*\"]\n{key}"), &[]).0);
}

#[tokio::test]
async fn every_page_is_shown_in_no_frame_and_runs_scripts_of_the_server_alone() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    for path in [
        "/dashboard/",
        "/dashboard/jobs/1",
        "/graphiql/",
        "/docs/",
        "/docs/index.html",
    ] {
        let page = client.send(client.at_root(Method::GET, path)).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        assert!(
            page.header("content-type")
                .is_some_and(|kind| kind.starts_with("text/html")),
            "{path}"
        );
        let policy = page.header("content-security-policy").expect("a policy");
        let directives: Vec<Vec<&str>> = policy
            .split(';')
            .map(|directive| directive.split_whitespace().collect())
            .collect();
        let sources = |name: &str| {
            let own = directives.iter().find(|directive| directive[0] == name);
            own.map(|directive| directive[1..].to_vec())
        };
        for name in ["frame-ancestors", "base-uri", "form-action"] {
            assert_eq!(sources(name), Some(vec!["'none'"]), "{path}: {name} in {policy}");
        }
        for name in ["script-src", "connect-src", "object-src", "worker-src"] {
            let allowed = sources(name).or_else(|| sources("default-src")).expect("a default");
            let is_own =
                |source: &&str| matches!(*source, "'self'" | "'none'") || name == "worker-src" && *source == "blob:";
            assert!(allowed.iter().all(is_own), "{path}: {name} in {policy}");
        }
        for (name, value) in [
            ("x-frame-options", "DENY"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
        ] {
            assert_eq!(page.header(name), Some(value), "{path}: {name}");
        }
        // A script in the page itself would not run.
        let inline = page
            .text
            .split("<script")
            .skip(1)
            .filter(|script| !script.trim_start().starts_with("src"));
        for script in inline {
            let head = script.split('>').next().unwrap_or_default();
            let is_data = head.contains("type=\"application/json\"");
            assert!(is_data || head.contains("src="), "{path}: <script{head}>");
        }
    }
}
