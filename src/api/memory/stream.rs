//! Responses without a known end.

use std::cell::Cell;
use std::error::Error;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use actix_web::HttpResponse;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use bytes::Bytes;

use super::budget::{COUNTED_BYTES_MIN, MemoryBudget};
use super::counted::{PART_BYTES, counted_bytes};

/// Bytes that a connection may send before its client has read them.
const WINDOW_BYTES: usize = 1 << 20;

/// Bytes that the operations of one connection have sent since its client read all earlier ones.
#[derive(Clone, Debug, Default)]
pub(crate) struct SendWindow(Rc<Cell<usize>>);

impl SendWindow {
    /// True if more may be sent. If not, the connection polls its operations again when its client has read.
    pub(crate) fn has_room(&self) -> bool {
        self.0.get() < WINDOW_BYTES
    }

    /// Records sent bytes.
    pub(crate) fn add(&self, bytes: usize) {
        self.0.set(self.0.get().saturating_add(bytes));
    }
}

/// Marks a finite response of unknown length: it is dropped if its client is too slow.
pub(crate) struct FiniteStream;

/// A response without a known end: bytes that its client has not read count, and no more are produced meanwhile.
pub(crate) fn paced(response: HttpResponse, budget: &MemoryBudget, window: SendWindow) -> HttpResponse {
    let budget = budget.clone();
    response.map_body(|_, body| {
        BoxBody::new(Paced {
            body,
            budget,
            window,
            rest: Bytes::new(),
        })
    })
}

struct Paced {
    body: BoxBody,
    budget: MemoryBudget,
    window: SendWindow,
    rest: Bytes,
}

impl MessageBody for Paced {
    type Error = Box<dyn Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = self.get_mut();
        if this.rest.is_empty() {
            this.window.0.set(0);
            match ready!(Pin::new(&mut this.body).poll_next(cx)) {
                Some(Ok(bytes)) if bytes.len() >= COUNTED_BYTES_MIN => {
                    let reservation = this.budget.reserve_anyway(bytes.len());
                    this.rest = counted_bytes(bytes, reservation);
                }
                other => return Poll::Ready(other),
            }
        }
        let part = this.rest.split_to(this.rest.len().min(PART_BYTES));
        Poll::Ready(Some(Ok(part)))
    }
}
