//! Who is let in by a key, what it may do, and what is said to everybody else.

use reqwest::header::AUTHORIZATION;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::client::{Answer, Client};
use crate::harness::eventually;
use crate::harness::server::{Server, Site, Storage};

/// An id that no job has.
const NOBODY: &str = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55";

const READER: &str = "tq_reader-key-for-tests";
const WRITER: &str = "tq_writer-key-for-tests";
const ADMIN: &str = "tq_admin-key-for-tests";
const ALL: &str = "tq_all-key-for-tests";

/// A key for each scope, and one for all.
const KEYS: &str = r#"
[job_types.NoopJob]
handler = "noop"
[[api.keys]]
name = "reader"
key = "tq_reader-key-for-tests"
scopes = ["tickerq:read"]
[[api.keys]]
name = "writer"
key = "tq_writer-key-for-tests"
scopes = ["tickerq:write"]
[[api.keys]]
name = "admin"
key = "tq_admin-key-for-tests"
scopes = ["tickerq:admin"]
[[api.keys]]
name = "all"
key = "tq_all-key-for-tests"
scopes = ["tickerq:read", "tickerq:write", "tickerq:admin"]
"#;

/// Every route that is not open, and the scope that it needs.
fn routes() -> Vec<(Method, String, Option<Value>, &'static str)> {
    let job = |rest: &str| format!("/api/tickerq/jobs/{NOBODY}{rest}");
    let mut routes = vec![
        (Method::GET, "/api/tickerq/jobs".to_owned(), None, "tickerq:read"),
        (Method::GET, "/api/tickerq/v1/jobs".to_owned(), None, "tickerq:read"),
        (Method::HEAD, "/api/tickerq/jobs".to_owned(), None, "tickerq:read"),
        (Method::GET, job(""), None, "tickerq:read"),
        (Method::GET, "/api/tickerq/queues".to_owned(), None, "tickerq:read"),
        (
            Method::GET,
            "/api/tickerq/queues/default".to_owned(),
            None,
            "tickerq:read",
        ),
        (
            Method::GET,
            "/api/tickerq/openapi.json".to_owned(),
            None,
            "tickerq:read",
        ),
        (Method::GET, "/docs/".to_owned(), None, "tickerq:read"),
        (Method::GET, "/docs/swagger-ui.css".to_owned(), None, "tickerq:read"),
        (Method::GET, "/api/tickerq/audit".to_owned(), None, "tickerq:admin"),
        (Method::GET, "/api/tickerq/nodes".to_owned(), None, "tickerq:admin"),
        (
            Method::POST,
            "/api/tickerq/jobs".to_owned(),
            Some(json!({"type": "NoopJob"})),
            "tickerq:write",
        ),
        (
            Method::POST,
            "/api/tickerq/v1/jobs".to_owned(),
            Some(json!({"type": "NoopJob"})),
            "tickerq:write",
        ),
        (
            Method::POST,
            "/api/tickerq/jobs/batch".to_owned(),
            Some(json!([{"type": "NoopJob"}])),
            "tickerq:write",
        ),
        (
            Method::PATCH,
            job(""),
            Some(json!({"priority": "high"})),
            "tickerq:write",
        ),
        (Method::DELETE, job(""), None, "tickerq:write"),
    ];
    for action in ["/execute", "/cancel", "/retry"] {
        routes.push((Method::POST, job(action), None, "tickerq:write"));
    }
    for action in ["pause", "resume", "clear"] {
        let path = format!("/api/tickerq/queues/default/{action}");
        routes.push((Method::POST, path, None, "tickerq:write"));
    }
    routes
}

async fn ask(client: &Client, method: &Method, path: &str, body: Option<&Value>) -> Answer {
    let mut request = client.at_root(method.clone(), path);
    if let Some(body) = body {
        request = request.json(body);
    }
    client.send(request).await
}

/// Checks a refusal as RFC 6750 has it; HEAD has no body to look at.
fn check_refusal(answer: &Answer, method: &Method, status: u16, challenge: &str, place: &str) {
    assert_eq!(answer.status.as_u16(), status, "{place}: {}", answer.text);
    assert_eq!(answer.header("www-authenticate"), Some(challenge), "{place}");
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{place}");
    if *method != Method::HEAD {
        answer.problem(status);
    }
}

