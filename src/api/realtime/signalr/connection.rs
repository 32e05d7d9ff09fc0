//! A connection of any transport: bytes in, bytes out, and timeouts.
//!
//! ```text
//!   handshaking ──handshake──► open ──Close, error, silence, shutdown──► closing ──► closed
//!        └──bad handshake, silence, shutdown──────────────────────────────────►┘
//! ```
//!
//! Nothing is sent before the response to the handshake: clients treat anything else as an error. Calls are executed
//! sequentially. Events of the hub are polled only when the transport has room.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use serde_json::Value;

use super::hub::{Client, Hub, HubError, Invoked};
use super::json;
use super::message::{Incoming, Outgoing, Unreadable};
use super::protocol::{Format, Protocol};
use crate::api::auth::{Credentials, LiveCredentials, RECHECK_INTERVAL};
use crate::api::realtime::connections::Permit;
use crate::domain::access::caller::Caller;
use crate::service::shutdown::Shutdown;

/// Delay of a tick after which the connection was blocked, not just late.
const LATE_TICK: Duration = Duration::from_secs(1);
/// Maximum number of queued calls of one client.
const CALLS_MAX: usize = 256;
/// Maximum size of the responses that wait for a client, in bytes.
const UNSENT_BYTES_MAX: usize = 1 << 20;

/// Timeouts and limits of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Maximum size of a client's message, in bytes.
    pub message_bytes_max: usize,
    /// Timeout of a client's handshake.
    pub handshake_timeout: Duration,
    /// Maximum time without a message to the client.
    pub keep_alive: Duration,
    /// Maximum time without a message from the client.
    pub client_timeout: Duration,
}

impl Limits {
    /// Interval of ticks.
    pub(super) fn tick_interval(&self) -> Duration {
        let interval = self.keep_alive.min(self.client_timeout).min(self.handshake_timeout) / 3;
        interval.min(RECHECK_INTERVAL)
    }
}

/// Properties of a transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Transport {
    /// Format of its bytes.
    pub format: Format,
    /// True if the client's requests show that it is connected, as with polling; then there are no pings.
    pub is_kept_alive: bool,
}

/// Output of a connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Output {
    /// Bytes for the client.
    Bytes(Bytes),
    /// End of the output: the transport has to close.
    Closed(Ended),
}

/// Reason for the end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// Regular, or with an error that was sent to the client.
    Normally,
    /// The caller's credentials are no longer valid.
    Unauthenticated,
}

enum State {
    Handshaking(Caller),
    Open {
        protocol: Protocol,
        client: Box<dyn Client>,
    },
    Closed(Ended),
}

/// A connection. See the module.
pub(super) struct Connection {
    hub: Arc<dyn Hub>,
    limits: Limits,
    transport: Transport,
    state: State,
    received: BytesMut,
    unsent: VecDeque<Bytes>,
    unsent_bytes: usize,
    calls: VecDeque<(Option<String>, Invoked)>,
    shutdown: Pin<Box<dyn Future<Output = ()>>>,
    permit: Permit,
    waker: Option<Waker>,
    live_credentials: LiveCredentials,
    opened_at: Instant,
    last_received: Instant,
    last_sent: Instant,
    last_tick: Instant,
}

impl Connection {
    /// A connection that waits for its handshake.
    pub(super) fn new(
        hub: Arc<dyn Hub>,
        caller: Caller,
        live_credentials: LiveCredentials,
        transport: Transport,
        limits: Limits,
        shutdown: &Shutdown,
        permit: Permit,
    ) -> Self {
        let now = Instant::now();
        Self {
            hub,
            limits,
            transport,
            state: State::Handshaking(caller),
            received: BytesMut::new(),
            unsent: VecDeque::new(),
            unsent_bytes: 0,
            calls: VecDeque::new(),
            shutdown: Box::pin(shutdown.started()),
            permit,
            waker: None,
            live_credentials,
            opened_at: now,
            last_received: now,
            last_sent: now,
            last_tick: now,
        }
    }

    /// The protocol, after the handshake.
    pub(super) fn protocol(&self) -> Option<Protocol> {
        match &self.state {
            State::Open { protocol, .. } => Some(*protocol),
            State::Handshaking(_) | State::Closed(_) => None,
        }
    }

    /// Replaces the credentials by newer ones that were accepted.
    pub(super) fn renew(&mut self, credentials: Credentials) {
        self.live_credentials.renew(credentials);
    }

    /// Receives bytes from the client: a part of a message, one, or several.
    pub(super) fn receive(&mut self, bytes: &[u8]) {
        self.last_received = Instant::now();
        if matches!(self.state, State::Closed(_)) {
            return;
        }
        self.received.extend_from_slice(bytes);
        if matches!(self.state, State::Handshaking(_)) {
            self.shake_hands();
        }
        while let State::Open { protocol, .. } = &self.state {
            match protocol.next(&mut self.received, self.limits.message_bytes_max) {
                Ok(Some(message)) => self.take(message),
                Ok(None) => break,
                Err(unreadable) => self.close(Some(&unreadable.to_string()), false),
            }
        }
        self.wake();
    }

