//! Endpoints of the configuration: changes, removal and secrets.

use reqwest::Method;
use serde_json::{Value, json};

use super::management::{CONFIG, create, path};
use super::{TYPES, endpoint, endpoint_named, verified_by_the_library};
use crate::graphql::execute;
use crate::harness::eventually;
use crate::harness::receiver::{Receiver, ScriptedResponse};
use crate::harness::server::{Server, Site, Storage};

#[tokio::test]
async fn an_endpoint_of_the_configuration_is_changed_there() {
    let receiver = Receiver::open().await;
    let site = Site::new(Storage::Sqlite, &endpoint("crm", &receiver, "\"job.created\"", ""));
    let server = site.start();
    let client = server.client();
    let list = client.get("/webhooks/endpoints").await;
    assert!(!list.text.contains("webhook-secret-key"), "{}", list.text);
    let made = list.json()["endpoints"][0].clone();
    assert_eq!(made["source"], "configuration");
    let patch = client
        .request(Method::PATCH, &path(&made, ""))
        .json(&json!({ "name": "x" }));
    client.send(patch).await.problem(409);
    client.post_empty(&path(&made, "/rotate-secret")).await.problem(409);
    client
        .send(client.request(Method::DELETE, &path(&made, "")))
        .await
        .problem(409);
    assert!(server.stop().success());
    // The secret is replaced: both sign for a day.
    let other = endpoint("crm", &receiver, "\"job.*\"", "").replace("webhook-secret-key", "another-secret-key");
    site.configure(&other);
    let server = site.start();
    let client = server.client();
    let now = client.get(&path(&made, "")).await.json();
    assert_eq!((&now["events"], &now["revision"]), (&json!(["job.*"]), &json!(2)));
    assert!(now["previousSecretUntil"].is_string());
    client.create_of_type("NoopJob").await;
    let got = receiver.receive(1).await.remove(0);
    for secret in ["webhook-secret-key", "another-secret-key"] {
        assert_eq!(verified_by_the_library(&got, secret, "raw").await, "job.created");
    }
    assert!(server.stop().success());
    // No node's configuration names it: it may be deleted, and is removed after the grace period.
    site.configure("");
    let server = site.start();
    let client = server.client();
    let unnamed = client.get(&path(&made, "")).await.json();
    assert!(unnamed["unconfiguredSince"].is_string(), "{unnamed}");
    client
        .send(
            client
                .request(Method::PATCH, &path(&made, ""))
                .json(&json!({ "name": "x" })),
        )
        .await
        .problem(409);
    let deleted = client.send(client.request(Method::DELETE, &path(&made, ""))).await;
    assert_eq!(deleted.status, 204);
    let list = client.get("/webhooks/endpoints").await.json();
    assert_eq!(list["endpoints"], json!([]));
}

#[tokio::test]
async fn an_endpoint_that_no_configuration_names_is_removed_when_its_deliveries_are_over() {
    let receiver = Receiver::open().await;
    receiver.otherwise(ScriptedResponse::Status("500 Internal Server Error", "", ""));
    let patient = endpoint("crm", &receiver, "\"job.created\"", "").replace("max_retries = 5", "max_retries = 1000");
    let site = Site::new(Storage::Sqlite, &format!("{TYPES}{patient}"));
    let server = site.start();
    let job = server.client().create_of_type("NoopJob").await;
    receiver.receive(1).await;
    assert!(server.stop().success());
    site.configure(&format!(
        "{TYPES}[webhooks]\nremove_unconfigured_after = \"00:00:00\"\n"
    ));
    let server = site.start();
    let client = server.client();
    eventually("it receives no new events", || async {
        let crm = endpoint_named(&client, "crm").await;
        (crm["events"] == json!([])).then_some(())
    })
    .await;
    client.create_of_type("NoopJob").await;
    receiver.otherwise(ScriptedResponse::OK);
    receiver
        .receive_where("the pending delivery arrives", |got| got.is_taken)
        .await;
    eventually("the endpoint is removed", || async {
        let list = client.get("/webhooks/endpoints").await.json();
        (list["endpoints"] == json!([])).then_some(())
    })
    .await;
    assert!(
        receiver.got().iter().all(|got| got.job() == job),
        "no new event was sent"
    );
    for line in [
        "in no live node's configuration",
        "1 pending",
        "removed webhook endpoint 'crm'",
    ] {
        eventually(line, || async { server.log().contains(line).then_some(()) }).await;
    }
}