#[tokio::test]
async fn without_a_key_nothing_is_told_but_that_the_server_lives() {
    let (_site, server) = Server::with_config(KEYS);
    let client = server.client();
    for (method, path, body, _) in routes() {
        let answer = ask(&client, &method, &path, body.as_ref()).await;
        check_refusal(
            &answer,
            &method,
            401,
            "Bearer realm=\"tickerq\"",
            &format!("{method} {path}"),
        );
    }
    for path in ["/healthz", "/readyz"] {
        let answer = client.send(client.at_root(Method::GET, path)).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        // What a watcher sends is not looked at.
        let answer = client
            .send(client.at_root(Method::GET, path).bearer_auth("nonsense"))
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
    }
    let problem = client.get("/jobs").await.problem(401);
    assert_eq!(problem["type"], "urn:tickerq:problem:unauthenticated");
    assert!(
        !server.log().contains("no authentication"),
        "the notice is for servers that ask nobody"
    );
}

#[tokio::test]
async fn every_route_needs_its_scope_and_no_other() {
    let (_site, server) = Server::with_config(KEYS);
    let client = server.client();
    let keys = [
        (READER, "tickerq:read", "reader"),
        (WRITER, "tickerq:write", "writer"),
        (ADMIN, "tickerq:admin", "admin"),
    ];
    for (method, path, body, needed) in routes() {
        for (key, scope, name) in keys {
            let answer = ask(&client.with_token(key), &method, &path, body.as_ref()).await;
            let place = format!("{method} {path} with {scope}");
            if scope == needed {
                assert!(!matches!(answer.status.as_u16(), 401 | 403), "{place}: {}", answer.text);
                continue;
            }
            let challenge = format!("Bearer realm=\"tickerq\", error=\"insufficient_scope\", scope=\"{needed}\"");
            // An administrator is told so by the use case, others before their body is read.
            check_refusal(&answer, &method, 403, &challenge, &place);
            if method != Method::HEAD {
                let problem = answer.json();
                assert_eq!(problem["type"], "urn:tickerq:problem:forbidden", "{place}");
                let detail = format!("this needs the scope '{needed}', which the caller '{name}' does not have");
                assert_eq!(problem["detail"], detail, "{place}");
            }
        }
        let answer = ask(&client.with_token(ALL), &method, &path, body.as_ref()).await;
        assert!(!matches!(answer.status.as_u16(), 401 | 403), "{method} {path}");
    }
}

#[tokio::test]
async fn who_may_only_write_sees_what_it_writes() {
    let (_site, server) = Server::with_config(KEYS);
    let writer = server.client().with_token(WRITER);
    let job = writer.create(json!({"type": "Unknown"})).await;
    let id = job["id"].as_str().expect("an id");
    let answer = writer
        .send(
            writer
                .request(Method::POST, &format!("/jobs/{id}/cancel"))
                .header("if-match", "\"1\", \"7\""),
        )
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert_eq!(answer.json()["status"], "cancelled");
    let answer = writer.post_empty("/queues/default/pause").await;
    assert_eq!(answer.json()["status"], "paused", "{}", answer.text);
    let answer = writer.post_empty("/queues/default/clear").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    writer.get(&format!("/jobs/{id}")).await.problem(403);
}

#[tokio::test]
async fn what_is_shown_is_told_apart_as_rfc_6750_has_it() {
    let (_site, server) = Server::with_config(KEYS);
    let client = server.client();
    let invalid = "Bearer realm=\"tickerq\", error=\"invalid_token\", error_description=\"the key is not known\"";
    for (value, status, challenge) in [
        ("Bearer tq_somebody-elses-key", 401, invalid),
        ("Bearer tq_reader-key-for-test", 401, invalid),
        ("Bearer tq_reader-key-for-tests2", 401, invalid),
        ("Bearer TQ_READER-KEY-FOR-TESTS", 401, invalid),
        ("Bearer a.b.c", 401, invalid),
        ("Basic cmVhZGVyOnNlY3JldA==", 401, "Bearer realm=\"tickerq\""),
        ("tq_reader-key-for-tests", 401, "Bearer realm=\"tickerq\""),
        (
            "Bearer",
            400,
            "Bearer realm=\"tickerq\", error=\"invalid_request\", error_description=\"there is no token after Bearer\"",
        ),
        (
            "Bearer tq_reader-key-for-tests tq_writer-key-for-tests",
            400,
            "Bearer realm=\"tickerq\", error=\"invalid_request\", error_description=\"a token has letters, digits and - . \
             _ ~ + / =, and at most 8192 of them\"",
        ),
    ] {
        let request = client.request(Method::GET, "/jobs").header(AUTHORIZATION, value);
        let answer = client.send(request).await;
        check_refusal(&answer, &Method::GET, status, challenge, value);
    }
    let twice = client
        .request(Method::GET, "/jobs")
        .header(AUTHORIZATION, format!("Bearer {READER}"))
        .header(AUTHORIZATION, format!("Bearer {WRITER}"));
    client.send(twice).await.problem(400);
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let request = client
            .request(Method::GET, "/jobs")
            .header(AUTHORIZATION, format!("{scheme} {READER}"));
        assert_eq!(client.send(request).await.status, StatusCode::OK, "{scheme}");
    }
}

