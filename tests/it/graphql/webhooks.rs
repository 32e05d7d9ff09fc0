//! Webhooks over GraphQL: the same endpoints and deliveries as over REST, with the same rules.

use serde_json::{Value, json};

use super::{data_of, execute, refused};
use crate::harness::client::Client;
use crate::harness::eventually;
use crate::harness::receiver::{Receiver, ScriptedResponse};
use crate::harness::server::Server;
use crate::webhooks::verified_by_the_library;

const CONFIG: &str = "[webhooks]\nallow_private_networks = true\n[job_types.NoopJob]\nhandler = \"noop\"\n";

const ENDPOINT: &str = "id name url events enabled disabledReason disabledAt failingSince \
    retryPolicy { maxRetries retryDelay } source previousSecretUntil node unconfiguredSince createdAt updatedAt revision";

const DELIVERY: &str = "id endpointId webhookId event timestamp jobId status attempts nextAttemptAt lastAttemptAt duration \
    body response { status body } error";

async fn create(client: &Client, receiver: &Receiver) -> (String, Value) {
    let query = format!(
        "mutation($input: CreateWebhookEndpointInput!) {{
            createWebhookEndpoint(input: $input) {{ secret endpoint {{ {ENDPOINT} }} }} }}"
    );
    let input = json!({
        "url": receiver.url(), "name": "crm", "events": ["job.created"],
        "retryPolicy": { "maxRetries": 1, "retryDelay": "00:00:00.05" },
    });
    let response = execute(client, &query, json!({ "input": input })).await;
    let made = response["data"]["createWebhookEndpoint"].clone();
    let secret = made["secret"]
        .as_str()
        .unwrap_or_else(|| panic!("a secret in {response}"));
    (secret.to_owned(), made["endpoint"].clone())
}

fn id(of: &Value) -> &str {
    of["id"].as_str().expect("an id")
}

/// REST's representation with GraphQL's enum values.
fn in_graphql_form(mut rest: Value, enums: &[&str]) -> Value {
    for name in enums {
        if let Some(text) = rest[name].as_str() {
            rest[name] = json!(text.to_uppercase());
        }
    }
    rest
}

