//! Management of webhook endpoints: creation, changes, test events, secrets, disabling, reads and deletion.

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::verified_by_the_library;
use crate::harness::client::Client;
use crate::harness::eventually;
use crate::harness::receiver::{Received, Receiver, ScriptedResponse};
use crate::harness::server::Server;

pub(super) const CONFIG: &str = "[webhooks]\nallow_private_networks = true\n[job_types.NoopJob]\nhandler = \"noop\"\n";

pub(super) async fn create(client: &Client, receiver: &Receiver, events: Value) -> Value {
    let request = json!({
        "url": receiver.url(), "name": "crm", "events": events,
        "retryPolicy": { "maxRetries": 1, "retryDelay": "00:00:00.05" },
    });
    let response = client.post("/webhooks/endpoints", request).await;
    assert_eq!(response.status, StatusCode::CREATED, "{}", response.text);
    let endpoint = response.json();
    assert_eq!(
        response.header("location"),
        Some(format!("/api/tickerq{}", path(&endpoint, "")).as_str())
    );
    endpoint
}

pub(super) fn path(endpoint: &Value, more: &str) -> String {
    format!("/webhooks/endpoints/{}{more}", endpoint["id"].as_str().expect("an id"))
}

#[tokio::test]
async fn an_endpoint_is_created_changed_and_deleted_and_its_secret_is_shown_once() {
    let receiver = Receiver::open().await;
    let (_site, server) = Server::with_config(CONFIG);
    let client = server.client();
    let made = create(&client, &receiver, json!(["job.completed"])).await;
    let secret = made["secret"].as_str().expect("a secret").to_owned();
    assert!(secret.starts_with("whsec_") && secret.len() == 50, "{secret}");
    let read = client.get(&path(&made, "")).await;
    assert_eq!(read.header("etag"), Some("\"1\""));
    assert!(!read.text.contains("whsec_"), "{}", read.text);
    let mut stored = read.json();
    assert_eq!(
        stored["retryPolicy"],
        json!({ "maxRetries": 1, "retryDelay": "00:00:00.0500000" })
    );
    assert_eq!((&stored["source"], &stored["enabled"]), (&json!("api"), &json!(true)));
    stored["node"] = Value::Null;
    let mut expected = made.clone();
    expected.as_object_mut().expect("an object").remove("secret");
    assert_eq!(stored, expected);
    // Effective at once: the next job is delivered.
    let job = client.create_of_type("NoopJob").await;
    let got = receiver.receive(1).await.remove(0);
    assert_eq!(got.json()["data"]["jobId"], json!(job));
    assert_eq!(verified_by_the_library(&got, &secret, "whsec").await, "job.completed");
    let patch = |body: Value, tag: &str| {
        client
            .request(Method::PATCH, &path(&made, ""))
            .header("if-match", tag)
            .json(&body)
    };
    let stale = client.send(patch(json!({ "name": "x" }), "\"7\"")).await;
    stale.problem(412);
    let changed = client
        .send(patch(json!({ "name": "billing", "events": ["job.created"] }), "\"1\""))
        .await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text);
    assert_eq!(
        (&changed.json()["name"], &changed.json()["revision"]),
        (&json!("billing"), &json!(2))
    );
    client.create_of_type("NoopJob").await;
    assert_eq!(receiver.receive(2).await[1].event(), "job.created");
    let deleted = client.send(client.request(Method::DELETE, &path(&made, ""))).await;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT);
    client.get(&path(&made, "")).await.problem(404);
    let job = client.create_of_type("NoopJob").await;
    client.wait_finished(&job).await;
    assert_eq!(receiver.got().len(), 2, "it receives nothing more");
    assert!(!server.log().contains(&secret));
}