#[tokio::test]
async fn a_token_in_the_query_is_no_token_here() {
    let (_site, server) = Server::with_config(KEYS);
    let client = server.client();
    let in_query = format!("/jobs?access_token={READER}");
    client.get(&in_query).await.problem(401);
    let both = client.with_token(READER).get(&in_query).await;
    let problem = both.problem(400);
    assert!(
        problem["detail"]
            .as_str()
            .is_some_and(|detail| detail.contains("one in the query")),
        "{problem}"
    );
    assert!(!both.text.contains(READER));
}

#[tokio::test]
async fn the_body_of_somebody_who_may_not_write_is_not_read() {
    let (_site, server) = Server::with_config(KEYS);
    let reader = server.client().with_token(READER);
    for path in ["/jobs", "/jobs/batch"] {
        let request = reader
            .request(Method::POST, path)
            .header("content-type", "application/json")
            .body("{ this is not JSON");
        reader.send(request).await.problem(403);
    }
}

#[tokio::test]
async fn no_key_is_in_the_log_even_if_everything_is_logged() {
    let config = format!("[log]\nlevel = \"trace\"\n{KEYS}");
    let (_site, server) = Server::with_config(&config);
    let client = server.client();
    assert_eq!(client.with_token(ALL).get("/jobs").await.status, StatusCode::OK);
    client.with_token(ALL).create(json!({"type": "NoopJob"})).await;
    client
        .with_token("tq_a-wrong-key-of-somebody")
        .get("/jobs")
        .await
        .problem(401);
    client
        .get("/jobs?access_token=tq_a-key-in-the-query&limit=7")
        .await
        .problem(401);
    // Lines come a moment after their answers.
    let log = eventually("the last request is in the log", || async {
        let log = server.log();
        log.contains("access_token=***&limit=7").then_some(log)
    })
    .await;
    for secret in [ALL, "tq_a-wrong-key-of-somebody", "tq_a-key-in-the-query"] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
    assert!(log.contains("a caller was refused: the key is not known"), "{log}");
}

#[tokio::test]
async fn where_nobody_is_asked_a_key_is_not_looked_at() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    for value in ["Bearer whatever", "Bearer", "Basic x"] {
        let request = client.request(Method::GET, "/jobs").header(AUTHORIZATION, value);
        assert_eq!(client.send(request).await.status, StatusCode::OK, "{value}");
    }
    let off = format!("[api]\nrequire_authentication = false\n{KEYS}");
    let (_site, server) = Server::with_config(&off);
    assert_eq!(server.client().get("/nodes").await.status, StatusCode::OK);
    assert!(server.log().contains("no authentication"), "{}", server.log());
}

#[tokio::test]
async fn scopes_are_called_as_they_are_configured() {
    let config = r#"
        [api]
        required_scopes = ["jobs.see", "jobs.do", "jobs.run"]
        [[api.keys]]
        name = "seer"
        key = "tq_seer-key-for-tests"
        scopes = ["jobs.see"]
    "#;
    let (_site, server) = Server::with_config(config);
    let seer = server.client().with_token("tq_seer-key-for-tests");
    assert_eq!(seer.get("/jobs").await.status, StatusCode::OK);
    let answer = seer.post("/jobs", json!({"type": "A"})).await;
    answer.problem(403);
    assert_eq!(
        answer.header("www-authenticate"),
        Some("Bearer realm=\"tickerq\", error=\"insufficient_scope\", scope=\"jobs.do\"")
    );
    let answer = seer.get("/audit").await;
    assert!(
        answer
            .header("www-authenticate")
            .is_some_and(|challenge| challenge.contains("jobs.run"))
    );

    let none_needed = r#"
        [api]
        required_scopes = []
        [[api.keys]]
        name = "any"
        key = "tq_any-key-for-tests"
        scopes = ["tickerq:admin"]
    "#;
    let (_site, server) = Server::with_config(none_needed);
    let any = server.client().with_token("tq_any-key-for-tests");
    any.create(json!({"type": "A"})).await;
    assert_eq!(any.get("/jobs").await.status, StatusCode::OK);
    server.client().get("/jobs").await.problem(401);
}

