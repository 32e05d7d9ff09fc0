//! The same operation over GraphQL, and its events over WebSocket.

use serde_json::{Value, json};

use super::{WAITS, create};
use crate::graphql::data_of;
use crate::harness::eventually;
use crate::harness::server::Server;
use crate::harness::socket::Socket;

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_over_graphql_publishes_its_events() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    create(&client, WAITS, 40).await;
    let mut socket = Socket::open(&server.url, "/ws").await;
    socket.subscribe(json!(["operations"]), Value::Null).await;
    let preview = format!(
        "mutation {{ it: previewOperation(input: {{kind: PRIORITY, filter: \"type:{WAITS}\", priority: HIGH}}) \
         {{ token kind total isExact undo counted isSplitExact byType {{ name count }} skipped {{ reason count }} sample {{ type }} }} }}"
    );
    let preview = data_of(&client, &preview).await["it"].clone();
    assert_eq!(
        (&preview["kind"], &preview["total"], &preview["undo"]),
        (&json!("PRIORITY"), &json!(40), &json!("INVERSE"))
    );
    assert_eq!(preview["byType"], json!([{ "name": WAITS, "count": 40 }]));
    assert_eq!(
        (
            &preview["counted"],
            &preview["isSplitExact"],
            preview["sample"].as_array().map(Vec::len)
        ),
        (&json!(40), &json!(true), Some(10))
    );
    let token = preview["token"].as_str().expect("a token");
    let started =
        format!("mutation {{ it: startOperation(token: \"{token}\", note: \"urgent\") {{ id status note }} }}");
    let started = data_of(&client, &started).await["it"].clone();
    assert_eq!(
        (&started["status"], &started["note"]),
        (&json!("PENDING"), &json!("urgent"))
    );
    let id = started["id"].as_str().expect("an id");
    let mut seen = Vec::new();
    while seen.last() != Some(&"operation.completed".to_owned()) {
        let message = socket.next_of("operation-changed").await;
        assert_eq!(message["data"]["id"], id, "{message}");
        seen.push(message["data"]["event"].as_str().expect("an event").to_owned());
    }
    assert_eq!(seen.first().map(String::as_str), Some("operation.started"), "{seen:?}");
    let query =
        format!("{{ it: operation(id: \"{id}\") {{ status done skipped priority }} operations {{ nodes {{ id }} }} }}");
    let data = data_of(&client, &query).await;
    let expected = json!({ "status": "COMPLETED", "done": 40, "skipped": 0, "priority": "HIGH" });
    assert_eq!(
        (&data["it"], &data["operations"]["nodes"][0]["id"]),
        (&expected, &started["id"])
    );
    let undo = data_of(
        &client,
        &format!("mutation {{ it: undoOperation(id: \"{id}\") {{ id kind undoes }} }}"),
    )
    .await["it"]
        .clone();
    assert_eq!((&undo["kind"], &undo["undoes"]), (&json!("UNDO"), &started["id"]));
    let query = format!("{{ it: operation(id: {}) {{ status }} }}", undo["id"]);
    eventually("the priorities are restored", || async {
        (data_of(&client, &query).await["it"]["status"] == "COMPLETED").then_some(())
    })
    .await;
}