#[tokio::test]
async fn during_the_overlap_of_a_rotation_both_secrets_sign() {
    let receiver = Receiver::open().await;
    let (_site, server) = Server::with_config(CONFIG);
    let client = server.client();
    let made = create(&client, &receiver, json!(["job.created"])).await;
    let old = made["secret"].as_str().expect("a secret").to_owned();
    let rotated = client
        .post(&path(&made, "/rotate-secret"), json!({ "overlap": "01:00:00" }))
        .await;
    assert_eq!(rotated.status, StatusCode::OK, "{}", rotated.text);
    let new = rotated.json()["secret"].as_str().expect("a secret").to_owned();
    assert_ne!(new, old);
    client.create_of_type("NoopJob").await;
    let got = receiver.receive(1).await.remove(0);
    for secret in [&old, &new] {
        assert_eq!(verified_by_the_library(&got, secret, "whsec").await, "job.created");
    }
    assert!(got.header("x-tickerq-signature-previous").is_some());
    // A secret of the caller's choice, without an overlap.
    let chosen = client
        .post(
            &path(&made, "/rotate-secret"),
            json!({ "secret": "webhook-secret-key", "overlap": "00:00:00" }),
        )
        .await;
    assert_eq!(chosen.json()["secret"], "webhook-secret-key");
    client.create_of_type("NoopJob").await;
    let got = receiver.receive(2).await.remove(1);
    assert_eq!(got.header("x-tickerq-signature-previous"), None);
    assert_eq!(
        verified_by_the_library(&got, "webhook-secret-key", "raw").await,
        "job.created"
    );
}

#[tokio::test]
async fn an_endpoint_can_be_tried_and_failed_deliveries_sent_again() {
    let receiver = Receiver::open().await;
    receiver.otherwise(ScriptedResponse::Status("503 Service Unavailable", "", "down"));
    let (_site, server) = Server::with_config(CONFIG);
    let client = server.client();
    let made = create(&client, &receiver, json!(["job.created"])).await;
    for _ in 0..3 {
        client.create_of_type("NoopJob").await;
    }
    let failed = eventually("all have failed", || async {
        let list = client.get(&path(&made, "/deliveries?status=failed")).await.json();
        let failed = list["deliveries"].as_array().expect("a list").clone();
        (failed.len() == 3).then_some(failed)
    })
    .await;
    assert_eq!(failed[0]["attempts"], 2);
    let page = client.get(&path(&made, "/deliveries?limit=2")).await.json();
    assert_eq!(page["hasMore"], json!(true));
    let last = page["deliveries"][1]["id"].as_str().expect("an id");
    let rest = client
        .get(&path(&made, &format!("/deliveries?after={last}")))
        .await
        .json();
    assert_eq!(rest["deliveries"].as_array().map(Vec::len), Some(1), "{rest}");
    receiver.otherwise(ScriptedResponse::OK);
    let one = failed[2]["id"].as_str().expect("an id");
    let again = client
        .post_empty(&format!("/webhooks/deliveries/{one}/redeliver"))
        .await;
    assert_eq!(again.status, StatusCode::ACCEPTED, "{}", again.text);
    let delivered = |id: String| {
        let client = client.clone();
        async move {
            eventually("it is delivered", || async {
                let delivery = client.get(&format!("/webhooks/deliveries/{id}")).await.json();
                (delivery["status"] == "delivered").then_some(delivery)
            })
            .await
        }
    };
    let delivery = delivered(one.to_owned()).await;
    assert_eq!(
        delivery["webhookId"], failed[2]["webhookId"],
        "the same id at each attempt"
    );
    assert_eq!(
        receiver.got().last().map(|got| json!(got.id())),
        Some(delivery["webhookId"].clone())
    );
    let later = client
        .post(&path(&made, "/redeliver"), json!({ "since": "2100-01-01T00:00:00Z" }))
        .await;
    assert_eq!(later.json(), json!({ "redelivered": 0 }));
    let all = client
        .post(&path(&made, "/redeliver"), json!({ "since": failed[2]["timestamp"] }))
        .await;
    assert_eq!(
        (all.status, all.json()),
        (StatusCode::ACCEPTED, json!({ "redelivered": 2 }))
    );
    for delivery in &failed[..2] {
        delivered(delivery["id"].as_str().expect("an id").to_owned()).await;
    }
    let test = client.post_empty(&path(&made, "/test")).await;
    assert_eq!(test.status, StatusCode::ACCEPTED, "{}", test.text);
    let id = test.json()["webhookId"].as_str().expect("an id").to_owned();
    let got = receiver.receive_where("the test", |got| got.id() == id).await;
    assert_eq!(got.event(), "webhook.test");
    client.get("/webhooks/deliveries/999999").await.problem(404);
    client.get("/webhooks/deliveries/x").await.problem(404);
}

