//! Live updates over WebSocket, with reconnects.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Response;
use tokio_tungstenite::tungstenite::{self, Bytes};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::error::Error;
use crate::http::backoff;

/// The time that a connection may take until it is subscribed.
const CONNECT_MAX: Duration = Duration::from_secs(30);
/// The capacity of the buffer of a slow reader.
const BUFFER_CAPACITY: usize = 1_024;

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

/// A subscription to live updates. It ends when it is dropped or closed, and when the server refuses it.
pub struct Subscription {
    messages: mpsc::Receiver<Message>,
    closed: CancellationToken,
    refusal: Arc<OnceLock<Error>>,
    _task: AbortOnDropHandle<()>,
}

/// State of a subscription.
pub(crate) struct SubscriptionOptions<'a> {
    pub(crate) root: &'a str,
    pub(crate) token: Option<&'a str>,
    pub(crate) topics: &'a [&'a str],
    pub(crate) filter: Option<Value>,
    pub(crate) closed: CancellationToken,
    pub(crate) ping_interval: Duration,
}

impl Subscription {
    pub(crate) fn start(options: SubscriptionOptions<'_>) -> Self {
        let SubscriptionOptions {
            root,
            token,
            topics,
            filter,
            closed,
            ping_interval,
        } = options;
        let mut request = json!({ "action": "subscribe", "topics": topics });
        if let Some(filter) = filter {
            request["filter"] = filter;
        }
        let (sender, messages) = mpsc::channel(BUFFER_CAPACITY);
        let refusal: Arc<OnceLock<Error>> = Arc::default();
        let listener = Listener {
            url: format!("{}/ws", root.replacen("http", "ws", 1)),
            token: token.map(str::to_owned),
            request: request.to_string(),
            ping_interval,
            sender,
            refusal: Arc::clone(&refusal),
        };
        let until = closed.clone();
        let task = async move {
            until
                .run_until_cancelled(Box::pin(listener.listen()))
                .await
                .unwrap_or_default();
        };
        Self {
            messages,
            closed,
            refusal,
            _task: AbortOnDropHandle::new(tokio::spawn(task)),
        }
    }

    /// The next message; `None` after the subscription was closed. A server that refuses the handshake or a topic ends
    /// it: the last message is an `error`, and [`Subscription::error`] has the reason.
    pub async fn next(&mut self) -> Option<Message> {
        tokio::select! {
            message = self.messages.recv() => message,
            () = self.closed.cancelled() => None,
        }
    }

    /// The error of a server that has refused the subscription.
    pub fn error(&self) -> Option<&Error> {
        self.refusal.get()
    }

    /// Ends the subscription.
    pub fn close(&self) {
        self.closed.cancel();
    }
}

/// Why a connection has ended.
enum Ended {
    /// The server refuses it: another try would be refused as well.
    Refused(Error),
    /// It was not established, for this reason.
    Unreachable(String),
    /// It was lost, for this reason.
    Lost(String),
}

struct Listener {
    url: String,
    token: Option<String>,
    request: String,
    ping_interval: Duration,
    sender: mpsc::Sender<Message>,
    refusal: Arc<OnceLock<Error>>,
}

impl Listener {
    async fn listen(self) {
        let mut tries = 0;
        let mut reported_failure = None;
        loop {
            let reason = match self.listen_once(&mut tries, &mut reported_failure).await {
                Ended::Refused(error) => return self.refuse(error).await,
                Ended::Unreachable(reason) => reason,
                Ended::Lost(reason) => {
                    self.pass("disconnected", json!({ "reason": reason })).await;
                    reason
                }
            };
            // One that repeats is logged once.
            if reported_failure.as_ref() != Some(&reason) {
                tracing::warn!("live updates: {reason}; reconnecting");
                reported_failure = Some(reason);
            }
            tokio::time::sleep(backoff(tries)).await;
            tries = tries.saturating_add(1);
        }
    }

    async fn refuse(&self, error: Error) {
        tracing::error!("live updates: the subscription was refused: {error}");
        let status = error.problem().map(|problem| problem.status);
        let message = error.to_string();
        self.refusal.set(error).ok();
        self.pass("error", json!({ "status": status, "message": message }))
            .await;
    }

