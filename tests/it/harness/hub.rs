//! A raw SignalR client: JSON over a WebSocket.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::client::Client;
use super::socket::Socket;

/// The byte that ends a record.
pub const RS: char = '\u{1e}';

/// Negotiates and returns the token.
pub async fn negotiate(client: &Client) -> String {
    let response = client.post_empty("/hub/negotiate?negotiateVersion=1").await;
    assert_eq!(response.status, 200, "{}", response.text);
    let token = response.json()["connectionToken"].as_str().map(str::to_owned);
    token.expect("a token")
}

/// The records of a text.
pub fn records(text: &str) -> Vec<Value> {
    let whole = text
        .strip_suffix(RS)
        .unwrap_or_else(|| panic!("{text:?} ends within a record"));
    let read = |record: &str| serde_json::from_str(record).unwrap_or_else(|error| panic!("{error} in {record}"));
    whole.split(RS).map(read).collect()
}

/// A connection with a successful handshake.
pub struct Hub {
    pub socket: Socket,
    waiting: Vec<Value>,
}

impl Hub {
    /// Connects without negotiating.
    pub async fn open(url: &str) -> Self {
        Self::over(Socket::open(url, "/hub").await).await
    }

    /// Performs the handshake on an open socket.
    pub async fn over(mut socket: Socket) -> Self {
        socket
            .send_text(&format!("{{\"protocol\":\"json\",\"version\":1}}{RS}"))
            .await;
        assert_eq!(
            socket.next_text().await,
            format!("{{}}{RS}"),
            "the first record is the response"
        );
        Self {
            socket,
            waiting: Vec::new(),
        }
    }

    /// Sends a record.
    pub async fn send(&mut self, record: Value) {
        self.socket.send_text(&format!("{record}{RS}")).await;
    }

    /// Calls a method.
    pub async fn call(&mut self, id: &str, target: &str, arguments: Value) {
        self.send(json!({ "arguments": arguments, "invocationId": id, "target": target, "type": 1 }))
            .await;
    }

    /// Joins a group and waits until that is in effect.
    pub async fn join(&mut self, group: &str) {
        self.call("join", "JoinGroup", json!([group])).await;
        assert_eq!(
            self.next().await,
            json!({ "type": 3, "invocationId": "join", "result": null })
        );
    }

    /// The next record other than pings.
    pub async fn next(&mut self) -> Value {
        loop {
            while !self.waiting.is_empty() {
                let record = self.waiting.remove(0);
                if record != json!({ "type": 6 }) {
                    return record;
                }
            }
            self.waiting = records(&self.socket.next_text().await);
        }
    }

    /// The next record, which must be an invocation of this method: its arguments.
    pub async fn invocation(&mut self, target: &str) -> Value {
        let record = self.next().await;
        assert_eq!(
            (&record["type"], &record["target"]),
            (&json!(1), &json!(target)),
            "{record}"
        );
        assert!(record.get("invocationId").is_none(), "{record}");
        record["arguments"].clone()
    }

    /// The close message, which must be next, and the end of the socket.
    pub async fn closed(&mut self) -> Value {
        let close = self.next().await;
        assert_eq!(close["type"], 7, "{close}");
        assert!(matches!(self.socket.next().await, Some(Message::Close(_))));
        close
    }
}