    fn shake_hands(&mut self) {
        let chosen = match json::next_record(&mut self.received, self.limits.message_bytes_max) {
            Ok(None) => return,
            Ok(Some(record)) => Protocol::of_handshake(&record, self.transport.format),
            Err(unreadable @ (Unreadable::TooLarge { .. } | Unreadable::Malformed(_))) => Err(unreadable.to_string()),
        };
        match (
            chosen,
            std::mem::replace(&mut self.state, State::Closed(Ended::Normally)),
        ) {
            (Ok(protocol), State::Handshaking(caller)) => match self.permit.confirm(&caller) {
                Ok(()) => {
                    self.push(Protocol::accepted());
                    let client = self.hub.connect(caller);
                    self.state = State::Open { protocol, client };
                }
                Err(full) => self.push(Protocol::rejection(full.detail())),
            },
            (Err(error), _) => self.push(Protocol::rejection(&error)),
            // There is only one handshake.
            (Ok(_), State::Open { .. } | State::Closed(_)) => {}
        }
    }

    fn take(&mut self, message: Incoming) {
        match message {
            Incoming::Invocation {
                id,
                target,
                arguments,
                has_streams,
            } => {
                if has_streams {
                    self.response(id.as_deref(), Err(&HubError(format!("'{target}' takes no streams."))));
                    return;
                }
                let State::Open { client, .. } = &mut self.state else {
                    return;
                };
                if self.calls.len() >= CALLS_MAX {
                    let error = format!("More than {CALLS_MAX} calls are queued.");
                    self.close(Some(&error), false);
                    return;
                }
                let invoked = client.invoke(&target, arguments);
                self.calls.push_back((id, invoked));
            }
            Incoming::StreamInvocation { id, target } => {
                let error = HubError(format!("The method '{target}' does not stream; invoke it."));
                self.response(Some(&id), Err(&error));
            }
            Incoming::Ping | Incoming::Other => {}
            Incoming::Close => self.state = State::Closed(Ended::Normally),
        }
    }

    /// Responds to a call, if the client expects a response.
    fn response(&mut self, id: Option<&str>, result: Result<&Value, &HubError>) {
        if let (Some(id), Some(protocol)) = (id, self.protocol()) {
            let completion = Outgoing::Completion {
                id,
                result: result.map_err(|error| error.0.as_str()),
            };
            self.push(protocol.write(&completion));
        }
    }

    fn push(&mut self, bytes: Bytes) {
        self.unsent_bytes += bytes.len();
        self.unsent.push_back(bytes);
        if self.unsent_bytes > UNSENT_BYTES_MAX {
            // The client does not read its responses.
            self.state = State::Closed(Ended::Normally);
        }
    }

    /// Sends the close message, if the handshake is complete, and ends the connection.
    fn close(&mut self, error: Option<&str>, allow_reconnect: bool) {
        self.end(Ended::Normally, error, allow_reconnect);
    }

    fn end(&mut self, ended: Ended, error: Option<&str>, allow_reconnect: bool) {
        if let Some(protocol) = self.protocol() {
            self.push(protocol.write(&Outgoing::Close { error, allow_reconnect }));
        }
        self.state = State::Closed(ended);
        self.wake();
    }

    /// True if it has ended and has no output left.
    pub(super) fn has_ended(&self) -> bool {
        matches!(self.state, State::Closed(_)) && self.unsent.is_empty()
    }

    /// Checks the elapsed time: sends a ping after silence of the server, ends the connection after silence of the
    /// client, or when its credentials are no longer valid. While the client does not read, its socket is full and its
    /// connection does not tick; that time does not count, so that the client learns of dropped events.
    pub(super) fn tick(&mut self) {
        let limits = self.limits;
        if self.last_tick.elapsed() > limits.tick_interval() * 2 + LATE_TICK {
            self.last_received = Instant::now();
        }
        self.last_tick = Instant::now();
        if matches!(self.state, State::Handshaking(_) | State::Open { .. })
            && let Err(why) = self.live_credentials.check()
        {
            // Clients reconnect with new credentials, if they have them.
            return self.end(Ended::Unauthenticated, Some(&why), true);
        }
        match &self.state {
            State::Handshaking(_) if self.opened_at.elapsed() > limits.handshake_timeout => {
                self.push(Protocol::rejection("Handshake was canceled."));
                self.state = State::Closed(Ended::Normally);
                self.wake();
            }
            State::Open { protocol, .. } if !self.transport.is_kept_alive => {
                let protocol = *protocol;
                if self.last_received.elapsed() > limits.client_timeout {
                    let seconds = limits.client_timeout.as_secs_f64();
                    let error = format!("No message from the client for {seconds} s.");
                    self.close(Some(&error), false);
                } else if self.last_sent.elapsed() + limits.tick_interval() > limits.keep_alive {
                    self.push(protocol.write(&Outgoing::Ping));
                    self.wake();
                }
            }
            State::Handshaking(_) | State::Open { .. } | State::Closed(_) => {}
        }
    }

    /// Polls for the next bytes for the client.
    pub(super) fn poll_output(&mut self, cx: &mut Context<'_>) -> Poll<Output> {
        loop {
            if let Some(bytes) = self.unsent.pop_front() {
                self.unsent_bytes -= bytes.len();
                self.last_sent = Instant::now();
                return Poll::Ready(Output::Bytes(bytes));
            }
            if let State::Closed(ended) = self.state {
                return Poll::Ready(Output::Closed(ended));
            }
            if let Some((_, invoked)) = self.calls.front_mut()
                && let Poll::Ready(result) = invoked.as_mut().poll(cx)
                && let Some((id, _)) = self.calls.pop_front()
            {
                self.response(id.as_deref(), result.as_ref());
                continue;
            }
            if let State::Open { protocol, client } = &mut self.state
                && let Poll::Ready(event) = client.poll_event(*protocol, cx)
            {
                self.push(event);
                continue;
            }
            if self.shutdown.as_mut().poll(cx).is_ready() {
                self.close(None, true);
                continue;
            }
            self.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}
