//! GraphQL over WebSocket: a connection is an actor that executes the operations of its client.
//!
//! ```text
//! → {"type": "connection_init", "payload": {"Authorization": "Bearer …"}}
//! ← {"type": "connection_ack"}
//! → {"type": "subscribe", "id": "1", "payload": {"query": "subscription { jobStatusChanged { jobId status } }"}}
//! ← {"type": "next", "id": "1", "payload": {"data": {"jobStatusChanged": {"jobId": "…", "status": "RUNNING"}}}}
//! ```
//!
//! A violation of the protocol closes the connection with the protocol's code for it ([`Close`]). An error in an
//! operation is reported for the operation, and the connection stays open. An operation that its client completes, or
//! whose client disconnects, is dropped immediately, with its subscriptions to events.

mod message;

use std::collections::HashMap;
use std::pin::Pin;
use std::task::{self, Poll};
use std::time::Instant;

use actix::fut::ActorFuture;
use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, SpawnHandle, StreamHandler, WrapFuture};
use actix_web::http::header::SEC_WEBSOCKET_PROTOCOL;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use actix_web_actors::ws::{CloseCode, CloseReason, Message, ProtocolError, WebsocketContext, WsResponseBuilder};
use async_graphql::parser::types::OperationType;
use futures_util::stream::{self, LocalBoxStream, StreamExt};
use serde_json::{Map, Value};

use self::message::{ClientMessage, Protocol};
use super::content_negotiation::Form;
use super::refusal::refuse;
use super::response::EncodedResponse;
use crate::api::auth::{AuthFailure, Credentials, LiveCredentials, RECHECK_INTERVAL};
use crate::api::graphql::errors;
use crate::api::graphql::execution::executor::ExecutionError;
use crate::api::graphql::execution::operation_count;
use crate::api::graphql::execution::request::GraphQlRequest;
use crate::api::graphql::facade::GraphQl;
use crate::api::memory::{SendWindow, paced};
use crate::api::problem::{Problem, ProblemKind};
use crate::api::realtime::close_reason::close_reason;
use crate::api::realtime::connections::{Permit, Superseded};
use crate::api::realtime::frame_rules::{FrameRules, Violated, Violation};
use crate::api::realtime::handshake;
use crate::api::realtime::liveness::{Due, Liveness, tick_interval};
use crate::api::realtime::message_assembler;
use crate::api::realtime::message_assembler::{Fragments, Frame};
use crate::domain::access::caller::{Caller, Scope};
use crate::domain::access::caller_key::CallerKey;
use crate::service::facade_metrics::clients::ClientKind;

/// Capacity of the mailbox; the actor receives no messages.
const MAILBOX_CAPACITY: usize = 1;

/// Handles a request for a connection.
pub(crate) fn connect(graphql: &GraphQl, request: &HttpRequest, payload: Payload) -> HttpResponse {
    open(graphql, request, payload).unwrap_or_else(|problem| refuse(&problem, Form::Json))
}

fn open(graphql: &GraphQl, request: &HttpRequest, payload: Payload) -> Result<HttpResponse, Problem> {
    let options = graphql.realtime.options();
    if !options.enable {
        return Err(Problem::new(ProblemKind::NotFound, "live updates are disabled"));
    }
    handshake::check(request)?;
    let credentials = graphql.authenticator.connection_credentials(request)?;
    let owner = CallerKey::of(&Caller::anonymous().at(graphql.authenticator.address(request)));
    let (permit, superseded) = graphql.realtime.enter_unconfirmed(ClientKind::GraphQlSocket, owner)?;
    let protocol = requested_protocol(request);
    let session = Session {
        graphql: graphql.clone(),
        protocol,
        credentials,
        live_credentials: None,
        operations: HashMap::new(),
        fragments: Fragments::new(options.message_bytes_max),
        violated: Violated::default(),
        liveness: Liveness::new(Instant::now()),
        window: SendWindow::default(),
        permit,
        superseded: Some(superseded),
    };
    let window = session.window.clone();
    let frames = FrameRules::new(payload, options.message_bytes_max, session.violated.clone());
    let names: Vec<&str> = protocol.iter().map(|protocol| protocol.name()).collect();
    WsResponseBuilder::new(session, request, frames)
        .protocols(&names)
        .frame_size(options.message_bytes_max)
        .start()
        .map(|response| paced(response, &graphql.memory.responses, window))
        .map_err(|error| Problem::new(ProblemKind::Malformed, format!("invalid WebSocket handshake: {error}")))
}

