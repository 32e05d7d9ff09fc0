//! The WebSocket API: `{base}/ws`. A connection is an actor; its client subscribes to topics and receives their events.
//!
//! ```text
//! → {"action": "subscribe", "topics": ["job-status"], "filter": {"queue": "mail"}}
//! ← {"type": "subscribed", "timestamp": "…", "data": {"topics": ["job-status"]}}
//! ← {"type": "job-status-changed", "timestamp": "…", "data": {"jobId": "…", "status": "completed", …}}
//! ```
//!
//! An invalid message gets a response of type `error`; the connection stays open. A client that is too slow gets a
//! message of type `lagged` with the number of dropped events. Only requested events are sent.

use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{self, Poll};
use std::time::Instant;

use actix::fut::ActorFuture;
use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, StreamHandler, WrapFuture};
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use actix_web_actors::ws::{CloseCode, CloseReason, Message, ProtocolError, WebsocketContext, WsResponseBuilder};
use bytes::Bytes;
use bytestring::ByteString;
use chrono::{DateTime, Utc};
use futures_util::Stream;
use serde::Serialize;

use super::admission::Admitted;
use super::client_message::{Action, ClientMessage, MessageError, Subscriptions, message_type};
use super::close_reason::close_reason;
use super::connections::Permit;
use super::frame_rules::{FrameRules, Violated, Violation};
use super::handshake;
use super::live_updates::Realtime;
use super::liveness::{Due, Liveness, tick_interval};
use super::message_assembler::{Assembled, Fragments, Frame};
use super::subscription_places::HeldPlaces;
use crate::api::auth::{LiveCredentials, RECHECK_INTERVAL};
use crate::api::contract::view::event::EventView;
use crate::api::problem::{Problem, ProblemKind};
use crate::domain::access::caller::Caller;
use crate::domain::events::event::Event;
use crate::domain::values::timestamp;
use crate::service::events::{EventStream, Form, StreamItem};
use crate::service::facade_metrics::clients::ClientKind;

/// Capacity of the mailbox; the actor receives no messages.
const MAILBOX_CAPACITY: usize = 1;

/// Handles a request for a connection.
pub(super) async fn connect(realtime: Rc<Realtime>, request: HttpRequest, payload: Payload) -> HttpResponse {
    open(&realtime, &request, payload).unwrap_or_else(|problem| problem.response(&request))
}

fn open(realtime: &Realtime, request: &HttpRequest, payload: Payload) -> Result<HttpResponse, Problem> {
    let Admitted { caller, credentials } = realtime.admission.admit(request)?;
    handshake::check(request)?;
    let permit = realtime.enter(ClientKind::WebSocket, &caller)?;
    let options = &realtime.options;
    let session = Session {
        stream: realtime.events.stream(),
        subscriptions: Subscriptions::new(options.max_subscriptions),
        places: realtime.subscriptions.of(&caller),
        fragments: Fragments::new(options.message_bytes_max),
        violated: Violated::default(),
        realtime: realtime.clone(),
        liveness: Liveness::new(Instant::now()),
        live_credentials: realtime.admission.live_credentials(credentials),
        caller: caller.lasting(),
        _permit: permit,
    };
    let frames = FrameRules::new(payload, options.message_bytes_max, session.violated.clone());
    WsResponseBuilder::new(session, request, frames)
        .frame_size(options.message_bytes_max)
        .start()
        .map_err(|error| Problem::new(ProblemKind::Malformed, format!("invalid WebSocket handshake: {error}")))
}

/// A message to a client.
#[derive(Serialize)]
struct Envelope<D> {
    #[serde(rename = "type")]
    kind: &'static str,
    timestamp: String,
    data: D,
}

impl<D: Serialize> Envelope<D> {
    fn write(kind: &'static str, at: DateTime<Utc>, data: D) -> Vec<u8> {
        let envelope = Self {
            kind,
            timestamp: timestamp::to_text(at),
            data,
        };
        // Strings, numbers and lists of them always serialize as JSON.
        serde_json::to_vec(&envelope).unwrap_or_default()
    }
}

/// Type of messages with progress and log lines of a job.
const JOB_PROGRESS: &str = "job-progress";

/// An event as a message.
pub(super) struct EventMessage;

impl Form for EventMessage {
    fn write(event: &Event) -> Bytes {
        let (Some(kind), Some(view)) = (message_type(event.topic()), EventView::of(event)) else {
            return Bytes::new();
        };
        let at = event.at();
        Bytes::from(match view {
            EventView::Job(view) => Envelope::write(kind, at, view),
            EventView::Report(view) => Envelope::write(JOB_PROGRESS, at, view),
            EventView::Queue(view) => Envelope::write(kind, at, view),
            EventView::System(view) => Envelope::write(kind, at, view),
            EventView::Health(view) => Envelope::write(kind, at, view),
            EventView::Operation(view) => Envelope::write(kind, at, view),
        })
    }
}

#[derive(Serialize)]
struct Topics<'a> {
    topics: &'a [&'static str],
}

#[derive(Serialize)]
struct Lagged {
    missed: usize,
}

/// The actor of one connection. See the module.
struct Session {
    stream: EventStream,
    subscriptions: Subscriptions,
    places: HeldPlaces,
    fragments: Fragments,
    violated: Violated,
    realtime: Realtime,
    liveness: Liveness,
    live_credentials: LiveCredentials,
    caller: Caller,
    _permit: Permit,
}

type Context = WebsocketContext<Session>;

impl Session {
    fn send(&self, kind: &'static str, data: impl Serialize, ctx: &mut Context) {
        send(Envelope::write(kind, self.realtime.events.now(), data).into(), ctx);
    }

