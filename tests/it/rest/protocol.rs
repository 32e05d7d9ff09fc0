//! Common behaviour of all routes: problems, methods, paths, prefixes and health.

use std::io::{Read, Write};
use std::net::TcpStream;

use reqwest::{Method, StatusCode};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::TIMEOUT;
use crate::harness::latch::Latch;
use crate::harness::server::Server;

/// Id of no job.
const UNKNOWN_ID: &str = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55";

/// Sends raw bytes, which a client library would correct, and returns the status and body of the response.
pub fn raw(server: &Server, request: &str) -> (u16, Value) {
    let address = server.url.strip_prefix("http://").expect("an address");
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(TIMEOUT)).expect("a timeout");
    stream.write_all(request.as_bytes()).expect("the request is sent");
    let mut response = String::new();
    stream.read_to_string(&mut response).expect("a response of text");
    let status = response
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .unwrap_or(0);
    let body = response.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

fn raw_get(server: &Server, path: &str) -> (u16, Value) {
    raw(
        server,
        &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
    )
}

#[tokio::test]
async fn a_missing_resource_is_a_problem() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    for path in [
        "/nope",
        "/api",
        "/api/tickerq",
        "/api/tickerq/",
        "/api/tickerq/jobs/",
        "/api/tickerq//jobs",
        "/api/tickerq/Jobs",
        "/api/tickerq/v2/jobs",
        "/api/tickerq/v1/v1/jobs",
        "/api/tickerq/jobs/1/2/3",
        "/API/tickerq/jobs",
        "/jobs",
        "/healthz/",
        "/docs/nothing.js",
    ] {
        for method in [Method::GET, Method::POST, Method::DELETE] {
            if path.starts_with("/docs") && method != Method::GET {
                continue;
            }
            let problem = client.send(client.at_root(method.clone(), path)).await.problem(404);
            assert_eq!(problem["type"], "urn:tickerq:problem:not-found", "{method} {path}");
            assert_eq!(problem["detail"], format!("path {path} not found"));
            assert_eq!(problem["instance"], path);
            assert_eq!(problem.get("errors"), None);
        }
    }
    let problem = client.get(&format!("/jobs/{UNKNOWN_ID}")).await.problem(404);
    assert_eq!(problem["detail"], format!("job {UNKNOWN_ID} not found"));
}

#[tokio::test]
async fn a_path_lists_its_methods() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    let job = format!("/api/tickerq/jobs/{UNKNOWN_ID}");
    for (path, allow) in [
        ("/api/tickerq/jobs", "GET, HEAD, POST, OPTIONS"),
        ("/api/tickerq/v1/jobs", "GET, HEAD, POST, OPTIONS"),
        ("/api/tickerq/jobs/batch", "POST, OPTIONS"),
        (&job, "GET, HEAD, PATCH, DELETE, OPTIONS"),
        (&format!("{job}/execute"), "POST, OPTIONS"),
        (&format!("{job}/cancel"), "POST, OPTIONS"),
        (&format!("{job}/retry"), "POST, OPTIONS"),
        ("/api/tickerq/queues", "GET, HEAD, OPTIONS"),
        ("/api/tickerq/queues/default", "GET, HEAD, DELETE, OPTIONS"),
        ("/api/tickerq/queues/default/pause", "POST, OPTIONS"),
        ("/api/tickerq/queues/default/resume", "POST, OPTIONS"),
        ("/api/tickerq/queues/default/clear", "POST, OPTIONS"),
        ("/api/tickerq/nodes", "GET, HEAD, OPTIONS"),
        ("/api/tickerq/openapi.json", "GET, HEAD, OPTIONS"),
        ("/healthz", "GET, HEAD, OPTIONS"),
        ("/readyz", "GET, HEAD, OPTIONS"),
        ("/docs/", "GET, HEAD, OPTIONS"),
    ] {
        for method in [
            "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "get",
        ] {
            if allow.split(", ").any(|allowed| allowed == method) {
                continue;
            }
            let parsed = Method::from_bytes(method.as_bytes()).expect("a method");
            let response = client.send(client.at_root(parsed, path)).await;
            assert_eq!(response.header("allow"), Some(allow), "{method} {path}");
            if method == "HEAD" {
                assert_eq!((response.status.as_u16(), response.text.as_str()), (405, ""), "{path}");
                continue;
            }
            let problem = response.problem(405);
            assert_eq!(problem["type"], "urn:tickerq:problem:method-not-allowed");
            assert_eq!(
                problem["detail"],
                format!("method {method} not allowed; allowed are {allow}")
            );
        }
        let response = client.send(client.at_root(Method::OPTIONS, path)).await;
        assert_eq!(
            (response.status.as_u16(), response.header("allow")),
            (204, Some(allow)),
            "{path}"
        );
    }
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    let id = client.create_of_type("Waits").await;
    for path in [
        &format!("/api/tickerq/jobs/{id}"),
        "/api/tickerq/jobs",
        "/api/tickerq/queues",
        "/healthz",
        "/docs/",
        "/nope",
    ] {
        let get = client.send(client.at_root(Method::GET, path)).await;
        let head = client.send(client.at_root(Method::HEAD, path)).await;
        assert_eq!((head.status, head.text.as_str()), (get.status, ""), "{path}");
        for header in ["content-type", "content-length", "etag", "cache-control"] {
            assert_eq!(head.header(header), get.header(header), "{header} of {path}");
        }
    }
}