#[tokio::test]
async fn an_endpoint_has_the_same_view_as_in_rest() {
    let receiver = Receiver::open().await;
    let (_site, server) = Server::with_config(CONFIG);
    let client = server.client();
    let (secret, made) = create(&client, &receiver).await;
    let path = format!("/webhooks/endpoints/{}", id(&made));
    let rest = eventually("a node owns it", || async {
        let rest = client.get("/webhooks/endpoints").await.json()["endpoints"][0].clone();
        rest["node"].is_string().then_some(rest)
    })
    .await;
    let read = data_of(&client, &format!("{{ webhookEndpoints {{ {ENDPOINT} }} }}")).await;
    assert_eq!(read["webhookEndpoints"], json!([in_graphql_form(rest, &["source"])]));
    // Delivered at once and signed with the returned secret.
    let job = client.create_of_type("NoopJob").await;
    let got = receiver.receive(1).await.remove(0);
    assert_eq!(got.json()["data"]["jobId"], json!(job));
    assert_eq!(verified_by_the_library(&got, &secret, "whsec").await, "job.created");

    let update = |revision: u32| {
        format!(
            "mutation {{ updateWebhookEndpoint(id: \"{}\", expectedRevision: {revision},
                input: {{name: \"billing\", events: [\"job.*\"], retryPolicy: {{maxRetries: 7}}}}) {{ {ENDPOINT} }} }}",
            id(&made)
        )
    };
    let changed = data_of(&client, &update(1)).await["updateWebhookEndpoint"].clone();
    assert_eq!(
        (&changed["name"], &changed["events"], &changed["revision"]),
        (&json!("billing"), &json!(["job.*"]), &json!(2))
    );
    assert_eq!(
        changed["retryPolicy"],
        json!({ "maxRetries": 7, "retryDelay": "00:00:00.0500000" })
    );
    let error = refused(&client, &update(1)).await;
    assert_eq!(error["extensions"]["code"], "precondition-failed");
    assert_eq!(error["extensions"]["revision"], 2);

    let rotate = format!(
        "mutation {{ rotateWebhookSecret(id: \"{}\", overlap: \"01:00:00\") {{ secret endpoint {{ previousSecretUntil }} }} }}",
        id(&made)
    );
    let rotated = data_of(&client, &rotate).await["rotateWebhookSecret"].clone();
    assert_ne!(rotated["secret"], json!(secret));
    assert!(rotated["endpoint"]["previousSecretUntil"].is_string());

    let switch = |verb: &str| {
        format!(
            "mutation {{ {verb}WebhookEndpoint(id: \"{}\") {{ enabled disabledReason }} }}",
            id(&made)
        )
    };
    let disabled = data_of(&client, &switch("disable")).await["disableWebhookEndpoint"].clone();
    assert_eq!(disabled, json!({ "enabled": false, "disabledReason": "ASKED" }));
    let test = format!("mutation {{ testWebhookEndpoint(id: \"{}\") }}", id(&made));
    assert_eq!(refused(&client, &test).await["extensions"]["code"], "conflict");
    let enabled = data_of(&client, &switch("enable")).await["enableWebhookEndpoint"].clone();
    assert_eq!(enabled, json!({ "enabled": true, "disabledReason": null }));
    let sent = data_of(&client, &test).await["testWebhookEndpoint"].clone();
    receiver
        .receive_where("the test", |got| {
            json!(got.id()) == sent && got.event() == "webhook.test"
        })
        .await;

    let delete = format!("mutation {{ deleteWebhookEndpoint(id: \"{}\") }}", id(&made));
    assert_eq!(data_of(&client, &delete).await["deleteWebhookEndpoint"], made["id"]);
    client.get(&path).await.problem(404);
    let deleted = format!("{{ webhookEndpoint(id: \"{}\") {{ name }} }}", id(&made));
    assert_eq!(data_of(&client, &deleted).await["webhookEndpoint"], Value::Null);
    assert!(!server.log().contains(&secret), "the log holds no secret");
}

#[tokio::test]
async fn deliveries_are_listed_and_sent_again() {
    let receiver = Receiver::open().await;
    receiver.otherwise(ScriptedResponse::Status("503 Service Unavailable", "", "down"));
    let (_site, server) = Server::with_config(CONFIG);
    let client = server.client();
    let (_, made) = create(&client, &receiver).await;
    for _ in 0..3 {
        client.create_of_type("NoopJob").await;
    }
    let list = |more: &str| {
        format!(
            "{{ webhookDeliveries(endpointId: \"{}\"{more}) {{ hasMore nodes {{ {DELIVERY} }} }} }}",
            id(&made)
        )
    };
    let failed = eventually("all have failed", || async {
        let page = data_of(&client, &list(", status: FAILED")).await["webhookDeliveries"].clone();
        (page["nodes"].as_array().map(Vec::len) == Some(3)).then_some(page["nodes"].clone())
    })
    .await;
    assert_eq!(failed[0]["response"], json!({ "status": 503, "body": "down" }));
    let rest = client
        .get(&format!("/webhooks/deliveries/{}", id(&failed[0])))
        .await
        .json();
    let mut rest = in_graphql_form(rest, &["status"]);
    rest["body"] = rest["request"]["body"].clone();
    rest.as_object_mut().expect("an object").remove("request");
    assert_eq!(failed[0], rest);
    let page = data_of(&client, &list(", first: 2")).await["webhookDeliveries"].clone();
    assert_eq!(page["hasMore"], json!(true));
    let after = format!(", after: \"{}\"", id(&page["nodes"][1]));
    let page = data_of(&client, &list(&after)).await["webhookDeliveries"].clone();
    assert_eq!((&page["hasMore"], &page["nodes"]), (&json!(false), &json!([failed[2]])));

    let more = format!(
        "{{ webhookDeliveries(endpointId: \"{}\", first: 2) {{ edges {{ cursor node {{ id }} }} \
         pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }} node(id: {}) {{ __typename id \
         ... on WebhookDelivery {{ event }} }} }}",
        id(&made),
        failed[0]["id"]
    );
    let read = data_of(&client, &more).await;
    let (edges, page) = (
        &read["webhookDeliveries"]["edges"],
        &read["webhookDeliveries"]["pageInfo"],
    );
    assert_eq!(
        (&edges[0]["cursor"], &edges[0]["node"]["id"]),
        (&failed[0]["id"], &failed[0]["id"])
    );
    let expected = json!({
        "hasNextPage": true, "hasPreviousPage": false, "startCursor": failed[0]["id"], "endCursor": failed[1]["id"],
    });
    assert_eq!(*page, expected);
    let node = json!({ "__typename": "WebhookDelivery", "id": failed[0]["id"], "event": failed[0]["event"] });
    assert_eq!(read["node"], node);

    receiver.otherwise(ScriptedResponse::OK);
    let again = format!(
        "mutation {{ redeliverWebhook(id: \"{}\") {{ webhookId attempts }} }}",
        id(&failed[2])
    );
    let again = data_of(&client, &again).await["redeliverWebhook"].clone();
    assert_eq!(again["webhookId"], failed[2]["webhookId"]);
    let since = |time: &str| {
        format!(
            "mutation {{ redeliverFailedWebhooks(endpointId: \"{}\", since: \"{time}\") }}",
            id(&made)
        )
    };
    let none = data_of(&client, &since("2100-01-01T00:00:00Z")).await;
    assert_eq!(none["redeliverFailedWebhooks"], json!(0));
    let two = data_of(&client, &since(failed[2]["timestamp"].as_str().expect("a time"))).await;
    assert_eq!(two["redeliverFailedWebhooks"], json!(2));
    for delivery in failed.as_array().expect("deliveries") {
        let query = format!("{{ webhookDelivery(id: \"{}\") {{ status }} }}", id(delivery));
        eventually("it is delivered", || async {
            let status = data_of(&client, &query).await["webhookDelivery"]["status"].clone();
            (status == "DELIVERED").then_some(())
        })
        .await;
    }
    let none = data_of(&client, "{ webhookDelivery(id: \"999999\") { status } }").await;
    assert_eq!(none["webhookDelivery"], Value::Null);
}

#[tokio::test]
async fn errors_name_the_argument() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    let create = |input: &str| format!("mutation {{ createWebhookEndpoint(input: {{{input}}}) {{ secret }} }}");
    for (input, field) in [
        ("url: \"ftp://a.example\", events: [\"*\"]", "input.url"),
        ("url: \"http://169.254.169.254/\", events: [\"*\"]", "input.url"),
        ("url: \"http://127.0.0.1/\", events: [\"*\"]", "input.url"),
        ("url: \"https://a.example\", events: [\"job.done\"]", "input.events"),
        ("url: \"https://a.example\", events: []", "input.events"),
        ("url: \"https://a.example\", events: [\"*\"], name: \"\"", "input.name"),
        (
            "url: \"https://a.example\", events: [\"*\"], secret: \"short\"",
            "input.secret",
        ),
        (
            "url: \"https://a.example\", events: [\"*\"], retryPolicy: {maxRetries: -1}",
            "input.retryPolicy.maxRetries",
        ),
        (
            "url: \"https://a.example\", events: [\"*\"], retryPolicy: {maxRetries: 1001}",
            "input.retryPolicy.maxRetries",
        ),
        (
            "url: \"https://a.example\", events: [\"*\"], retryPolicy: {retryDelay: \"soon\"}",
            "input.retryPolicy.retryDelay",
        ),
        (
            "url: \"https://a.example\", events: [\"*\"], retryPolicy: {retryDelay: \"-00:00:01\"}",
            "input.retryPolicy.retryDelay",
        ),
    ] {
        let error = refused(&client, &create(input)).await;
        assert_eq!(error["extensions"]["code"], "validation", "{input}: {error}");
        assert_eq!(error["extensions"]["field"], field, "{input}: {error}");
    }
    for (query, field) in [
        ("mutation { testWebhookEndpoint(id: \"1\") }", "id"),
        ("{ webhookDeliveries(endpointId: \"x\") { hasMore } }", "endpointId"),
        ("{ webhookDelivery(id: \"x\") { status } }", "id"),
    ] {
        let error = refused(&client, query).await;
        assert_eq!(error["extensions"]["field"], field, "{query}: {error}");
    }
    let unknown = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55";
    for query in [
        format!("mutation {{ testWebhookEndpoint(id: \"{unknown}\") }}"),
        format!("mutation {{ deleteWebhookEndpoint(id: \"{unknown}\") }}"),
        format!("{{ webhookDeliveries(endpointId: \"{unknown}\") {{ hasMore }} }}"),
        "mutation { redeliverWebhook(id: \"999999\") { id } }".to_owned(),
    ] {
        assert_eq!(refused(&client, &query).await["extensions"]["code"], "not-found");
    }
}

#[tokio::test]
async fn each_field_requires_its_scope() {
    let config = "[api]\nrequire_authentication = true\n
        [[api.keys]]\nname = \"reader\"\nkey = \"reader-0123456789abcdef0123456789abcdef\"\nscopes = [\"tickerq:read\"]
        [[api.keys]]\nname = \"writer\"\nkey = \"writer-0123456789abcdef0123456789abcdef\"\nscopes = [\"tickerq:write\"]
        [[api.keys]]\nname = \"admin\"\nkey = \"admin-0123456789abcdef0123456789abcdef\"\nscopes = [\"tickerq:admin\"]";
    let (_site, server) = Server::with_config(config);
    let [reader, writer, admin] = ["reader", "writer", "admin"].map(|name| {
        server
            .client()
            .with_token(&format!("{name}-0123456789abcdef0123456789abcdef"))
    });
    let create = "mutation { createWebhookEndpoint(input: {url: \"https://a.example/h?key=s3cret\", events: [\"*\"]}) {
        endpoint { id url } } }";
    let made = data_of(&admin, create).await["createWebhookEndpoint"]["endpoint"].clone();
    assert_eq!(made["url"], "https://a.example/h?***");
    let id = id(&made);
    let lacks = async |client: &Client, query: &str, scope: &str| {
        let error = refused(client, query).await;
        assert_eq!(
            (&error["extensions"]["code"], &error["extensions"]["scope"]),
            (&json!("forbidden"), &json!(scope)),
            "{query}: {error}"
        );
    };
    for query in [
        create.to_owned(),
        format!("mutation {{ updateWebhookEndpoint(id: \"{id}\", input: {{name: \"x\"}}) {{ id }} }}"),
        format!("mutation {{ enableWebhookEndpoint(id: \"{id}\") {{ id }} }}"),
        format!("mutation {{ disableWebhookEndpoint(id: \"{id}\") {{ id }} }}"),
        format!("mutation {{ rotateWebhookSecret(id: \"{id}\") {{ secret }} }}"),
        format!("mutation {{ testWebhookEndpoint(id: \"{id}\") }}"),
        format!("mutation {{ deleteWebhookEndpoint(id: \"{id}\") }}"),
        "mutation { redeliverWebhook(id: \"1\") { id } }".to_owned(),
        format!("mutation {{ redeliverFailedWebhooks(endpointId: \"{id}\", since: \"2026-01-01T00:00:00Z\") }}"),
    ] {
        lacks(&reader, &query, "tickerq:admin").await;
        lacks(&writer, &query, "tickerq:admin").await;
    }
    for query in [
        "{ webhookEndpoints { id } }".to_owned(),
        format!("{{ webhookEndpoint(id: \"{id}\") {{ id }} }}"),
        format!("{{ webhookDeliveries(endpointId: \"{id}\") {{ hasMore }} }}"),
        "{ webhookDelivery(id: \"1\") { id } }".to_owned(),
    ] {
        lacks(&writer, &query, "tickerq:read").await;
        assert!(data_of(&reader, &query).await.is_object());
    }
    let audit = data_of(&admin, "{ auditRecords { nodes { actor action jobId endpointId } } }").await;
    assert_eq!(
        audit["auditRecords"]["nodes"],
        json!([{ "actor": "admin", "action": "WEBHOOK_CREATE", "jobId": null, "endpointId": id }])
    );
}