/// The client's first subprotocol that the server supports.
fn requested_protocol(request: &HttpRequest) -> Option<Protocol> {
    let headers = request.headers().get_all(SEC_WEBSOCKET_PROTOCOL);
    let mut names = headers
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    names.find_map(|name| Protocol::named(name.trim()))
}

/// Close codes of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Close {
    /// Invalid message.
    BadMessage = 4400,
    /// Operation before the connection was accepted.
    Unauthorized = 4401,
    /// Rejected or expired credentials. Clients reconnect, with new credentials if they have them.
    Forbidden = 4403,
    /// No supported subprotocol.
    Subprotocol = 4406,
    /// No `connection_init` in time.
    InitTimeout = 4408,
    /// Id of a running operation.
    SameId = 4409,
    /// Second `connection_init`.
    TooManyInits = 4429,
    /// Failure of the server.
    Internal = 4500,
}

/// The actor of one connection. See the module.
struct Session {
    graphql: GraphQl,
    /// `None` for a client without a supported subprotocol, whose connection is closed.
    protocol: Option<Protocol>,
    credentials: Credentials,
    /// The client's credentials, after they were accepted.
    live_credentials: Option<LiveCredentials>,
    operations: HashMap<String, SpawnHandle>,
    fragments: Fragments,
    violated: Violated,
    liveness: Liveness,
    window: SendWindow,
    /// Permit of the connection, which counts when the caller is known.
    permit: Permit,
    /// Taken when it is awaited.
    superseded: Option<Superseded>,
}

type Context = WebsocketContext<Session>;

impl Session {
    fn receive(&mut self, protocol: Protocol, text: &[u8], ctx: &mut Context) {
        let message = match ClientMessage::parse(protocol, text) {
            Ok(message) => message,
            Err(why) => return close(Close::BadMessage, &why, ctx),
        };
        match message {
            ClientMessage::Init(payload) => self.begin(protocol, &payload, ctx),
            ClientMessage::Ping(payload) => ctx.text(message::pong(payload.as_deref())),
            ClientMessage::Pong => {}
            ClientMessage::Subscribe { id, request } => self.subscribe(protocol, id, *request, ctx),
            ClientMessage::Complete { id } => self.stop_operation(&id, ctx),
            ClientMessage::Terminate => end(CloseCode::Normal, "", ctx),
        }
    }

    fn begin(&mut self, protocol: Protocol, payload: &Map<String, Value>, ctx: &mut Context) {
        if self.live_credentials.is_some() {
            return close(Close::TooManyInits, "Too many initialisation requests", ctx);
        }
        let caller = match self.authenticate(payload) {
            Ok(caller) => caller,
            Err(problem) => {
                if protocol == Protocol::Legacy {
                    ctx.text(message::connection_error(problem.detail()));
                }
                return close(Close::Forbidden, &format!("Forbidden: {}", problem.detail()), ctx);
            }
        };
        match self.permit.confirm(&caller) {
            Ok(()) => {
                let live_credentials = LiveCredentials::new(
                    self.graphql.authenticator.clone(),
                    self.credentials.clone(),
                    &Scope::ALL,
                );
                self.live_credentials = Some(live_credentials);
                ctx.text(message::ack());
                if protocol == Protocol::Legacy {
                    ctx.text(message::keep_alive());
                }
            }
            Err(problem) => {
                if protocol == Protocol::Legacy {
                    ctx.text(message::connection_error(problem.detail()));
                }
                end(CloseCode::Again, problem.detail(), ctx);
            }
        }
    }

