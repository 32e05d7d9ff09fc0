//! Limits of the subscriptions of one caller.

use reqwest::Method;
use serde_json::json;

use crate::graphql::socket::Socket as GraphQlSocket;
use crate::harness::eventually;
use crate::harness::hub::Hub;
use crate::harness::server::Server;
use crate::harness::socket::Socket;

#[tokio::test]
async fn a_callers_subscriptions_have_a_maximum_over_all_protocols() {
    let setting = "realtime.max_subscriptions_per_caller";
    let (_site, server) = Server::with_config("[realtime]\nmax_subscriptions_per_caller = 3\n");
    let mut topics = Socket::open(&server.url, "/ws").await;
    topics.subscribe(json!(["job-status"]), json!({ "queue": "a" })).await;
    let mut hub = Hub::open(&server.url).await;
    hub.call("1", "JoinGroup", json!(["job-updates"])).await;
    assert!(hub.next().await.get("error").is_none());
    let mut graphql = GraphQlSocket::connected_at(&server.url).await;
    let health = "subscription { systemHealthAlert { status } }";
    graphql.subscribe("1", health).await;

    // The first of this connection is executed when the second is refused: the messages are handled in order.
    graphql.subscribe("2", health).await;
    let error = graphql.expect_message("error").await;
    assert_eq!(error["id"], "2", "{error}");
    assert_eq!(error["payload"][0]["extensions"]["code"], "busy", "{error}");
    assert!(error["payload"][0]["message"].to_string().contains(setting), "{error}");
    let second = json!({ "action": "subscribe", "topics": ["job-status"], "filter": { "queue": "b" } });
    topics.send_json(second.clone()).await;
    let error = topics.next_of("error").await;
    assert_eq!(error["data"]["code"], "busy", "{error}");
    assert!(error["data"]["message"].to_string().contains(setting), "{error}");
    hub.call("2", "JoinGroup", json!(["queue-metrics"])).await;
    assert!(hub.next().await["error"].to_string().contains(setting));
    let client = server.client();
    let stream = client
        .at_root(Method::POST, "/graphql")
        .header("accept", "text/event-stream");
    let refused = client.send(stream.json(&json!({ "query": health }))).await;
    assert_eq!(refused.status, 503, "{}", refused.text);
    assert!(refused.text.contains(setting), "{}", refused.text);

    // A group that was left and a connection that was closed free their places.
    hub.call("3", "LeaveGroup", json!(["job-updates"])).await;
    assert!(hub.next().await.get("error").is_none());
    graphql.subscribe("3", health).await;
    drop(graphql);
    eventually("the places are free again", || async {
        let mut other = Socket::open(&server.url, "/ws").await;
        let two = json!({ "action": "subscribe", "topics": ["job-status", "queue-metrics"] });
        other.send_json(two).await;
        (other.next_json().await["type"] == "subscribed").then_some(())
    })
    .await;
}
