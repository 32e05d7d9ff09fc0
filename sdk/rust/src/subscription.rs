//! Live updates over WebSocket, with reconnects.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::http::backoff;

/// The limit of silence: the server pings more often.
const QUIET_MAX: Duration = Duration::from_secs(90);
/// The capacity of the buffer of a slow reader.
const WAITING_MAX: usize = 1_024;

/// A live update. Beside the server's types there are `connected` and `disconnected`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Message {
    /// `job-status-changed`, `job-progress`, `queue-metrics-updated`, `system-health-alert`, `lagged`, `error`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its content.
    #[serde(default)]
    pub data: Value,
}

/// The subscriptions of a client, which end together.
#[derive(Clone, Default)]
pub(crate) struct Subscriptions(Arc<Mutex<CancellationToken>>);

impl Subscriptions {
    /// Cancelled when the subscriptions of now are closed.
    pub(crate) fn token(&self) -> CancellationToken {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).child_token()
    }

    pub(crate) fn close(&self) {
        let mut token = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *token).cancel();
    }
}

/// A subscription to live updates. It ends when it is dropped or closed.
pub struct Subscription {
    messages: mpsc::Receiver<Message>,
    closed: CancellationToken,
    _listening: AbortOnDropHandle<()>,
}

impl Subscription {
    pub(crate) fn start(
        root: &str,
        token: Option<&str>,
        topics: &[&str],
        filter: Option<Value>,
        closed: CancellationToken,
    ) -> Self {
        let mut request = json!({ "action": "subscribe", "topics": topics });
        if let Some(filter) = filter {
            request["filter"] = filter;
        }
        let (sender, messages) = mpsc::channel(WAITING_MAX);
        let url = format!("{}/ws", root.replacen("http", "ws", 1));
        let listening = Box::pin(listen(url, token.map(str::to_owned), request.to_string(), sender));
        let until = closed.clone();
        let listening = async move { until.run_until_cancelled(listening).await.unwrap_or_default() };
        Self {
            messages,
            closed,
            _listening: AbortOnDropHandle::new(tokio::spawn(listening)),
        }
    }

    /// The next message; `None` after the subscription was closed.
    pub async fn next(&mut self) -> Option<Message> {
        tokio::select! {
            message = self.messages.recv() => message,
            () = self.closed.cancelled() => None,
        }
    }

    /// Ends the subscription.
    pub fn close(&self) {
        self.closed.cancel();
    }
}

async fn listen(url: String, token: Option<String>, request: String, sender: mpsc::Sender<Message>) {
    let mut tries = 0;
    loop {
        let ended = listen_once(&url, token.as_deref(), &request, &sender, &mut tries).await;
        if let Err(Some(reason)) = ended {
            let told = Message {
                kind: "disconnected".to_owned(),
                data: json!({ "reason": reason }),
            };
            if sender.send(told).await.is_err() {
                return;
            }
        }
        tokio::time::sleep(backoff(tries)).await;
        tries = tries.saturating_add(1);
    }
}

/// Receives until the connection ends: `Err(None)` if it was not established, else the reason.
async fn listen_once(
    url: &str,
    token: Option<&str>,
    request: &str,
    sender: &mpsc::Sender<Message>,
    tries: &mut u32,
) -> Result<(), Option<String>> {
    let mut asked = url.into_client_request().map_err(|_| None)?;
    if let Some(token) = token {
        let value = format!("Bearer {token}").parse().map_err(|_| None)?;
        asked.headers_mut().insert("authorization", value);
    }
    let connecting = tokio::time::timeout(QUIET_MAX, tokio_tungstenite::connect_async(asked));
    let (mut socket, _) = connecting.await.map_err(|_| None)?.map_err(|_| None)?;
    let ended = |error: tungstenite::Error| Some(error.to_string());
    socket.send(tungstenite::Message::text(request)).await.map_err(ended)?;
    loop {
        let next = tokio::time::timeout(QUIET_MAX, socket.next()).await;
        let next = next.map_err(|_| Some("timed out".to_owned()))?;
        let text = match next {
            Some(Ok(tungstenite::Message::Text(text))) => text,
            Some(Ok(tungstenite::Message::Close(_))) | None => return Err(Some("closed".to_owned())),
            Some(Ok(_)) => continue,
            Some(Err(error)) => return Err(ended(error)),
        };
        let Ok(mut message) = serde_json::from_str::<Message>(&text) else {
            continue;
        };
        if message.kind == "subscribed" {
            *tries = 0;
            message.kind = "connected".to_owned();
        }
        if sender.send(message).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
