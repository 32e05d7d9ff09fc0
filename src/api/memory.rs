//! Memory that all requests of a server share: bodies that are being received, and answers that are being built and sent.
//!
//! A reservation counts from before the bytes are there until the last copy of them is dropped: `held` ties it to the bytes
//! themselves, and `HeldBody` sends them in small parts, so that what a slow client has not taken yet still counts.

use std::cell::Cell;
use std::convert::Infallible;
use std::error::Error;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{self, Context, Poll};

use actix_web::HttpResponse;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use bytes::Bytes;

use super::rest::problem::Problem;

/// The part of a body that is handed to the connection at once.
const PART_BYTES: usize = 64 << 10;

/// How much a connection says before its client has taken it.
const TURN_BYTES: usize = 1 << 20;

/// Smaller answers are not counted: connections have buffers of this size anyway.
const COUNTED_BYTES_MIN: usize = 64 << 10;

/// A bound of memory that requests share. Copies share it, too.
#[derive(Clone, Debug)]
pub struct MemoryBudget(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// The setting that says how much it is.
    setting: &'static str,
    max: usize,
    used: AtomicUsize,
}

/// The memory that the requests of a server share.
#[derive(Clone, Debug)]
pub struct RequestMemory {
    /// For answers that are being built and sent.
    pub answers: MemoryBudget,
    /// For bodies that are being received and read.
    pub bodies: MemoryBudget,
}

impl RequestMemory {
    /// So many bytes of each.
    pub fn new(answers: usize, bodies: usize) -> Self {
        Self {
            answers: MemoryBudget::new("server.max_response_memory", answers),
            bodies: MemoryBudget::new("server.max_body_memory", bodies),
        }
    }
}

/// A part of a budget, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    budget: MemoryBudget,
    bytes: usize,
}

impl MemoryBudget {
    /// A budget of so many bytes, as a setting says.
    pub fn new(setting: &'static str, max: usize) -> Self {
        Self(Arc::new(Inner {
            setting,
            max,
            used: AtomicUsize::new(0),
        }))
    }

    /// Reserves memory, if that much is left.
    pub(crate) fn reserve(&self, bytes: usize) -> Option<Reservation> {
        let mut reservation = self.nothing();
        reservation.grow(bytes).then_some(reservation)
    }

    /// Reserves memory whether it is left or not, for an answer that must be given: its request took effect.
    pub(crate) fn reserve_anyway(&self, bytes: usize) -> Reservation {
        self.0.used.fetch_add(bytes, Ordering::Relaxed);
        Reservation {
            budget: self.clone(),
            bytes,
        }
    }

    /// A reservation of nothing, to grow.
    pub(crate) fn nothing(&self) -> Reservation {
        Reservation {
            budget: self.clone(),
            bytes: 0,
        }
    }

    /// Refuses a request while nothing is left.
    pub(crate) fn admit(&self) -> Result<(), Problem> {
        if self.0.used.load(Ordering::Relaxed) < self.0.max {
            Ok(())
        } else {
            Err(self.exhausted())
        }
    }

    /// The answer to a request for which no memory is left.
    pub(crate) fn exhausted(&self) -> Problem {
        let Inner { setting, max, used: _ } = &*self.0;
        Problem::busy(format!(
            "requests in progress use all the memory that {setting} allows ({max} bytes); try again in a moment"
        ))
    }
}

impl Reservation {
    /// Reserves more, if that much is left.
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        let Inner { setting: _, max, used } = &*self.budget.0;
        let grown = used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            used.checked_add(bytes).filter(|used| used <= max)
        });
        if grown.is_ok() {
            self.bytes += bytes;
        }
        grown.is_ok()
    }

    /// How much is reserved.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Gives back what is reserved beyond `bytes`.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        let left_over = self.bytes.saturating_sub(bytes);
        self.budget.0.used.fetch_sub(left_over, Ordering::Relaxed);
        self.bytes -= left_over;
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.shrink_to(0);
    }
}

struct Held<T> {
    bytes: T,
    _reservation: Reservation,
}

impl<T: AsRef<[u8]>> AsRef<[u8]> for Held<T> {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_ref()
    }
}

