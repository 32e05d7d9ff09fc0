//! Authentication settings from a caller's view.

use reqwest::header::AUTHORIZATION;
use reqwest::{Method, StatusCode};
use serde_json::json;
use tickerq::config::{Sources, load};

use super::KEYS;
use crate::harness::server::{Server, Site, Storage};

const READER: &str = "tq_reader-key-for-tests";
const WRITER: &str = "tq_writer-key-for-tests";
const ALL: &str = "tq_all-key-for-tests";

#[tokio::test]
async fn without_authentication_a_key_is_ignored() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    for value in ["Bearer whatever", "Bearer", "Basic x"] {
        let request = client.request(Method::GET, "/jobs").header(AUTHORIZATION, value);
        assert_eq!(client.send(request).await.status, StatusCode::OK, "{value}");
    }
    let off = format!("[api]\nrequire_authentication = false\n{KEYS}");
    let (_site, server) = Server::with_config(&off);
    assert_eq!(server.client().get("/nodes").await.status, StatusCode::OK);
    assert!(server.log().contains("authentication is disabled"), "{}", server.log());
}

#[tokio::test]
async fn scopes_are_called_as_they_are_configured() {
    let config = r#"
        [api]
        scopes = { read = "jobs.see", write = "jobs.do", admin = "jobs.run" }
        [[api.keys]]
        name = "seer"
        key = "tq_seer-key-for-tests"
        scopes = ["jobs.see"]
    "#;
    let (_site, server) = Server::with_config(config);
    let seer = server.client().with_token("tq_seer-key-for-tests");
    assert_eq!(seer.get("/jobs").await.status, StatusCode::OK);
    let response = seer.post("/jobs", json!({"type": "A"})).await;
    response.problem(403);
    assert_eq!(
        response.header("www-authenticate"),
        Some("Bearer realm=\"tickerq\", error=\"insufficient_scope\", scope=\"jobs.do\"")
    );
    let response = seer.get("/audit").await;
    assert!(
        response
            .header("www-authenticate")
            .is_some_and(|challenge| challenge.contains("jobs.run"))
    );

    let none_needed = r#"
        [api]
        scopes = { read = "", write = "" }
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
async fn the_description_documents_authentication() {
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
    let (_site, server) = Server::with_config(&format!("[api]\ndocs = \"public\"\n{KEYS}"));
    let client = server.client();
    for path in [
        "/docs",
        "/docs/",
        "/api/tickerq/openapi.json",
        "/api/tickerq/v1/openapi.json",
    ] {
        let response = client.send(client.at_root(Method::GET, path)).await;
        assert_eq!(response.status, StatusCode::OK, "{path}");
    }
    client.get("/jobs").await.problem(401);
}

#[test]
fn a_server_without_authentication_does_not_start_on_a_public_address() {
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
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {stderr}");
        for expected in [
            "is reachable from other machines",
            "[[api.keys]]",
            "tickerq key generate",
            "[api.jwt]",
            "listen on 127.0.0.1:",
        ] {
            assert!(stderr.contains(expected), "{arguments:?}: {stderr}");
        }
        assert!(!site.path().join("tickerq.db").exists(), "nothing was started");
    }
}

#[tokio::test]
async fn a_reachable_server_with_authentication_starts() {
    let site = Site::new(Storage::Sqlite, KEYS);
    let output = site
        .command(&["config", "check"])
        .env("TICKERQ_SERVER__LISTEN", "0.0.0.0:5000")
        .output()
        .expect("the binary runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_program_that_embeds_the_server_is_kept_from_it_as_well() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite:{}", folder.path().join("test.db").display());
    let config = load(Sources {
        file: None,
        environment: Vec::new(),
        flags: Vec::new(),
    })
    .expect("a configuration");
    let started = actix::System::new().block_on(async {
        let builder = tickerq::Server::builder().config(config).database_url(url);
        let address = "0.0.0.0:0".parse().expect("an address");
        builder.listen(address).start().await.map(drop)
    });
    let refused = started.expect_err("it has started").to_string();
    assert!(
        refused.starts_with("0.0.0.0:0 is reachable from other machines"),
        "{refused}"
    );
}

#[test]
fn an_embedding_program_may_not_accept_every_origin_without_authentication() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("tickerq.toml");
    std::fs::write(&file, "[server]\ncors_origins = [\"*\"]\n").expect("a file");
    let loaded = load(Sources {
        file: Some(file),
        environment: Vec::new(),
        flags: Vec::new(),
    });
    let rejected = loaded.map(drop).expect_err("it was accepted").to_string();
    assert!(
        rejected.contains("server.cors_origins: \"*\" needs authentication"),
        "{rejected}"
    );
}

#[test]
fn pages_of_every_origin_may_not_call_a_server_without_authentication() {
    let site = Site::new(Storage::Sqlite, "[server]\ncors_origins = [\"*\"]\n");
    let output = site.command(&["serve", "--listen", "127.0.0.1:0"]).output();
    let output = output.expect("the binary runs");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "error: tickerq.toml:2: server.cors_origins: \"*\" needs authentication ([[api.keys]] or [api.jwt]); name the \
         origins that may call, such as https://app.example.com\n"
    );
}