    fn authenticate(&mut self, payload: &Map<String, Value>) -> Result<Caller, Problem> {
        if let Some(token) = message::token_in(payload) {
            self.credentials = self.credentials.clone().with_token(token)?;
        }
        let caller = self
            .graphql
            .authenticator
            .authenticate_credentials(&self.credentials, false)?;
        caller.require_any(&Scope::ALL)?;
        Ok(caller)
    }

    fn subscribe(&mut self, protocol: Protocol, id: String, request: GraphQlRequest, ctx: &mut Context) {
        if self.live_credentials.is_none() {
            return close(Close::Unauthorized, "Unauthorized", ctx);
        }
        if self.operations.contains_key(&id) {
            if protocol == Protocol::Transport {
                return close(Close::SameId, &format!("Subscriber for {id} already exists"), ctx);
            }
            // Behaviour of the older protocol's server.
            self.stop_operation(&id, ctx);
        }
        let responses = match self.execute(request) {
            Ok(responses) => responses,
            Err(response) => return ctx.text(message::error(protocol, &id, response.errors())),
        };
        let running = Running {
            id: id.clone(),
            protocol,
            responses,
        };
        let handle = ctx.spawn(running);
        self.operations.insert(id, handle);
    }

    /// The stream of responses to an operation, or the response with the reason why there is none.
    fn execute(&self, request: GraphQlRequest) -> Result<ResponseStream, EncodedResponse> {
        let max = self.graphql.realtime.options().max_subscriptions;
        if self.operations.len() >= max {
            let detail = format!("this connection has the maximum number of operations ({max})");
            let problem = Problem::new(ProblemKind::Busy, detail);
            return Err(errors::of_problem(&problem).into());
        }
        let caller = self.caller().map_err(|failure| errors::of_problem(&failure.into()))?;
        let engine = self.graphql.engine.clone();
        let operation = engine.read(request, &caller)?;
        operation_count::charge(&caller, operation.root_fields, 1).map_err(|problem| errors::of_problem(&problem))?;
        if operation.kind == OperationType::Subscription {
            let place = self.graphql.realtime.subscriptions().enter(&caller);
            let place = place.map_err(|problem| errors::of_problem(&problem))?;
            return Ok(engine.subscribe(operation.with(place)).boxed_local());
        }
        Ok(stream::once(async move { engine.execute(operation).await }).boxed_local())
    }

    /// The caller, unless its credentials have expired.
    fn caller(&self) -> Result<Caller, AuthFailure> {
        self.graphql
            .authenticator
            .authenticate_credentials(&self.credentials, true)
    }

    /// Removes an operation. An unknown id is ignored: the end of the operation may be in flight.
    fn stop_operation(&mut self, id: &str, ctx: &mut Context) {
        if let Some(handle) = self.operations.remove(id) {
            ctx.cancel_future(handle);
        }
    }

    /// Pings the client, and closes the connection when the client is silent for too long.
    fn tick(&mut self, ctx: &mut Context) {
        match self.liveness.tick(self.graphql.realtime.options(), Instant::now()) {
            Due::Nothing => {}
            Due::Ping => {
                ctx.ping(b"");
                if self.live_credentials.is_some() && self.protocol == Some(Protocol::Legacy) {
                    ctx.text(message::keep_alive());
                }
            }
            Due::End => end(CloseCode::Policy, "no message from the client for too long", ctx),
        }
    }

    /// Closes the connection when its caller's credentials are no longer valid.
    fn recheck(&mut self, ctx: &mut Context) {
        if let Some(Err(why)) = self.live_credentials.as_mut().map(LiveCredentials::check) {
            close(Close::Forbidden, &format!("Forbidden: {why}"), ctx);
        }
    }