#[tokio::test]
async fn a_disabled_endpoint_receives_nothing_until_it_is_enabled() {
    let receiver = Receiver::open().await;
    let (_site, server) = Server::with_config(CONFIG);
    let client = server.client();
    let made = create(&client, &receiver, json!(["job.created"])).await;
    let disabled = client.post_empty(&path(&made, "/disable")).await.json();
    assert_eq!(
        (&disabled["enabled"], &disabled["disabledReason"]),
        (&json!(false), &json!("asked"))
    );
    client.post_empty(&path(&made, "/test")).await.problem(409);
    client.create_of_type("NoopJob").await;
    assert_eq!(
        client.post_empty(&path(&made, "/enable")).await.json()["enabled"],
        json!(true)
    );
    let job = client.create_of_type("NoopJob").await;
    let got = receiver.receive(1).await;
    assert_eq!(
        got[0].json()["data"]["jobId"],
        json!(job),
        "events of that time are not delivered"
    );
}

#[tokio::test]
async fn errors_of_an_endpoint_are_reported() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    let send = |body: Value| {
        let client = client.clone();
        async move { client.post("/webhooks/endpoints", body).await.problem(400)["errors"][0].clone() }
    };
    let url = "https://example.com/hook";
    for (body, pointer, printed) in [
        (json!({ "events": ["*"] }), "#/url", "required"),
        (json!({ "url": url }), "#/events", "required"),
        (json!({ "url": url, "events": [] }), "#/events", "no event is selected"),
        (
            json!({ "url": url, "events": ["job.done"] }),
            "#/events",
            "job.completed",
        ),
        (json!({ "url": "ftp://example.com/", "events": ["*"] }), "#/url", "http"),
        (
            json!({ "url": "https://ann:s3cret@example.com/", "events": ["*"] }),
            "#/url",
            "credentials",
        ),
        (
            json!({ "url": "http://169.254.169.254/latest", "events": ["*"] }),
            "#/url",
            "blocked",
        ),
        (
            json!({ "url": "http://[::ffff:169.254.169.254]/", "events": ["*"] }),
            "#/url",
            "blocked",
        ),
        (
            json!({ "url": "http://127.0.0.1:9/", "events": ["*"] }),
            "#/url",
            "private",
        ),
        (
            json!({ "url": "http://2130706433/", "events": ["*"] }),
            "#/url",
            "private",
        ),
        (
            json!({ "url": url, "events": ["*"], "secret": "short" }),
            "#/secret",
            "14 to 256",
        ),
        (json!({ "url": url, "events": ["*"], "name": "" }), "#/name", "1 to 200"),
        (
            json!({ "url": url, "events": ["*"], "retries": 1 }),
            "#/retries",
            "unknown field",
        ),
    ] {
        let error = send(body.clone()).await;
        assert_eq!(error["pointer"], pointer, "{body} {error}");
        let detail = error["detail"].as_str().expect("a detail");
        assert!(detail.contains(printed) && !detail.contains("s3cret"), "{body} {error}");
    }
}

#[tokio::test]
async fn a_name_of_a_private_address_is_rejected_when_it_is_resolved() {
    let receiver = Receiver::open().await;
    let (_site, server) = Server::with_config("[job_types.NoopJob]\nhandler = \"noop\"\n");
    let client = server.client();
    let url = format!("http://localhost:{}/", receiver.port());
    let request = json!({ "url": url, "events": ["job.created"], "retryPolicy": { "maxRetries": 0 } });
    let made = client.post("/webhooks/endpoints", request).await.json();
    client.create_of_type("NoopJob").await;
    let delivery = eventually("it has failed", || async {
        let list = client.get(&path(&made, "/deliveries")).await.json();
        let delivery = list["deliveries"][0].clone();
        (delivery["status"] == "failed").then_some(delivery)
    })
    .await;
    let error = delivery["error"].as_str().expect("an error");
    assert!(error.contains("private network"), "{error}");
    assert!(receiver.got().is_empty());
}