    /// Passes a message on. A reader that is gone drops this future.
    async fn pass(&self, kind: &str, data: Value) {
        let message = Message {
            kind: kind.to_owned(),
            data,
        };
        if self.sender.send(message).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Receives until the connection ends.
    async fn listen_once(&self, tries: &mut u32, reported_failure: &mut Option<String>) -> Ended {
        let unreachable = |error: &dyn std::fmt::Display| Ended::Unreachable(error.to_string());
        let invalid = |error: &dyn std::fmt::Display| Ended::Refused(Error::Connection(error.to_string()));
        let mut handshake = match self.url.as_str().into_client_request() {
            Ok(handshake) => handshake,
            Err(error) => return invalid(&error),
        };
        if let Some(token) = &self.token {
            match format!("Bearer {token}").parse() {
                Ok(value) => drop(handshake.headers_mut().insert("authorization", value)),
                Err(error) => return invalid(&error),
            }
        }
        let mut socket = match timeout(CONNECT_MAX, tokio_tungstenite::connect_async(handshake)).await {
            Ok(Ok((socket, _))) => socket,
            Ok(Err(tungstenite::Error::Http(response))) => return refused(&response),
            Ok(Err(error)) => return unreachable(&error),
            Err(_) => return unreachable(&"no response"),
        };
        let lost = |error: &dyn std::fmt::Display| Ended::Lost(error.to_string());
        let subscribe = socket.send(tungstenite::Message::text(self.request.as_str()));
        match timeout(CONNECT_MAX, subscribe).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return lost(&error),
            Err(_) => return lost(&"no response"),
        }
        let mut is_subscribed = false;
        loop {
            let quiet = if is_subscribed { self.ping_interval } else { CONNECT_MAX };
            let mut next = timeout(quiet, socket.next()).await;
            if next.is_err() && is_subscribed {
                // Without a pong the other end is gone.
                let probe = async {
                    socket.send(tungstenite::Message::Ping(Bytes::new())).await.ok();
                    socket.next().await
                };
                next = timeout(self.ping_interval / 2, probe).await;
            }
            let text = match next {
                Ok(Some(Ok(tungstenite::Message::Text(text)))) => text,
                Ok(Some(Ok(tungstenite::Message::Close(Some(frame))))) => {
                    return lost(&format_args!("closed with {} {}", frame.code, frame.reason));
                }
                Ok(Some(Ok(tungstenite::Message::Close(None))) | None) => return lost(&"closed"),
                Ok(Some(Ok(
                    tungstenite::Message::Binary(_)
                    | tungstenite::Message::Ping(_)
                    | tungstenite::Message::Pong(_)
                    | tungstenite::Message::Frame(_),
                ))) => continue,
                Ok(Some(Err(error))) => return lost(&error),
                Err(_) => return lost(&"no response"),
            };
            let Ok(Message { kind, data }) = serde_json::from_str::<Message>(&text) else {
                continue;
            };
            match kind.as_str() {
                "error" if !is_subscribed => return Ended::Refused(refusal_of(&data)),
                "subscribed" => {
                    is_subscribed = true;
                    *tries = 0;
                    if reported_failure.take().is_some() {
                        tracing::info!("live updates: connected");
                    }
                    self.pass("connected", data).await;
                }
                _ => self.pass(&kind, data).await,
            }
        }
    }
}

/// Consequence of a response that opens no WebSocket.
fn refused(response: &Response) -> Ended {
    let status = response.status().as_u16();
    let text = response.body().as_deref().unwrap_or_default();
    let error = Error::of_response(status, &String::from_utf8_lossy(text), None);
    if (400..500).contains(&status) && status != 408 && status != 429 {
        Ended::Refused(error)
    } else {
        Ended::Unreachable(error.to_string())
    }
}

/// The error of a message that rejects the subscription.
fn refusal_of(data: &Value) -> Error {
    let code = data["code"].as_str().unwrap_or("invalid");
    let problem = json!({
        "type": format!("urn:tickerq:problem:{code}"), "status": 400, "detail": data["message"].as_str().unwrap_or_default(),
    });
    Error::of_response(400, &problem.to_string(), None)
}
