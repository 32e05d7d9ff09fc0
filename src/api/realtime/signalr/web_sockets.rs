//! Connections over WebSockets, an actor each. JSON uses text frames, MessagePack binary ones.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};

use actix::fut::ActorFuture;
use actix::{Actor, ActorContext, ActorFutureExt, Addr, AsyncContext, StreamHandler, WrapFuture};
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use actix_web_actors::ws::{CloseCode, CloseReason, Message, ProtocolError, WebsocketContext, WsResponseBuilder};
use bytes::Bytes;
use bytestring::ByteString;

use super::connection::{Connection, Ended, Limits, Output, Transport};
use super::connection_registry::{Found, Registered};
use super::http_connection::HttpConnection;
use super::hub_server::HubServer;
use super::protocol::{Format, Protocol};
use super::token::{already_open, no_connection, of_another_caller, other_transport, token};
use crate::api::problem::{Problem, ProblemKind};
use crate::api::realtime::admission::{Admitted, query_parameter};
use crate::api::realtime::close_reason::close_reason;
use crate::api::realtime::connections::Superseded;
use crate::api::realtime::frame_rules::{FrameRules, Violated, Violation};
use crate::api::realtime::handshake;
use crate::api::realtime::message_assembler::{Assembled, Fragments, Frame};

/// Capacity of the mailbox; the actor receives no messages.
const MAILBOX_CAPACITY: usize = 1;

/// Opens a connection, with or without a negotiation.
pub(super) fn open(server: &HubServer, request: &HttpRequest, payload: Payload) -> Result<HttpResponse, Problem> {
    let Admitted { caller, credentials } = server.admission.admit(request)?;
    let ((permit, superseded), registered) = if query_parameter(request, "id").is_some() {
        let token = token(request)?;
        match server.registry.find(&token, &caller) {
            Found::Nothing => return Err(no_connection()),
            Found::OtherCaller => return Err(of_another_caller()),
            Found::WebSocket => return Err(already_open()),
            Found::Http { .. } => return Err(other_transport()),
            Found::Negotiated => {
                handshake::check(request)?;
                let permit = server.enter(&caller)?;
                let registered = server.registry.open_web_socket(&token).ok_or_else(already_open)?;
                (permit, Some(registered))
            }
        }
    } else {
        handshake::check(request)?;
        // Clients may skip the negotiation.
        (server.enter(&caller)?, None)
    };
    let ability = Transport {
        format: Format::Any,
        is_kept_alive: false,
    };
    let actor = WebSocketConnection {
        connection: Connection::new(
            Arc::clone(&server.hub),
            caller,
            server.admission.live_credentials(credentials),
            ability,
            server.limits,
            &server.shutdown,
            permit,
        ),
        fragments: Fragments::new(server.frame_bytes_max()),
        violated: Violated::default(),
        limits: server.limits,
        is_binary: false,
        _registered: registered,
        superseded: Some(superseded),
    };
    let frames = FrameRules::new(payload, server.frame_bytes_max(), actor.violated.clone());
    WsResponseBuilder::new(actor, request, frames)
        .frame_size(server.frame_bytes_max())
        .start()
        .map_err(|error| Problem::new(ProblemKind::Malformed, format!("invalid WebSocket handshake: {error}")))
}

/// The actor of a connection. See the module.
struct WebSocketConnection {
    connection: Connection,
    fragments: Fragments,
    violated: Violated,
    limits: Limits,
    /// True if the client's last frame was binary: the response before the handshake has the same type.
    is_binary: bool,
    _registered: Option<Registered<Addr<HttpConnection>>>,
    /// Taken when it is awaited.
    superseded: Option<Superseded>,
}

type Context = WebsocketContext<WebSocketConnection>;

impl WebSocketConnection {
    fn send(&self, bytes: Bytes, ctx: &mut Context) {
        let is_binary = match self.connection.protocol() {
            Some(Protocol::Json) => false,
            Some(Protocol::MessagePack) => true,
            None => self.is_binary,
        };
        // Events without a message in the protocol are empty.
        if bytes.is_empty() {
            return;
        }
        if is_binary {
            ctx.binary(bytes);
        } else if let Ok(text) = ByteString::try_from(bytes) {
            // JSON is always UTF-8.
            ctx.text(text);
        }
    }

    fn end(&self, code: CloseCode, why: &str, ctx: &mut Context) {
        ctx.close(Some(CloseReason::from((code, close_reason(why)))));
        ctx.stop();
    }

    fn refuse(&self, violation: Violation, ctx: &mut Context) {
        let bytes_max = self.limits.message_bytes_max;
        self.end(violation.code(), &violation.reason(bytes_max), ctx);
    }
}

impl Actor for WebSocketConnection {
    type Context = Context;

    fn started(&mut self, ctx: &mut Context) {
        ctx.set_mailbox_capacity(MAILBOX_CAPACITY);
        ctx.run_interval(self.limits.tick_interval(), |actor, _| actor.connection.tick());
        ctx.spawn(ForwardOutput);
        if let Some(superseded) = self.superseded.take() {
            let ended = superseded.wait().into_actor(self);
            ctx.spawn(ended.map(|(), actor, ctx| actor.end(CloseCode::Again, "too many unfinished connections", ctx)));
        }
    }
}

impl StreamHandler<Result<Message, ProtocolError>> for WebSocketConnection {
    fn handle(&mut self, message: Result<Message, ProtocolError>, ctx: &mut Context) {
        let frame = match message {
            Ok(message) => self.fragments.take(message),
            Err(error) => return self.end(CloseCode::Protocol, &error.to_string(), ctx),
        };
        match frame {
            Frame::Message(Assembled::Text(text)) => {
                self.is_binary = false;
                self.connection.receive(&text);
            }
            Frame::Message(Assembled::Binary(bytes)) => {
                self.is_binary = true;
                self.connection.receive(&bytes);
            }
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

/// Sends the connection's output to its client. It is polled only when the socket has room.
struct ForwardOutput;

impl ActorFuture<WebSocketConnection> for ForwardOutput {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        actor: &mut WebSocketConnection,
        ctx: &mut Context,
        cx: &mut task::Context<'_>,
    ) -> Poll<()> {
        loop {
            match actor.connection.poll_output(cx) {
                Poll::Ready(Output::Bytes(bytes)) => actor.send(bytes, ctx),
                Poll::Ready(Output::Closed(ended)) => {
                    let code = match ended {
                        Ended::Normally => CloseCode::Normal,
                        Ended::Unauthenticated => CloseCode::Policy,
                    };
                    actor.end(code, "", ctx);
                    return Poll::Ready(());
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}