    fn refuse(&self, violation: Violation, ctx: &mut Context) {
        let bytes_max = self.graphql.realtime.options().message_bytes_max;
        end(violation.code(), &violation.reason(bytes_max), ctx);
    }
}

fn close(code: Close, why: &str, ctx: &mut Context) {
    end(CloseCode::Other(code as u16), why, ctx);
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
        if self.protocol.is_none() {
            return close(Close::Subprotocol, "Subprotocol not acceptable", ctx);
        }
        ctx.run_interval(tick_interval(self.graphql.realtime.options()), Self::tick);
        ctx.run_interval(RECHECK_INTERVAL, Self::recheck);
        ctx.run_later(self.graphql.options.connection_init_timeout, |session, ctx| {
            if session.live_credentials.is_none() {
                close(Close::InitTimeout, "Connection initialisation timeout", ctx);
            }
        });
        ctx.spawn(Stopping(Box::pin(self.graphql.realtime.shutdown().started())));
        if let Some(superseded) = self.superseded.take() {
            let ended = superseded.wait().into_actor(self);
            ctx.spawn(ended.map(|(), _, ctx| end(CloseCode::Again, "too many unfinished connections", ctx)));
        }
    }
}

impl StreamHandler<Result<Message, ProtocolError>> for Session {
    fn handle(&mut self, message: Result<Message, ProtocolError>, ctx: &mut Context) {
        self.liveness.record_message(Instant::now());
        let Some(protocol) = self.protocol else { return };
        let frame = match message {
            Ok(message) => self.fragments.take(message),
            Err(error) => return end(CloseCode::Protocol, &error.to_string(), ctx),
        };
        match frame {
            Frame::Message(message_assembler::Assembled::Text(text)) => self.receive(protocol, &text, ctx),
            Frame::Message(message_assembler::Assembled::Binary(_)) => {
                close(Close::BadMessage, "messages are JSON texts, not binary", ctx);
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

type ResponseStream = LocalBoxStream<'static, Result<EncodedResponse, ExecutionError>>;

/// Streams the results of one operation to the client. It is polled only when the connection has room: unread events of
/// a slow client stay in their bounded stream.
struct Running {
    id: String,
    protocol: Protocol,
    responses: ResponseStream,
}

impl ActorFuture<Session> for Running {
    type Output = ();

    fn poll(
        mut self: Pin<&mut Self>,
        session: &mut Session,
        ctx: &mut Context,
        cx: &mut task::Context<'_>,
    ) -> Poll<()> {
        loop {
            if !session.window.has_room() {
                return Poll::Pending;
            }
            let next = task::ready!(self.responses.poll_next_unpin(cx));
            let (id, protocol) = (&self.id, self.protocol);
            match next {
                Some(Ok(response)) if response.is_request_error() => {
                    ctx.text(message::error(protocol, id, response.errors()));
                }
                Some(Ok(response)) => {
                    let message = message::next(protocol, id, &response);
                    session.window.add(message.len());
                    ctx.text(message);
                    continue;
                }
                Some(Err(ExecutionError::Panicked)) => close(Close::Internal, "Internal server error", ctx),
                Some(Err(failed @ (ExecutionError::TimedOut { .. } | ExecutionError::OutOfMemory { .. }))) => {
                    let response = EncodedResponse::from(errors::of_problem(&failed.problem()));
                    ctx.text(message::error(protocol, id, response.errors()));
                }
                None => ctx.text(message::complete(id)),
            }
            session.operations.remove(id);
            return Poll::Ready(());
        }
    }
}

/// Closes the connection when the server shuts down.
struct Stopping(Pin<Box<dyn Future<Output = ()>>>);

impl ActorFuture<Session> for Stopping {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Session, ctx: &mut Context, cx: &mut task::Context<'_>) -> Poll<()> {
        task::ready!(self.0.as_mut().poll(cx));
        end(CloseCode::Away, "the server is stopping", ctx);
        Poll::Ready(())
    }
}