#[tokio::test]
async fn ids_and_names_in_paths_are_read_with_care() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    let id = client.create(json!({ "type": "Waits", "queue": "a.b:c_d-e" })).await["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let bare = id.replace('-', "");
    for spelling in [
        id.to_uppercase(),
        bare,
        format!("%7B{id}%7D"),
        format!("urn:uuid:{id}"),
        id.replace('-', "%2D"),
    ] {
        assert_eq!(client.job(&spelling).await["id"], id, "{spelling}");
    }
    assert_eq!(client.queue("a.b%3Ac_d%2De").await["name"], "a.b:c_d-e");
    for wrong in [
        "1",
        "%00",
        "null",
        "undefined",
        "job-123",
        "%2F",
        "%2e%2e%2Fjobs",
        "%FF",
        "%zz",
        "%",
        &id[1..],
        &format!("{id}0"),
        &"x".repeat(5_000),
    ] {
        let (status, problem) = raw_get(&server, &format!("/api/tickerq/jobs/{wrong}"));
        assert_eq!(
            (status, &problem["type"]),
            (404, &json!("urn:tickerq:problem:not-found")),
            "{wrong}: {problem}"
        );
        let detail = problem["detail"].as_str().expect("a detail");
        assert!(
            detail.chars().count() < 700,
            "the response does not repeat the whole value"
        );
    }
    for wrong in [
        "a%2Fb",
        "%2F",
        "a%20b",
        "%00",
        "%FF",
        "%zz",
        "%C3%A4",
        ".",
        "..",
        "%2e%2e",
        "..%2F..",
        &"x".repeat(101),
    ] {
        let (status, problem) = raw_get(&server, &format!("/api/tickerq/queues/{wrong}"));
        assert_eq!(
            (status, &problem["type"]),
            (404, &json!("urn:tickerq:problem:not-found")),
            "{wrong}: {problem}"
        );
    }
    for nowhere in [
        "/api/tickerq/../api/tickerq/jobs",
        "/api/tickerq/jobs/../jobs",
        "/api/tickerq/jobs/%2e%2e/jobs",
        "/../etc/passwd",
        "/docs/../jobs",
        "/docs/..%2F..%2Fetc%2Fpasswd",
    ] {
        let (status, problem) = raw_get(&server, nowhere);
        assert_eq!(
            (status, &problem["type"]),
            (404, &json!("urn:tickerq:problem:not-found")),
            "{nowhere}"
        );
    }
    for job in [
        json!({ "type": "Waits", "queue": "." }),
        json!({ "type": "Waits", "queue": ".." }),
    ] {
        let problem = client.post("/jobs", job).await.problem(400);
        assert_eq!(
            problem["errors"][0]["pointer"], "#/queue",
            "no client could request its path"
        );
    }
}

