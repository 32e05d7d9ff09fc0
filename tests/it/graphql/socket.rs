//! A client of `graphql-transport-ws`.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::harness::TIMEOUT;
use crate::harness::server::Server;

/// A WebSocket with a GraphQL subprotocol.
pub struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    pub async fn try_open(url: &str, protocol: &str, headers: &[(&'static str, &str)]) -> Result<Self, u16> {
        let url = format!("{}/graphql", url.replacen("http", "ws", 1));
        let mut request = url.into_client_request().expect("an address");
        if !protocol.is_empty() {
            let value = protocol.parse().expect("a header");
            request.headers_mut().insert("sec-websocket-protocol", value);
        }
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().expect("a header"));
        }
        match tokio_tungstenite::connect_async(request).await {
            Ok((stream, _)) => Ok(Self(stream)),
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("no connection: {error}"),
        }
    }

    pub async fn open(server: &Server) -> Self {
        Self::open_at(&server.url).await
    }

    /// A connection that is not initialized.
    pub async fn open_at(url: &str) -> Self {
        Self::try_open(url, "graphql-transport-ws", &[])
            .await
            .expect("a connection")
    }

    pub async fn connected(server: &Server) -> Self {
        Self::connected_at(&server.url).await
    }

    /// An initialized connection.
    pub async fn connected_at(url: &str) -> Self {
        let mut socket = Self::open_at(url).await;
        socket.send_json(json!({"type": "connection_init"})).await;
        socket.expect_message("connection_ack").await;
        socket
    }

    pub async fn send_json(&mut self, message: Value) {
        self.send(Message::text(message.to_string())).await;
    }

    /// Sends a text as it is.
    pub async fn say_text(&mut self, text: String) {
        self.send(Message::text(text)).await;
    }

    pub async fn send(&mut self, message: Message) {
        self.0.send(message).await.expect("the connection is open");
    }

    pub async fn next(&mut self) -> Message {
        let stream = &mut self.0;
        // Pings do not extend the time.
        let next = async {
            loop {
                let next = stream.next().await;
                let message = next.expect("the connection is open").expect("a message");
                if !matches!(message, Message::Ping(_) | Message::Pong(_)) {
                    return message;
                }
            }
        };
        timeout(TIMEOUT, next).await.expect("a message in time")
    }

    pub async fn next_text(&mut self) -> String {
        let next = self.next().await;
        let Message::Text(text) = next else {
            panic!("no text but {next:?}");
        };
        text.to_string()
    }

    pub async fn expect_message(&mut self, kind: &str) -> Value {
        let text = self.next_text().await;
        let message: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(message["type"], kind, "{message}");
        message
    }

    pub async fn close_frame(&mut self) -> (u16, String) {
        let next = self.next().await;
        let Message::Close(Some(CloseFrame { code, reason })) = next else {
            panic!("no close frame but {next:?}");
        };
        (code.into(), reason.to_string())
    }

    pub async fn subscribe(&mut self, id: &str, query: &str) {
        self.send_json(json!({"type": "subscribe", "id": id, "payload": {"query": query}}))
            .await;
    }
}