#[tokio::test]
async fn each_caller_has_idempotency_keys_of_its_own() {
    let (_site, server) = Server::with_config(KEYS);
    let create = |key: &'static str, job_type: &'static str| {
        let client = server.client().with_token(key);
        async move {
            let request = client
                .request(Method::POST, "/jobs")
                .header("idempotency-key", "the-same")
                .json(&json!({"type": job_type}));
            client.send(request).await
        }
    };
    let first = create(WRITER, "A").await;
    let others = create(ALL, "B").await;
    let again = create(WRITER, "A").await;
    assert_eq!(others.status, StatusCode::CREATED, "{}", others.text);
    assert_ne!(first.json()["id"], others.json()["id"]);
    assert_eq!(first.json()["id"], again.json()["id"]);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    create(WRITER, "C").await.problem(422);
}

#[tokio::test]
async fn the_description_says_how_to_call() {
    let (_site, server) = Server::with_config(KEYS);
    let document = server.client().with_token(READER).get("/openapi.json").await.json();
    let scheme = &document["components"]["securitySchemes"]["bearer"];
    assert_eq!((&scheme["type"], &scheme["scheme"]), (&json!("http"), &json!("bearer")));
    let list = &document["paths"]["/api/tickerq/jobs"]["get"];
    assert_eq!(list["security"], json!([{"bearer": []}]));
    for status in ["401", "403", "429"] {
        assert!(
            list["responses"][status]["content"]["application/problem+json"].is_object(),
            "{status}"
        );
    }
    assert!(document["paths"]["/healthz"]["get"].get("security").is_none());

    let (_site, server) = Server::with_config("");
    let document = server.client().get("/openapi.json").await.json();
    assert!(document["components"].get("securitySchemes").is_none());
    assert!(document["paths"]["/api/tickerq/jobs"]["get"].get("security").is_none());
}

#[tokio::test]
async fn the_description_can_be_made_public() {
    let (_site, server) = Server::with_config(&format!("[api]\npublic_docs = true\n{KEYS}"));
    let client = server.client();
    for path in [
        "/docs",
        "/docs/",
        "/api/tickerq/openapi.json",
        "/api/tickerq/v1/openapi.json",
    ] {
        let answer = client.send(client.at_root(Method::GET, path)).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
    }
    client.get("/jobs").await.problem(401);
}

#[test]
fn a_server_that_others_reach_and_that_asks_nobody_does_not_start() {
    let site = Site::new(Storage::Sqlite, "");
    for (arguments, variable) in [
        (&["serve", "--listen", "0.0.0.0:0"][..], None),
        (&["serve", "--listen", "[::]:0"], None),
        (&["serve", "--listen", "127.0.0.1:0", "--listen", "0.0.0.0:0"], None),
        (&["config", "check"], Some("0.0.0.0:5000")),
    ] {
        let mut command = site.command(arguments);
        if let Some(address) = variable {
            command.env("TICKERQ_SERVER__LISTEN", address);
        }
        let output = command.output().expect("the binary runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        for expected in [
            "can be reached from other machines",
            "[[api.keys]]",
            "tickerq key generate",
            "[api.jwt]",
            "listen on 127.0.0.1:",
        ] {
            assert!(said.contains(expected), "{arguments:?}: {said}");
        }
        assert!(!site.path().join("tickerq.db").exists(), "nothing was begun");
    }
}

#[tokio::test]
async fn a_server_that_others_reach_and_that_asks_starts() {
    let site = Site::new(Storage::Sqlite, KEYS);
    let output = site
        .command(&["config", "check"])
        .env("TICKERQ_SERVER__LISTEN", "0.0.0.0:5000")
        .output()
        .expect("the binary runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