#[tokio::test]
async fn unknown_query_parameters_are_rejected() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    let id = client.create_of_type("Waits").await;
    for path in [&format!("/jobs/{id}"), "/queues/default/explain", "/openapi.json"] {
        let problem = client.get(&format!("{path}?pretty=1")).await.problem(400);
        assert_eq!(problem["errors"][0]["parameter"], "pretty", "{path}");
        assert_eq!(
            problem["detail"],
            "unknown query parameter 'pretty'; this route has none"
        );
    }
    for path in [
        "/jobs",
        "/jobs/batch",
        &format!("/jobs/{id}/cancel"),
        "/queues/default/pause",
    ] {
        let problem = client
            .post(&format!("{path}?force&x=%FF"), json!({}))
            .await
            .problem(400);
        assert_eq!(problem["errors"].as_array().map(Vec::len), Some(2), "{problem}");
    }
    assert_eq!(client.job(&id).await["revision"], 1);
    assert_eq!(client.get("/queues?").await.status, StatusCode::OK, "nothing is none");
}

#[tokio::test]
async fn the_same_routes_are_under_the_version() {
    let (_site, server) = Server::with_config("[job_types.Noop]\nhandler = \"noop\"");
    let client = server.client();
    let response = client.post("/v1/jobs", json!({ "type": "Noop" })).await;
    assert_eq!(response.status, StatusCode::CREATED, "{}", response.text);
    let id = response.json()["id"].as_str().expect("an id").to_owned();
    assert_eq!(
        response.header("location"),
        Some(format!("/api/tickerq/v1/jobs/{id}").as_str())
    );
    client.wait_finished(&id).await;
    assert_eq!(
        client.get(&format!("/v1/jobs/{id}")).await.text,
        client.get(&format!("/jobs/{id}")).await.text
    );
    for path in ["/queues", "/queues/default", "/jobs?status=completed", "/openapi.json"] {
        let (one, other) = (client.get(path).await, client.get(&format!("/v1{path}")).await);
        assert_eq!((one.status, one.text), (StatusCode::OK, other.text), "{path}");
    }
    assert_eq!(
        client.post_empty(&format!("/v1/jobs/{id}/execute")).await.status,
        StatusCode::OK
    );
    assert_eq!(
        client.post("/v1/jobs/batch", json!([{ "type": "Noop" }])).await.status,
        StatusCode::CREATED
    );
}

#[tokio::test]
async fn base_path_and_version_can_be_changed_and_the_api_left_out() {
    let (_site, server) =
        Server::with_config("[api]\nbase_path = \"/x/my.jobs\"\nversion = \"v2.1-beta\"\ndocs = \"off\"");
    let client = server.client();
    for prefix in ["/x/my.jobs", "/x/my.jobs/v2.1-beta"] {
        let request = client
            .at_root(Method::POST, &format!("{prefix}/jobs"))
            .json(&json!({ "type": "Waits" }));
        let response = client.send(request).await;
        let location = format!("{prefix}/jobs/{}", response.json()["id"].as_str().expect("an id"));
        assert_eq!(response.header("location"), Some(location.as_str()));
        assert_eq!(
            client.send(client.at_root(Method::GET, &location)).await.status,
            StatusCode::OK
        );
        let document = client
            .send(client.at_root(Method::GET, &format!("{prefix}/openapi.json")))
            .await
            .json();
        assert!(document["paths"]["/x/my.jobs/jobs/{id}"].is_object());
    }
    for path in [
        "/api/tickerq/jobs",
        "/api/tickerq/v1/jobs",
        "/x/my.jobs/v1/jobs",
        "/x/myXjobs/jobs",
        "/docs",
        "/docs/",
    ] {
        client.send(client.at_root(Method::GET, path)).await.problem(404);
    }
    let (_site, server) = Server::with_config("[api]\nenable = false");
    let client = server.client();
    for path in [
        "/api/tickerq/jobs",
        "/api/tickerq/queues",
        "/api/tickerq/openapi.json",
        "/docs",
    ] {
        client.send(client.at_root(Method::GET, path)).await.problem(404);
    }
    assert_eq!(
        client.send(client.at_root(Method::GET, "/readyz")).await.json()["status"],
        "ok"
    );
}