    fn forward(&self, received: StreamItem, ctx: &mut Context) {
        match received {
            StreamItem::Event(published) => send(published.form::<EventMessage>(), ctx),
            StreamItem::Lagged { dropped } => self.send("lagged", Lagged { missed: dropped }, ctx),
        }
    }

    fn receive(&mut self, message: &Assembled, ctx: &mut Context) {
        let parsed = match message {
            Assembled::Text(text) => ClientMessage::parse(text),
            Assembled::Binary(_) => Err(MessageError::malformed("messages are JSON texts, not binary")),
        };
        let applied = parsed.and_then(|request| {
            self.count(&request)?;
            self.apply(&request).map(|()| request)
        });
        match applied {
            Ok(request) => self.select(request, ctx),
            Err(error) => self.send("error", error, ctx),
        }
    }

    /// Applies a message, if the caller has places for the subscriptions.
    fn apply(&mut self, request: &ClientMessage) -> Result<(), MessageError> {
        let before = self.subscriptions.clone();
        self.subscriptions.apply(request)?;
        self.places.resize(self.subscriptions.len()).map_err(|problem| {
            self.subscriptions = before;
            MessageError::busy(problem.detail())
        })
    }

    /// Counts a subscription against the rate limit of the caller.
    fn count(&self, request: &ClientMessage) -> Result<(), MessageError> {
        match request.action {
            Action::Subscribe => self
                .caller
                .charge(1)
                .map_err(|exceeded| MessageError::rate_limited(&exceeded)),
            Action::Unsubscribe => Ok(()),
        }
    }

    /// Updates the event stream to the subscriptions. The response is sent afterwards, and no other message is handled
    /// before.
    fn select(&self, request: ClientMessage, ctx: &mut Context) {
        let selected = self.stream.select(self.subscriptions.filter());
        let handled = selected.into_actor(self).map(move |selected, session, ctx| {
            let ClientMessage { action, topics, .. } = &request;
            let kind = match (selected, action) {
                (Ok(()), Action::Subscribe) => "subscribed",
                (Ok(()), Action::Unsubscribe) => "unsubscribed",
                // The event bus has stopped: the server shuts down.
                (Err(_), _) => return end(CloseCode::Away, "the server is stopping", ctx),
            };
            session.send(kind, Topics { topics }, ctx);
        });
        ctx.wait(handled);
    }

    /// Pings the client, and closes the connection when the client is silent for too long.
    fn tick(&mut self, ctx: &mut Context) {
        match self.liveness.tick(&self.realtime.options, Instant::now()) {
            Due::Nothing => {}
            Due::Ping => ctx.ping(b""),
            Due::End => end(CloseCode::Policy, "no message from the client for too long", ctx),
        }
    }

    fn refuse(&self, violation: Violation, ctx: &mut Context) {
        end(
            violation.code(),
            &violation.reason(self.realtime.options.message_bytes_max),
            ctx,
        );
    }

    /// Closes the connection when its caller's credentials are no longer valid.
    fn recheck(&mut self, ctx: &mut Context) {
        if let Err(why) = self.live_credentials.check() {
            end(CloseCode::Policy, &why, ctx);
        }
    }
}

fn send(message: Bytes, ctx: &mut Context) {
    // Events without a message in the protocol are empty; all others are JSON, and thus UTF-8.
    if let Ok(text) = ByteString::try_from(message)
        && !text.is_empty()
    {
        ctx.text(text);
    }
}

fn end(code: CloseCode, why: &str, ctx: &mut Context) {
    let why = close_reason(why);
    ctx.close(Some(CloseReason::from((code, why))));
    ctx.stop();
}

impl Actor for Session {
    type Context = Context;

    fn started(&mut self, ctx: &mut Context) {
        ctx.set_mailbox_capacity(MAILBOX_CAPACITY);
        ctx.run_interval(tick_interval(&self.realtime.options), Self::tick);
        ctx.run_interval(RECHECK_INTERVAL, Self::recheck);
        ctx.spawn(ForwardEvents {
            stopping: Box::pin(self.realtime.shutdown.started()),
        });
    }
}

impl StreamHandler<Result<Message, ProtocolError>> for Session {
    fn handle(&mut self, message: Result<Message, ProtocolError>, ctx: &mut Context) {
        self.liveness.record_message(Instant::now());
        let frame = match message {
            Ok(message) => self.fragments.take(message),
            Err(error) => return end(CloseCode::Protocol, &error.to_string(), ctx),
        };
        match frame {
            Frame::Message(message) => self.receive(&message, ctx),
            Frame::Ignored => {}
            Frame::Ping(bytes) => ctx.pong(&bytes),
            Frame::Close(response) => {
                ctx.close(response);
                ctx.stop();
            }
            Frame::TooLarge => self.refuse(Violation::TooLarge, ctx),
        }
    }

    fn finished(&mut self, ctx: &mut Context) {
        match self.violated.get() {
            Some(violation) => self.refuse(violation, ctx),
            // The client has disconnected.
            None => ctx.stop(),
        }
    }
}

/// Sends the session's events to the client. It is polled only when the connection has room: unread events of a slow
/// client stay in their bounded stream.
struct ForwardEvents {
    stopping: Pin<Box<dyn Future<Output = ()>>>,
}

impl ActorFuture<Session> for ForwardEvents {
    type Output = ();

    fn poll(
        mut self: Pin<&mut Self>,
        session: &mut Session,
        ctx: &mut Context,
        cx: &mut task::Context<'_>,
    ) -> Poll<()> {
        while let Poll::Ready(Some(received)) = pin!(&mut session.stream).poll_next(cx) {
            session.forward(received, ctx);
        }
        if self.stopping.as_mut().poll(cx).is_ready() {
            end(CloseCode::Away, "the server is stopping", ctx);
            return Poll::Ready(());
        }
        Poll::Pending
    }
}
