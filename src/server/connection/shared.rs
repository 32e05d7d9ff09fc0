//! State that a connection shares with the responses to its requests: they live in one task.

use std::cell::{Cell, RefCell};
use std::io::ErrorKind;
use std::net::IpAddr;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::http::header::{EXPECT, HeaderValue};
use actix_web::http::{ConnectionType, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};

use super::head::EXPECTS;
use super::places::{Place, ProxiedRequest};
use super::refusal::Refusal;
use crate::api::memory::FiniteStream;

/// The shared state.
pub(crate) struct Shared {
    place: Place,
    /// Number of requests passed on, and number of responses.
    passed_on: Cell<u64>,
    responded: Cell<u64>,
    /// Woken when the next request may be passed on.
    waker: RefCell<Option<Waker>>,
    /// Reason why the last request is a placeholder.
    refusal: Cell<Option<Refusal>>,
    /// The request, counted from 1, whose client awaits `100 Continue`.
    wants_continue: Cell<Option<u64>>,
    body: Cell<Arrival>,
    /// Woken when the rest of a body will not arrive.
    body_waker: RefCell<Option<Waker>>,
    /// The last response is a stream.
    is_stream: Cell<bool>,
    /// The connection ends with its current request.
    is_last: Cell<bool>,
    /// The count of the request among those of its client, if a proxy has sent it.
    proxied: RefCell<Option<ProxiedRequest>>,
}

/// Progress of a request's body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Arrival {
    /// Complete.
    #[default]
    Whole,
    /// Incomplete.
    Partial,
    /// Incomplete, and given up because it was too slow.
    Late,
}

impl Shared {
    /// The state of a connection with this place and no request.
    pub(super) fn new(place: Place) -> Self {
        Self {
            place,
            passed_on: Cell::default(),
            responded: Cell::default(),
            waker: RefCell::default(),
            refusal: Cell::default(),
            wants_continue: Cell::default(),
            body: Cell::default(),
            body_waker: RefCell::default(),
            is_stream: Cell::default(),
            is_last: Cell::default(),
            proxied: RefCell::default(),
        }
    }

    /// The connection's place.
    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// `true` if all requests have a response; otherwise the task is woken when they have.
    pub(super) fn is_next_due(&self, cx: &Context<'_>) -> bool {
        let is_due = self.passed_on.get() == self.responded.get();
        if !is_due {
            *self.waker.borrow_mut() = Some(cx.waker().clone());
        }
        is_due
    }

    pub(super) fn passed_on(&self) {
        self.is_stream.set(false);
        self.passed_on.set(self.passed_on.get() + 1);
    }

    pub(super) fn responded(&self) {
        self.responded.set(self.responded.get() + 1);
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }

    pub(super) fn refuse(&self, refusal: Refusal) {
        self.refusal.set(Some(refusal));
    }

    /// Reason why this connection's last request is a placeholder, if it is one.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        self.refusal.get()
    }

    /// Takes the request for `100 Continue`; `false` if its request already has a response.
    pub(super) fn take_continue(&self) -> bool {
        let requested = self.wants_continue.take();
        requested.is_some_and(|request| request > self.responded.get())
    }

    /// Sets the progress of the current request's body.
    pub(super) fn set_body(&self, arrival: Arrival) {
        self.body.set(arrival);
        if arrival == Arrival::Late
            && let Some(waker) = self.body_waker.borrow_mut().take()
        {
            waker.wake();
        }
    }

    /// `true` if the request's body was given up.
    pub(super) fn is_body_late(&self) -> bool {
        self.body.get() == Arrival::Late
    }

    /// `true` if all requests have a response, and none is a stream.
    pub(super) fn is_idle(&self) -> bool {
        self.passed_on.get() == self.responded.get() && !self.is_stream.get()
    }

    /// `true` if all requests have a response.
    pub(super) fn has_responded(&self) -> bool {
        self.passed_on.get() == self.responded.get()
    }

    /// `true` if the response is a stream and may stay open.
    pub(super) fn is_stream(&self) -> bool {
        self.is_stream.get()
    }

    /// Closes the connection after the next response.
    pub(super) fn set_last(&self) {
        self.is_last.set(true);
    }

    /// Counts a request for the client that a proxy has sent it for; rejects it if the client has reached the limit.
    pub(super) fn count_for_client(&self, path: &str, client: impl FnOnce() -> Option<IpAddr>) -> Result<(), Refusal> {
        if !self.place.is_of_proxy() || self.place.is_health(path) {
            return Ok(());
        }
        self.uncount_for_client();
        let counted = self.place.proxied(client());
        self.proxied.replace(counted.map_err(|()| {
            self.place.refused();
            Refusal::Full
        })?);
        Ok(())
    }

    /// The request has its response and no longer counts for its client.
    pub(super) fn uncount_for_client(&self) {
        self.proxied.replace(None);
    }
}

/// Notifies the connection of responses and of bodies that need `100 Continue`. Must be the outermost middleware: the
/// head of the response is written right after it.
pub(crate) async fn mark_responded<B: MessageBody>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let Some(shared) = request.request().conn_data::<Rc<Shared>>().cloned() else {
        return next.call(request).await;
    };
    if shared.body.get() != Arrival::Whole {
        let mut expectations = request.headers().get_all(EXPECT);
        let is_expected = |value: &HeaderValue| value.as_bytes().windows(EXPECTS.len()).any(|part| part == EXPECTS);
        let is_held_back = expectations.any(is_expected);
        let payload = abortable(request.take_payload(), Rc::clone(&shared), is_held_back);
        request.set_payload(Payload::Stream {
            payload: Box::pin(payload),
        });
    }
    let mut response = next.call(request).await;
    if let Ok(response) = &mut response {
        shared.is_stream.set(
            response.status() == StatusCode::SWITCHING_PROTOCOLS
                || response.response().body().size() == BodySize::Stream
                    && !response.response().extensions().contains::<FiniteStream>(),
        );
        if shared.is_last.get() {
            response
                .response_mut()
                .head_mut()
                .set_connection_type(ConnectionType::Close);
        }
    }
    shared.responded();
    response
}

/// A body whose rest may be given up. One that the client holds back is requested at the first read, unless a part of
/// it has arrived already.
fn abortable(
    payload: Payload,
    shared: Rc<Shared>,
    is_held_back: bool,
) -> impl Stream<Item = Result<Bytes, PayloadError>> {
    let mut payload = payload;
    let mut is_requested = !is_held_back;
    stream::poll_fn(move |cx| {
        let next = payload.poll_next_unpin(cx);
        if next.is_ready() {
            is_requested = true;
            return next;
        }
        if shared.is_body_late() {
            return Poll::Ready(Some(Err(PayloadError::Io(ErrorKind::TimedOut.into()))));
        }
        if !is_requested {
            shared.wants_continue.set(Some(shared.passed_on.get()));
        }
        is_requested = true;
        *shared.body_waker.borrow_mut() = Some(cx.waker().clone());
        Poll::Pending
    })
}
