//! What a connection and the answers to its requests know of each other: they live in one task.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Waker};

use actix_web::body::MessageBody;
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::http::header::{EXPECT, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};

use super::head::EXPECTS;
use super::refusal::Refusal;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// How many requests were handed on, and how many of them answered.
    handed_on: Cell<u64>,
    answered: Cell<u64>,
    /// Woken when an answer lets the next request come.
    waker: RefCell<Option<Waker>>,
    /// Why the last request is one of the connection's own.
    refusal: Cell<Option<Refusal>>,
    /// Whether the client is to be asked for its body.
    wants_continue: Cell<bool>,
}

impl Shared {
    /// Whether all requests that were handed on are answered; if not, the task is woken when they are.
    pub(super) fn is_next_due(&self, cx: &Context<'_>) -> bool {
        let is_due = self.handed_on.get() == self.answered.get();
        if !is_due {
            *self.waker.borrow_mut() = Some(cx.waker().clone());
        }
        is_due
    }

    pub(super) fn handed_on(&self) {
        self.handed_on.set(self.handed_on.get() + 1);
    }

    pub(super) fn answered(&self) {
        self.answered.set(self.answered.get() + 1);
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }

    pub(super) fn refuse(&self, refusal: Refusal) {
        self.refusal.set(Some(refusal));
    }

    /// Why this connection's last request is one of its own, if it is.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        self.refusal.get()
    }

    /// Takes the wish to ask the client for its body.
    pub(super) fn take_continue(&self) -> bool {
        self.wants_continue.replace(false)
    }
}

/// Tells the connection when a request is answered, and when the body that its client holds back is wanted. Must be
/// outermost: the head of the answer is written right after it.
pub(crate) async fn mark_answered<B: MessageBody>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let Some(shared) = request.request().conn_data::<Rc<Shared>>().cloned() else {
        return next.call(request).await;
    };
    let mut expectations = request.headers().get_all(EXPECT);
    let is_waiting = |value: &HeaderValue| value.as_bytes().windows(EXPECTS.len()).any(|part| part == EXPECTS);
    if expectations.any(is_waiting) {
        let payload = asking(request.take_payload(), Rc::clone(&shared));
        request.set_payload(Payload::Stream {
            payload: Box::pin(payload),
        });
    }
    let answer = next.call(request).await;
    shared.answered();
    answer
}

/// A body that is asked for when it is read first, unless some of it has come already.
fn asking(payload: Payload, shared: Rc<Shared>) -> impl Stream<Item = Result<Bytes, PayloadError>> {
    let mut payload = payload;
    let mut is_asked = false;
    stream::poll_fn(move |cx| {
        let next = payload.poll_next_unpin(cx);
        if next.is_pending() && !is_asked {
            shared.wants_continue.set(true);
        }
        is_asked = true;
        next
    })
}
