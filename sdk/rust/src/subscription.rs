//! Live updates over WebSocket, connected again whenever the connection ends.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_util::task::AbortOnDropHandle;

use crate::http::backoff;

/// How long nothing may be heard: the server pings more often.
const QUIET_MAX: Duration = Duration::from_secs(90);
/// How many messages wait for one who does not take them.
const WAITING_MAX: usize = 1_024;

/// Something that the server tells. Beside its own types there are `connected` and `disconnected`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Message {
    /// `job-status-changed`, `job-progress`, `queue-metrics-updated`, `system-health-alert`, `lagged`, `error`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What.
    #[serde(default)]
    pub data: Value,
}

/// What somebody listens to. It ends when it is dropped.
pub struct Subscription {
    messages: mpsc::Receiver<Message>,
    _listening: AbortOnDropHandle<()>,
}

impl Subscription {
    pub(crate) fn start(root: &str, token: Option<&str>, topics: &[&str], filter: Option<Value>) -> Self {
        let mut request = json!({ "action": "subscribe", "topics": topics });
        if let Some(filter) = filter {
            request["filter"] = filter;
        }
        let (sender, messages) = mpsc::channel(WAITING_MAX);
        let url = format!("{}/ws", root.replacen("http", "ws", 1));
        let listening = listen(url, token.map(str::to_owned), request.to_string(), sender);
        Self {
            messages,
            _listening: AbortOnDropHandle::new(tokio::spawn(listening)),
        }
    }

    /// The next message; there is always another one to wait for.
    pub async fn next(&mut self) -> Message {
        match self.messages.recv().await {
            Some(message) => message,
            // The task that listens never ends by itself.
            None => std::future::pending().await,
        }
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

/// Listens until the connection ends: `Err(None)` when there was none, else why it has ended.
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
        let next = next.map_err(|_| Some("nothing was heard for too long".to_owned()))?;
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