#[tokio::test]
async fn health_checks_work_until_the_end_of_a_shutdown() {
    let mut latch = Latch::open().await;
    let (_site, server) = Server::with_config(&format!("[job_types.Work]\n{}", latch.handler()));
    let client = server.client();
    let health = |path: &'static str| client.send(client.at_root(Method::GET, path));
    let live = health("/healthz").await.json();
    assert_eq!(live["status"], "ok");
    assert!(
        live["timeZoneDatabase"]
            .as_str()
            .is_some_and(|version| version >= "2026"),
        "{live}"
    );
    assert_eq!(
        health("/readyz").await.json(),
        json!({ "status": "ok", "restartedActors": 0, "systemHealth": "healthy", "reasons": [] })
    );
    client.create_of_type("Work").await;
    let visit = latch.visit().await;
    server.signal(Signal::TERM);
    let problem = crate::harness::eventually("the server reports that it stops", || async {
        let response = health("/readyz").await;
        (response.status == StatusCode::SERVICE_UNAVAILABLE).then_some(response)
    })
    .await;
    assert!(problem.header("retry-after").is_some());
    let problem = problem.problem(503);
    assert_eq!(
        (&problem["type"], &problem["detail"]),
        (
            &json!("urn:tickerq:problem:unavailable"),
            &json!("the server is stopping")
        )
    );
    assert_eq!(
        health("/healthz").await.status,
        StatusCode::OK,
        "it lives as long as it has work"
    );
    visit.complete();
    assert!(server.wait().success());
}

#[tokio::test]
async fn malformed_requests_do_not_affect_the_server() {
    let (_site, server) = Server::with_config("");
    let headers = "x: y\r\n".repeat(200);
    for request in [
        "\r\n\r\n\r\n".to_owned(),
        "GET\r\n\r\n".to_owned(),
        "GET /healthz HTTP/9.9\r\nHost: localhost\r\n\r\n".to_owned(),
        "GET /\u{1f600} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".to_owned(),
        format!("GET /{} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "x".repeat(200_000)),
        format!("GET /healthz HTTP/1.1\r\n{headers}Connection: close\r\n\r\n"),
        "POST /api/tickerq/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\nConnection: close\r\n\r\n".to_owned(),
        "POST /api/tickerq/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n".to_owned(),
        "POST /api/tickerq/jobs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nzz\r\n\r\n".to_owned(),
    ] {
        let address = server.url.strip_prefix("http://").expect("an address");
        let mut stream = TcpStream::connect(address).expect("a connection");
        stream.set_read_timeout(Some(TIMEOUT)).expect("a timeout");
        // Closing the connection before the request is complete is a valid response, too.
        stream.write_all(request.as_bytes()).ok();
        stream.shutdown(std::net::Shutdown::Write).ok();
        let mut response = Vec::new();
        stream.read_to_end(&mut response).ok();
        let status = String::from_utf8_lossy(&response).split(' ').nth(1).map(str::to_owned);
        assert!(status.is_none_or(|status| status.starts_with('4')), "{}", &request[..request.len().min(60)]);
    }
    assert_eq!(server.client().get("/jobs").await.json()["totalCount"], 0);
}

#[tokio::test]
async fn an_id_that_no_resource_can_have_is_not_found() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    for (method, path, resource) in [
        ("GET", "/jobs/job-123", "job"),
        ("PATCH", "/jobs/job-123", "job"),
        ("DELETE", "/jobs/job-123", "job"),
        ("POST", "/jobs/job-123/execute", "job"),
        ("POST", "/jobs/job-123/cancel", "job"),
        ("POST", "/jobs/job-123/retry", "job"),
        ("GET", "/jobs/recurring/job-123", "recurring job"),
        ("DELETE", "/jobs/recurring/job-123", "recurring job"),
        ("POST", "/jobs/recurring/job-123/trigger", "recurring job"),
        ("POST", "/jobs/recurring/job-123/enable", "recurring job"),
        ("GET", "/webhooks/endpoints/job-123", "webhook endpoint"),
        ("DELETE", "/webhooks/endpoints/job-123", "webhook endpoint"),
        ("GET", "/webhooks/deliveries/job-123", "delivery"),
        ("GET", "/workers/job-123", "worker"),
        ("POST", "/workers/job-123/lease", "worker"),
        ("GET", "/queues/job%20123", "queue"),
        ("POST", "/queues/job%20123/pause", "queue"),
    ] {
        let parsed = Method::from_bytes(method.as_bytes()).expect("a method");
        let mut request = client.request(parsed, path);
        if method == "POST" || method == "PATCH" {
            request = request.json(&json!({}));
        }
        let problem = client.send(request).await.problem(404);
        let name = if resource == "queue" { "job 123" } else { "job-123" };
        assert_eq!(
            problem["detail"],
            format!("{resource} '{name}' not found"),
            "{method} {path}"
        );
    }
}