/// Bytes that count as long as a copy, or a part of them, is there.
pub(crate) fn held<T: AsRef<[u8]> + Send + 'static>(bytes: T, reservation: Reservation) -> Bytes {
    Bytes::from_owner(Held {
        bytes,
        _reservation: reservation,
    })
}

/// A body that is sent in small parts.
pub(crate) struct HeldBody(Bytes);

impl HeldBody {
    /// The body of an answer.
    pub(crate) fn boxed(bytes: Bytes) -> BoxBody {
        BoxBody::new(Self(bytes))
    }
}

impl MessageBody for HeldBody {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.0.len() as u64)
    }

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        let Self(rest) = self.get_mut();
        let part = rest.split_to(rest.len().min(PART_BYTES));
        Poll::Ready((!part.is_empty()).then_some(Ok(part)))
    }
}

/// How much the operations of one connection have said since its client took all that was there before.
#[derive(Clone, Debug, Default)]
pub(crate) struct Turn(Rc<Cell<usize>>);

impl Turn {
    /// Whether more may be said. If not, the connection polls its operations again when its client has taken what there is.
    pub(crate) fn has_room(&self) -> bool {
        self.0.get() < TURN_BYTES
    }

    /// So many bytes were said.
    pub(crate) fn add(&self, bytes: usize) {
        self.0.set(self.0.get().saturating_add(bytes));
    }
}

/// An answer that lasts: what its client has not taken yet counts, and nothing more is made meanwhile.
pub(crate) fn paced(response: HttpResponse, budget: &MemoryBudget, turn: Turn) -> HttpResponse {
    let budget = budget.clone();
    response.map_body(|_, body| {
        BoxBody::new(Paced {
            body,
            budget,
            turn,
            rest: Bytes::new(),
        })
    })
}

struct Paced {
    body: BoxBody,
    budget: MemoryBudget,
    turn: Turn,
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
            this.turn.0.set(0);
            match task::ready!(Pin::new(&mut this.body).poll_next(cx)) {
                Some(Ok(bytes)) if bytes.len() >= COUNTED_BYTES_MIN => {
                    let reservation = this.budget.reserve_anyway(bytes.len());
                    this.rest = held(bytes, reservation);
                }
                other => return Poll::Ready(other),
            }
        }
        let part = this.rest.split_to(this.rest.len().min(PART_BYTES));
        Poll::Ready(Some(Ok(part)))
    }
}

/// The answer with its body counted until it is sent. `is_final`: what it tells has happened, so it is given even when nothing
/// is left.
pub(crate) fn count_body(
    budget: &MemoryBudget,
    response: HttpResponse,
    is_final: bool,
) -> Result<HttpResponse, Problem> {
    let BodySize::Sized(size) = response.body().size() else {
        return Ok(response);
    };
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    if size < COUNTED_BYTES_MIN {
        return Ok(response);
    }
    let reservation = match budget.reserve(size) {
        Some(reservation) => reservation,
        None if is_final => budget.reserve_anyway(size),
        None => return Err(budget.exhausted()),
    };
    Ok(response.map_body(|_, body| match body.try_into_bytes() {
        Ok(bytes) => HeldBody::boxed(held(bytes, reservation)),
        Err(body) => body,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reservation_ends_with_the_last_part_of_its_bytes() {
        let budget = MemoryBudget::new("a.setting", 100);
        let reservation = budget.reserve(100).expect("it is free");
        assert!(budget.reserve(1).is_none());
        let bytes = held(vec![0_u8; 100], reservation);
        let part = bytes.slice(90..);
        drop(bytes);
        assert!(budget.admit().is_err());
        drop(part);
        assert!(budget.admit().is_ok());
        let mut reservation = budget.reserve(60).expect("it is free");
        assert!(!reservation.grow(41));
        assert!(reservation.grow(40));
        reservation.shrink_to(10);
        assert_eq!(reservation.bytes(), 10);
        assert!(budget.reserve(91).is_none());
        drop(budget.reserve_anyway(1_000));
        assert!(budget.reserve(90).is_some());
    }
}
