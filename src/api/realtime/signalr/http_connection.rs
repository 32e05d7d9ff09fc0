//! A connection over server-sent events or long polling: an actor that receives POSTs and serves GETs.
//!
//! Both transports pull: an open event stream fetches again after it has sent its messages, a polling client fetches
//! with each request. No messages are built for a client that does not read.

use std::pin::Pin;
use std::task::{self, Poll};
use std::time::Instant;

use actix::fut::ActorFuture;
use actix::{
    Actor, ActorContext, ActorFutureExt, Addr, AsyncContext, Context, Handler, Message, ResponseFuture, WrapFuture,
};
use bytes::Bytes;
use tokio::sync::oneshot;
use tracing::trace;

use super::connection::{Connection, Limits, Output};
use super::connection_registry::Registered;
use super::http_transport::HttpTransport;
use crate::api::auth::Credentials;
use crate::api::realtime::connections::Superseded;

/// Capacity of the mailbox; senders wait while it is full.
const MAILBOX_CAPACITY: usize = 64;
/// Approximate maximum size of one response, in bytes.
const FETCH_BYTES: usize = 64 * 1024;

/// Bytes from the client. True if the connection is open.
#[derive(Message)]
#[rtype(result = "bool")]
pub(super) struct Receive(pub Bytes);

/// Credentials of a request that were accepted: they may be newer than those of the connection.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Renew(pub Credentials);

/// Fetches messages for the client, as soon as there are any.
#[derive(Message)]
#[rtype(result = "Fetched")]
pub(super) struct Fetch;

/// Result of a fetch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fetched {
    /// Messages for the client.
    Messages(Vec<Bytes>),
    /// Another request fetches now.
    Superseded,
    /// The connection has ended.
    Over,
}

/// Ends the connection: the client has disconnected, or requests it.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct End;

/// The actor of a connection. See the module.
pub(super) struct HttpConnection {
    connection: Connection,
    transport: HttpTransport,
    limits: Limits,
    /// The waiting fetch.
    fetcher: Option<oneshot::Sender<Fetched>>,
    /// Messages of a fetch whose request was dropped.
    pending: Vec<Bytes>,
    last_fetch: Instant,
    waker: Option<task::Waker>,
    _registered: Registered<Addr<HttpConnection>>,
    /// Taken when it is awaited.
    superseded: Option<Superseded>,
}

impl HttpConnection {
    /// A connection over one of these transports.
    pub(super) fn new(
        connection: Connection,
        transport: HttpTransport,
        limits: Limits,
        registered: Registered<Addr<HttpConnection>>,
        superseded: Superseded,
    ) -> Self {
        Self {
            connection,
            transport,
            limits,
            fetcher: None,
            pending: Vec::new(),
            last_fetch: Instant::now(),
            waker: None,
            _registered: registered,
            superseded: Some(superseded),
        }
    }

    fn is_fetching(&self) -> bool {
        self.fetcher.as_ref().is_some_and(|fetcher| !fetcher.is_closed())
    }

    fn tick(&mut self, ctx: &mut Context<Self>) {
        self.connection.tick();
        if self.is_fetching() {
            return;
        }
        // A polling client reconnects within moments; a closed stream is not resumed.
        let timeout = match self.transport {
            HttpTransport::ServerSentEvents => self.limits.tick_interval(),
            HttpTransport::LongPolling => self.limits.client_timeout,
        };
        if self.last_fetch.elapsed() > timeout {
            ctx.stop();
        }
    }

    /// Completes the waiting fetch if there are messages.
    fn serve(&mut self, ctx: &mut Context<Self>, cx: &mut task::Context<'_>) {
        self.waker = Some(cx.waker().clone());
        if !self.is_fetching() {
            return;
        }
        let mut messages = std::mem::take(&mut self.pending);
        let mut size: usize = messages.iter().map(Bytes::len).sum();
        let mut has_ended = false;
        while size < FETCH_BYTES && !has_ended {
            match self.connection.poll_output(cx) {
                Poll::Ready(Output::Bytes(bytes)) => {
                    size += bytes.len();
                    // Events without a message in the protocol are empty.
                    messages.extend(Some(bytes).filter(|bytes| !bytes.is_empty()));
                }
                Poll::Ready(Output::Closed(_)) => has_ended = true,
                Poll::Pending => break,
            }
        }
        let fetched = match (messages.is_empty(), has_ended) {
            (false, _) => Fetched::Messages(messages),
            (true, true) => Fetched::Over,
            (true, false) => return,
        };
        self.last_fetch = Instant::now();
        match self.fetcher.take().map(|fetcher| fetcher.send(fetched)) {
            // The request was dropped at this moment: the next one gets the messages.
            Some(Err(Fetched::Messages(messages))) => self.pending = messages,
            Some(Ok(()) | Err(Fetched::Over | Fetched::Superseded)) | None => {}
        }
        if has_ended && self.pending.is_empty() {
            // Later requests find no connection, which has the same effect.
            ctx.stop();
        }
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl Actor for HttpConnection {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.set_mailbox_capacity(MAILBOX_CAPACITY);
        ctx.run_interval(self.limits.tick_interval(), Self::tick);
        ctx.spawn(Serve);
        if let Some(superseded) = self.superseded.take() {
            ctx.spawn(superseded.wait().into_actor(self).map(|(), _, ctx| ctx.stop()));
        }
    }
}

/// Serves fetches while the connection is open.
struct Serve;

impl ActorFuture<HttpConnection> for Serve {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        actor: &mut HttpConnection,
        ctx: &mut Context<HttpConnection>,
        cx: &mut task::Context<'_>,
    ) -> Poll<()> {
        actor.serve(ctx, cx);
        Poll::Pending
    }
}

impl Handler<Receive> for HttpConnection {
    type Result = bool;

    fn handle(&mut self, Receive(bytes): Receive, _: &mut Context<Self>) -> bool {
        if self.connection.has_ended() {
            return false;
        }
        self.connection.receive(&bytes);
        self.wake();
        true
    }
}

impl Handler<Renew> for HttpConnection {
    type Result = ();

    fn handle(&mut self, Renew(credentials): Renew, _: &mut Context<Self>) {
        self.connection.renew(credentials);
    }
}

impl Handler<Fetch> for HttpConnection {
    type Result = ResponseFuture<Fetched>;

    fn handle(&mut self, Fetch: Fetch, _: &mut Context<Self>) -> Self::Result {
        let (fetcher, fetched) = oneshot::channel();
        self.last_fetch = Instant::now();
        if let Some(earlier) = self.fetcher.replace(fetcher) {
            // The earlier request may have been dropped.
            drop(earlier.send(Fetched::Superseded));
        }
        trace!("waiting for messages");
        self.wake();
        // A connection that ends drops its fetcher.
        Box::pin(async move { fetched.await.unwrap_or(Fetched::Over) })
    }
}

impl Handler<End> for HttpConnection {
    type Result = ();

    fn handle(&mut self, End: End, ctx: &mut Context<Self>) {
        if let Some(fetcher) = self.fetcher.take() {
            // The request may have been dropped.
            drop(fetcher.send(Fetched::Over));
        }
        ctx.stop();
    }
}
