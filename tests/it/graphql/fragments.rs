//! Fragments and directives of operations.

use serde_json::json;

use super::socket::Socket;
use super::{NOOP, data_of, execute};
use crate::harness::server::Server;

#[tokio::test]
async fn a_subscription_in_a_fragment_has_events() {
    let (_site, server) = Server::with_config(NOOP);
    let client = server.client();
    let mut socket = Socket::connected_at(&server.url).await;
    let job = client.create(json!({ "type": "Waits" })).await;
    let id = job["id"].as_str().expect("an id");
    let field = format!("job(id: \"{id}\") {{ id ...name }}");
    let name = "fragment name on Job { name }";
    for (number, query) in [
        format!("subscription {{ ...f }} fragment f on Subscription {{ {field} }} {name}"),
        format!("subscription {{ ... {{ {field} }} }} {name}"),
        format!("subscription {{ ... on Subscription {{ ...f }} }} fragment f on Subscription {{ ... {{ {field} }} }} {name}"),
        format!("subscription {{ {field} ...f }} fragment f on Subscription {{ {field} }} {name}"),
    ]
    .iter()
    .enumerate()
    {
        let subscription = number.to_string();
        socket.subscribe(&subscription, query).await;
        let next = socket.expect_message("next").await;
        assert_eq!(
            next["payload"]["data"],
            json!({ "job": { "id": id, "name": "Waits" } }),
            "{query}"
        );
        socket
            .send_json(json!({ "type": "complete", "id": subscription }))
            .await;
    }
    for query in [
        "subscription { ...f } fragment f on Query { queues { name } }",
        "subscription { ... on Query { queues { name } } }",
        "subscription { ...unknown }",
        "subscription { ...f } fragment f on Subscription { unknown }",
        "subscription { ...f @unknown } fragment f on Subscription { jobStatusChanged { event } }",
        "subscription { ... { jobStatusChanged { event } } } fragment unused on Job { name }",
    ] {
        socket.subscribe("invalid", query).await;
        let error = socket.expect_message("error").await;
        assert_eq!(
            error["payload"][0]["extensions"]["code"], "validation",
            "{query}: {error}"
        );
    }
}

#[tokio::test]
async fn the_default_value_of_a_variable_decides_about_fields() {
    let (_site, server) = Server::with_config(NOOP);
    let client = server.client();
    let health = data_of(&client, "{ systemMetrics { totalJobs } }").await;
    let query = "query ($yes: Boolean! = true, $no: Boolean = false) {
        systemMetrics @include(if: $yes) { totalJobs }
        queues @skip(if: $yes) { name }
        ...f @include(if: $no)
    } fragment f on Query { nodes { id } }";
    assert_eq!(data_of(&client, query).await, health);
    let given = execute(&client, query, json!({ "yes": false, "no": true })).await;
    let data = &given["data"];
    assert!(data["nodes"].is_array() && data["queues"].is_array(), "{given}");
    assert!(data.get("systemMetrics").is_none(), "{given}");
}
