//! A WebSocket client that sends arbitrary frames, and responds to pings only while it is read.

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::TIMEOUT;

/// A WebSocket.
pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Socket {
    /// Connects to a path below the API's base.
    pub async fn open(url: &str, path: &str) -> Self {
        Self::try_open(url, path)
            .await
            .unwrap_or_else(|status| panic!("{path} was refused with {status}"))
    }

    /// Connects, or returns the status of the rejection.
    pub async fn try_open(url: &str, path: &str) -> Result<Self, u16> {
        let url = format!("{}/api/tickerq{path}", url.replacen("http", "ws", 1));
        match tokio_tungstenite::connect_async(url).await {
            Ok((stream, _)) => Ok(Self { stream }),
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("no connection: {error}"),
        }
    }

    /// Sends any message.
    pub async fn send(&mut self, message: Message) {
        self.stream.send(message).await.expect("the connection is open");
    }

    /// Sends a text.
    pub async fn send_text(&mut self, text: &str) {
        self.send(Message::text(text)).await;
    }

    /// Sends JSON.
    pub async fn send_json(&mut self, value: Value) {
        self.send_text(&value.to_string()).await;
    }

    /// The next message other than pings and pongs; `None` if the connection ended without a close frame.
    pub async fn next(&mut self) -> Option<Message> {
        let stream = &mut self.stream;
        // Pings do not extend the time.
        let next = async {
            loop {
                match stream.next().await {
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    Some(Ok(message)) => return Some(message),
                    Some(Err(_)) | None => return None,
                }
            }
        };
        timeout(TIMEOUT, next).await.expect("a message in time")
    }

    /// The next message of any kind.
    pub async fn next_of_any_kind(&mut self) -> Option<Message> {
        let next = timeout(TIMEOUT, self.stream.next()).await.expect("a message in time");
        next.and_then(Result::ok)
    }

    /// The next message, a text.
    pub async fn next_text(&mut self) -> String {
        match self.next().await {
            Some(Message::Text(text)) => text.to_string(),
            other => panic!("no text but {other:?}"),
        }
    }

    /// The next message, JSON.
    pub async fn next_json(&mut self) -> Value {
        let text = self.next_text().await;
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"))
    }

    /// The next message, JSON of this type.
    pub async fn next_of(&mut self, kind: &str) -> Value {
        let message = self.next_json().await;
        assert_eq!(message["type"], kind, "{message}");
        message
    }

    /// The close frame, which must be the next message: its code and reason.
    pub async fn close_frame(&mut self) -> (u16, String) {
        match self.next().await {
            Some(Message::Close(Some(CloseFrame { code, reason }))) => (code.into(), reason.to_string()),
            other => panic!("no close frame but {other:?}"),
        }
    }

    /// Subscribes and waits until the subscription is active.
    pub async fn subscribe(&mut self, topics: Value, filter: Value) {
        self.send_json(serde_json::json!({ "action": "subscribe", "topics": topics, "filter": filter }))
            .await;
        self.next_of("subscribed").await;
    }
}