#[tokio::test]
async fn an_endpoint_that_is_enabled_again_gets_each_delivery_once() {
    let receiver = Receiver::open().await;
    receiver.otherwise(ScriptedResponse::Slow(Duration::from_millis(1_500)));
    let (_site, server) = Server::with_config(CONFIG);
    let client = server.client();
    let made = create(&client, &receiver, json!(["job.created"])).await;
    for _ in 0..20 {
        client.create_of_type("NoopJob").await;
    }
    receiver.receive(20).await;
    // Deliveries in flight are still pending: another sender would send them as well.
    assert_eq!(client.post_empty(&path(&made, "/disable")).await.status, 200);
    eventually("the sender is requested to stop", || async {
        server.log().contains("released webhook endpoint").then_some(())
    })
    .await;
    assert_eq!(client.post_empty(&path(&made, "/enable")).await.status, 200);
    let last = client.create_of_type("NoopJob").await;
    receiver
        .receive_where("the newest event", |got| got.job() == last)
        .await;
    eventually("all is delivered", || async {
        let list = client.get(&path(&made, "/deliveries?status=pending")).await.json();
        list["deliveries"].as_array().is_some_and(Vec::is_empty).then_some(())
    })
    .await;
    let ids: Vec<String> = receiver.got().iter().map(Received::id).collect();
    let once: BTreeSet<&String> = ids.iter().collect();
    assert_eq!((ids.len(), once.len()), (21, 21));
}

const AUTHENTICATED: &str = "[api]\nrequire_authentication = true\n\
    [[api.keys]]\nname = \"reader\"\nkey = \"reader-key-0123456789\"\nscopes = [\"tickerq:read\"]\n\
    [[api.keys]]\nname = \"writer\"\nkey = \"writer-key-0123456789\"\nscopes = [\"tickerq:write\"]\n\
    [[api.keys]]\nname = \"boss\"\nkey = \"boss-key-0123456789\"\nscopes = [\"tickerq:read\", \"tickerq:admin\"]\n";

#[tokio::test]
async fn the_admin_scope_may_manage_endpoints_and_it_is_audited() {
    let (_site, server) = Server::with_config(AUTHENTICATED);
    let [reader, writer, boss] =
        ["reader", "writer", "boss"].map(|name| server.client().with_token(&format!("{name}-key-0123456789")));
    let request = json!({ "url": "https://example.com/hook?token=s3cret", "events": ["*"] });
    for client in [&reader, &writer] {
        client.post("/webhooks/endpoints", request.clone()).await.problem(403);
    }
    writer.get("/webhooks/endpoints").await.problem(403);
    let made = boss.post("/webhooks/endpoints", request).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let made = made.json();
    let response = reader.get(&path(&made, "")).await;
    assert_eq!(response.status, StatusCode::OK);
    assert!(!response.text.contains("s3cret"), "{}", response.text);
    for (client, action) in [(&reader, "test"), (&writer, "rotate-secret"), (&writer, "disable")] {
        client
            .post_empty(&path(&made, &format!("/{action}")))
            .await
            .problem(403);
    }
    boss.post_empty(&path(&made, "/rotate-secret")).await;
    boss.post_empty(&path(&made, "/disable")).await;
    boss.send(boss.request(Method::DELETE, &path(&made, ""))).await;
    let audit = boss.get("/audit").await.json();
    let actions: Vec<(&str, &str)> = audit["records"]
        .as_array()
        .expect("records")
        .iter()
        .map(|record| {
            assert_eq!(record["endpointId"], made["id"]);
            assert!(record["jobId"].is_null(), "{record}");
            let actor = record["actor"]["name"].as_str().expect("a name");
            (actor, record["action"].as_str().expect("an action"))
        })
        .collect();
    assert_eq!(
        actions,
        [
            ("boss", "webhook.delete"),
            ("boss", "webhook.disable"),
            ("boss", "webhook.rotate"),
            ("boss", "webhook.create")
        ]
    );
}