#[tokio::test]
async fn a_secret_in_no_standard_encoding_is_rejected_everywhere() {
    let (_site, server) = Server::with_config(CONFIG);
    let client = server.client();
    let receiver = Receiver::open().await;
    let made = create(&client, &receiver, json!(["job.created"])).await;
    for secret in [
        "whsec_not base64!",
        "whsec_",
        "whsec_c2hvcnQ=",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS_",
        "WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    ] {
        let body = json!({ "url": receiver.url(), "events": ["*"], "secret": secret });
        let problem = client.post("/webhooks/endpoints", body).await.problem(400);
        assert_eq!(problem["errors"][0]["pointer"], "#/secret", "{problem}");
        let rotated = client
            .post(&path(&made, "/rotate-secret"), json!({ "secret": secret }))
            .await;
        assert_eq!(rotated.problem(400)["errors"][0]["pointer"], "#/secret");
        let mutation = "mutation ($secret: String!, $url: String!) { createWebhookEndpoint(input: { url: $url, \
                        events: [\"*\"], secret: $secret }) { endpoint { id } } }";
        let variables = json!({ "secret": secret, "url": receiver.url() });
        let response = execute(&client, mutation, variables).await;
        assert!(response["errors"][0].is_object(), "{response}");
        for config in [
            endpoint("crm", &receiver, "\"*\"", "").replace("webhook-secret-key", secret),
            endpoint("crm", &receiver, "\"*\"", &format!("previous_secret = \"{secret}\"")),
            format!("[[change_feed.sinks]]\nurl = \"http://127.0.0.1:9/\"\nsecret = \"{secret}\"\n"),
            format!(
                "[job_types.T]\nhandler = {{ http = {{ url = \"http://127.0.0.1:9/\", secret = \"{secret}\" }} }}\n"
            ),
        ] {
            let site = Site::new(Storage::Sqlite, &config);
            let output = site.command(&["config", "check"]).output().expect("the program runs");
            let printed =
                String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
            assert!(
                !output.status.success() && printed.contains("whsec_"),
                "{config} {printed}"
            );
            assert!(secret.len() < 8 || !printed.contains(secret), "{printed}");
        }
    }
}

#[tokio::test]
async fn a_configured_secret_rotates_by_naming_the_previous_one() {
    let receiver = Receiver::open().await;
    let only = endpoint("crm", &receiver, "\"job.created\"", "").replace("webhook-secret-key", "another-secret-key");
    let both = format!("{only}previous_secret = \"webhook-secret-key\"\n");
    let site = Site::new(Storage::Sqlite, &format!("{TYPES}{both}"));
    let server = site.start();
    server.client().create_of_type("NoopJob").await;
    let got = receiver.receive(1).await.remove(0);
    for secret in ["webhook-secret-key", "another-secret-key"] {
        assert_eq!(verified_by_the_library(&got, secret, "raw").await, "job.created");
    }
    assert!(got.header("x-tickerq-signature-previous").is_some());
    let stored = endpoint_named(&server.client(), "crm").await;
    assert_eq!(stored["previousSecretUntil"], Value::Null);
    assert!(server.stop().success());
    // Removed from the configuration, it no longer counts.
    site.configure(&format!("{TYPES}{only}"));
    let server = site.start();
    server.client().create_of_type("NoopJob").await;
    let got = receiver.receive(2).await.remove(1);
    assert!(got.header("x-tickerq-signature-previous").is_none());
    assert_eq!(
        verified_by_the_library(&got, "another-secret-key", "raw").await,
        "job.created"
    );
}
