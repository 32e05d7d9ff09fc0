//! Memory budgets that all requests of a server share: for bodies that are received, and for responses that are built
//! and sent.
//!
//! A reservation counts from before the bytes exist until the last copy of them is dropped: `held` binds it to the
//! bytes, and `HeldBody` sends them in small parts, so that bytes that a slow client has not read still count.

use std::cell::Cell;
use std::collections::HashMap;
use std::convert::Infallible;
use std::error::Error;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{self, Context, Poll};

use actix_web::HttpResponse;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use bytes::Bytes;

use super::problem::Problem;
use crate::domain::access::caller::Caller;
use crate::domain::access::caller_key::CallerKey;
use crate::service::workers::{LeaseMemory, LeaseRoom};

/// Size of the parts in which a body is passed to the connection, in bytes.
const PART_BYTES: usize = 64 << 10;

/// Bytes that a connection may send before its client has read them.
const TURN_BYTES: usize = 1 << 20;

/// Minimum size of a response that is counted, in bytes: connections have buffers of this size anyway.
const COUNTED_BYTES_MIN: usize = 64 << 10;

/// Copies of a leased job: from storage, decoded, and in the response.
const LEASE_FACTOR: usize = 3;

/// Memory reserved for a leased job before its size is known, in bytes.
const LEASED_JOB_BYTES: usize = 1 << 20;

/// Number of callers above which those without reservations are removed, and then again at twice the remaining number.
const CALLERS_KEPT: usize = 1_000;

/// A memory budget that requests share. Clones share it, too.
#[derive(Clone, Debug)]
pub struct MemoryBudget {
    inner: Arc<Inner>,
    /// The request that it is for, if any.
    request: Option<OfRequest>,
}

/// A request of a caller.
#[derive(Clone, Debug)]
struct OfRequest {
    /// Bytes reserved by all requests of its caller.
    caller: Arc<AtomicUsize>,
    /// Bytes reserved by the request itself.
    own: Arc<AtomicUsize>,
}

impl OfRequest {
    fn add(&self, bytes: usize) {
        self.caller.fetch_add(bytes, Ordering::Relaxed);
        self.own.fetch_add(bytes, Ordering::Relaxed);
    }

    fn sub(&self, bytes: usize) {
        self.caller.fetch_sub(bytes, Ordering::Relaxed);
        self.own.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Adds bytes within the caller's share; the only request of a caller may use all remaining memory.
    fn try_add(&self, bytes: usize, share: usize) -> bool {
        let own = self.own.load(Ordering::Relaxed);
        let grown = self.caller.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |held| {
            let grown = held.checked_add(bytes)?;
            (grown <= share || held <= own).then_some(grown)
        });
        if grown.is_ok() {
            self.own.fetch_add(bytes, Ordering::Relaxed);
        }
        grown.is_ok()
    }

    fn held(&self) -> usize {
        self.caller.load(Ordering::Relaxed)
    }
}

#[derive(Debug)]
struct Inner {
    /// Setting that defines the limit.
    setting: &'static str,
    max: usize,
    used: AtomicUsize,
    callers: Mutex<Callers>,
}

/// Reservations of callers.
#[derive(Debug, Default)]
struct Callers {
    held: HashMap<CallerKey, Weak<AtomicUsize>>,
    forget_at: usize,
}

/// Memory budgets of a server's requests.
#[derive(Clone, Debug)]
pub struct RequestMemory {
    /// For responses that are built and sent.
    pub answers: MemoryBudget,
    /// For bodies that are received and parsed.
    pub bodies: MemoryBudget,
}

impl RequestMemory {
    /// Budgets of these sizes, in bytes.
    pub fn new(answers: usize, bodies: usize) -> Self {
        Self {
            answers: MemoryBudget::new("server.max_response_memory", answers),
            bodies: MemoryBudget::new("server.max_body_memory", bodies),
        }
    }
}

/// A part of a budget, released when it is dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    budget: MemoryBudget,
    bytes: usize,
}

impl MemoryBudget {
    /// A budget of `max` bytes, defined by a setting.
    pub fn new(setting: &'static str, max: usize) -> Self {
        let inner = Inner {
            setting,
            max,
            used: AtomicUsize::new(0),
            callers: Mutex::default(),
        };
        Self {
            inner: Arc::new(inner),
            request: None,
        }
    }

    /// The same budget for a request of a caller: its requests together have half of it, and a single one all that it
    /// needs.
    pub(crate) fn of(&self, caller: &Caller) -> Self {
        let key = CallerKey::of(caller);
        // The table stays consistent when a holder of the lock panics.
        let mut callers = self.inner.callers.lock().unwrap_or_else(PoisonError::into_inner);
        let known = callers.held.get(&key).and_then(Weak::upgrade);
        let held = known.unwrap_or_else(|| {
            if callers.held.len() >= callers.forget_at.max(CALLERS_KEPT) {
                callers.held.retain(|_, held| held.strong_count() > 0);
                callers.forget_at = callers.held.len() * 2;
            }
            let held = Arc::default();
            callers.held.insert(key, Arc::downgrade(&held));
            held
        });
        Self {
            inner: Arc::clone(&self.inner),
            request: Some(OfRequest {
                caller: held,
                own: Arc::default(),
            }),
        }
    }

    /// The complete budget: a request that exceeds it could never be executed.
    pub(crate) fn whole(&self) -> usize {
        self.inner.max
    }

    /// Maximum for a caller with several requests.
    fn share(&self) -> usize {
        self.inner.max / 2
    }

    /// Remaining bytes, for all callers and for this one.
    fn left(&self) -> usize {
        let left = self.inner.max.saturating_sub(self.inner.used.load(Ordering::Relaxed));
        let held = self.request.as_ref().map_or(0, OfRequest::held);
        left.min(self.share().saturating_sub(held))
    }

    /// Reserves memory, if it is available.
    pub(crate) fn reserve(&self, bytes: usize) -> Option<Reservation> {
        let mut reservation = self.nothing();
        reservation.grow(bytes).then_some(reservation)
    }

    /// Reserves memory even if it is not available, for a response that must be sent: its request took effect.
    pub(crate) fn reserve_anyway(&self, bytes: usize) -> Reservation {
        self.inner.used.fetch_add(bytes, Ordering::Relaxed);
        if let Some(request) = &self.request {
            request.add(bytes);
        }
        Reservation {
            budget: self.clone(),
            bytes,
        }
    }

    /// An empty reservation, to grow.
    pub(crate) fn nothing(&self) -> Reservation {
        Reservation {
            budget: self.clone(),
            bytes: 0,
        }
    }

    /// Rejects a change before it is executed, while its caller's share or all memory is used. Its response is expected to be as
    /// large as its request.
    pub(crate) fn admit_change(&self, request_bytes: usize) -> Result<(), Problem> {
        let bytes = request_bytes.max(COUNTED_BYTES_MIN).min(self.whole());
        self.reserve(bytes).map(drop).ok_or_else(|| self.exhausted())
    }

    /// The same for a change of this caller. While all callers together use less than a share, each of them does.
    pub(crate) fn admit_change_of(&self, caller: &Caller, request_bytes: usize) -> Result<(), Problem> {
        let used = self.inner.used.load(Ordering::Relaxed);
        if used.saturating_add(request_bytes.max(COUNTED_BYTES_MIN)) <= self.share() {
            return Ok(());
        }
        self.of(caller).admit_change(request_bytes)
    }

    /// Rejects a request if no memory is available.
    pub(crate) fn admit(&self) -> Result<(), Problem> {
        if self.inner.used.load(Ordering::Relaxed) < self.inner.max {
            Ok(())
        } else {
            Err(self.exhausted())
        }
    }

    /// The problem of a request without available memory.
    pub(crate) fn exhausted(&self) -> Problem {
        let Inner { setting, max, .. } = &*self.inner;
        let share = self.share();
        let held = self.request.as_ref().map_or(0, OfRequest::held);
        let who = if held > 0 && self.inner.used.load(Ordering::Relaxed) < *max {
            format!("requests of this caller in progress use its share ({share} bytes) of the memory")
        } else {
            "requests in progress use all the memory".to_owned()
        };
        Problem::busy(format!("{who} that {setting} allows ({max} bytes); retry in a moment"))
    }
}

impl Reservation {
    /// Reserves more, if it is available.
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        let MemoryBudget { inner, request } = &self.budget;
        if let Some(request) = request
            && !request.try_add(bytes, self.budget.share())
        {
            return false;
        }
        let grown = inner.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            used.checked_add(bytes).filter(|used| *used <= inner.max)
        });
        if grown.is_ok() {
            self.bytes += bytes;
        } else if let Some(request) = request {
            request.sub(bytes);
        }
        grown.is_ok()
    }

    /// Reserved bytes.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Releases the reservation beyond `bytes`.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        let left_over = self.bytes.saturating_sub(bytes);
        self.budget.inner.used.fetch_sub(left_over, Ordering::Relaxed);
        if let Some(request) = &self.budget.request {
            request.sub(left_over);
        }
        self.bytes -= left_over;
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.shrink_to(0);
    }
}

/// Memory for leased jobs: for each lease at most a limit, and a quarter of the remaining memory, so that several are
/// possible.
pub(crate) struct LeaseBudget {
    budget: MemoryBudget,
    bytes_max: usize,
}

impl LeaseBudget {
    /// For jobs of at most `bytes_max` bytes.
    pub(crate) fn new(budget: MemoryBudget, bytes_max: usize) -> Self {
        Self { budget, bytes_max }
    }
}

impl LeaseMemory for LeaseBudget {
    fn reserve(&self, jobs: u32) -> Option<LeaseRoom> {
        let of_jobs = usize::try_from(jobs)
            .unwrap_or(usize::MAX)
            .saturating_mul(LEASED_JOB_BYTES);
        let bytes = (self.budget.left() / 4 / LEASE_FACTOR)
            .min(of_jobs)
            .min(self.bytes_max)
            .max(COUNTED_BYTES_MIN);
        let reservation = self.budget.reserve(bytes.saturating_mul(LEASE_FACTOR))?;
        Some(LeaseRoom {
            bytes: bytes.min(self.bytes_max) as u64,
            held: Box::new(reservation),
        })
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

/// Bytes that count while a copy, or a part of them, exists.
pub(crate) fn held<T: AsRef<[u8]> + Send + 'static>(bytes: T, reservation: Reservation) -> Bytes {
    Bytes::from_owner(Held {
        bytes,
        _reservation: reservation,
    })
}

/// A body that is sent in small parts.
pub(crate) struct HeldBody(Bytes);

impl HeldBody {
    /// The body of a response.
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

/// Bytes that the operations of one connection have sent since its client read all earlier ones.
#[derive(Clone, Debug, Default)]
pub(crate) struct Turn(Rc<Cell<usize>>);

impl Turn {
    /// True if more may be sent. If not, the connection polls its operations again when its client has read.
    pub(crate) fn has_room(&self) -> bool {
        self.0.get() < TURN_BYTES
    }

    /// Records sent bytes.
    pub(crate) fn add(&self, bytes: usize) {
        self.0.set(self.0.get().saturating_add(bytes));
    }
}

/// Marks a finite response of unknown length: it is dropped if its client is too slow.
pub(crate) struct Ending;

/// A response without a known end: bytes that its client has not read count, and no more are produced meanwhile.
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

/// A response with its body counted until it is sent; an error with the response if no memory is available for it.
#[expect(
    clippy::result_large_err,
    reason = "the error is the response itself, which the caller reduces and sends"
)]
pub(crate) fn count_body(
    budget: &MemoryBudget,
    caller: &Caller,
    response: HttpResponse,
) -> Result<HttpResponse, HttpResponse> {
    let Some(size) = counted_size(&response) else {
        return Ok(response);
    };
    match budget.of(caller).reserve(size) {
        Some(reservation) => Ok(with_reservation(response, reservation)),
        None => Err(response),
    }
}

/// A response with its body counted until it is sent, even if no memory is available: its request took effect.
pub(crate) fn count_body_anyway(budget: &MemoryBudget, caller: &Caller, response: HttpResponse) -> HttpResponse {
    match counted_size(&response) {
        Some(size) => with_reservation(response, budget.of(caller).reserve_anyway(size)),
        None => response,
    }
}

/// Counted size of a response, in bytes.
fn counted_size(response: &HttpResponse) -> Option<usize> {
    match response.body().size() {
        BodySize::Sized(size) => {
            let size = usize::try_from(size).unwrap_or(usize::MAX);
            (size >= COUNTED_BYTES_MIN).then_some(size)
        }
        BodySize::None | BodySize::Stream => None,
    }
}

fn with_reservation(response: HttpResponse, reservation: Reservation) -> HttpResponse {
    response.map_body(|_, body| match body.try_into_bytes() {
        Ok(bytes) => HeldBody::boxed(held(bytes, reservation)),
        Err(body) => body,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::access::caller::{CallerKind, Scopes};

    #[test]
    fn a_change_is_rejected_while_its_response_has_no_memory() {
        const KIB: usize = 1 << 10;
        let budget = MemoryBudget::new("a.setting", 1_000 * KIB);
        let (one, other) = (key("one"), key("other"));
        assert!(
            budget.admit_change_of(&one, 900 * KIB).is_ok(),
            "the only request has no share"
        );
        let unread = budget.of(&one).reserve_anyway(450 * KIB);
        assert!(budget.admit_change_of(&one, 0).is_err(), "64 KiB are expected at least");
        assert!(budget.admit_change_of(&other, 500 * KIB).is_ok());
        assert!(budget.admit_change_of(&other, 600 * KIB).is_err(), "all of it is used");
        let second = budget.of(&other).reserve_anyway(2_000 * KIB);
        assert!(budget.admit_change_of(&key("third"), 0).is_err());
        drop((unread, second));
        assert!(
            budget.admit_change_of(&one, 500 * KIB).is_ok(),
            "nothing is left behind"
        );
    }

    #[test]
    fn a_reservation_is_released_with_the_last_part_of_its_bytes() {
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

    fn key(name: &str) -> Caller {
        Caller::new(name, CallerKind::Key, Scopes::all(), Arc::default())
    }

    #[test]
    fn a_caller_has_half_of_a_budget_and_more_for_a_single_request() {
        let all = MemoryBudget::new("a.setting", 100);
        let (one, same, other) = (all.of(&key("a")), all.of(&key("a")), all.of(&key("b")));
        let mut first = one.reserve(30).expect("it is free");
        assert!(same.reserve(21).is_none());
        let second = same.reserve(20).expect("it is its share");
        assert!(!first.grow(1));
        assert_eq!((same.left(), other.left()), (0, 50));
        let others = other.reserve(50).expect("it is the share of the other");
        drop(second);
        assert!(first.grow(20));
        assert!(!first.grow(1), "nothing is left");
        drop(others);
        assert!(first.grow(20), "its only request");
        let of_same_request = one.reserve(30).expect("the same request");
        assert!(one.reserve(1).is_none());
        drop((first, of_same_request));
        assert_eq!(one.left(), 50);
        assert_eq!(all.inner.used.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn the_table_of_callers_is_bounded() {
        let all = MemoryBudget::new("a.setting", 100);
        for number in 0..10 * CALLERS_KEPT {
            drop(all.of(&key(&number.to_string())).reserve(1));
        }
        let known = all.inner.callers.lock().expect("the table").held.len();
        assert!(known <= CALLERS_KEPT, "{known}");
    }

    #[test]
    fn leases_reserve_a_part_of_the_remaining_memory() {
        let all = MemoryBudget::new("a.setting", 48 << 20);
        let lease = |jobs| LeaseBudget::new(all.of(&key("a")), 16 << 20).reserve(jobs);
        let first = lease(1_000).expect("it is free");
        assert_eq!(first.bytes, 2 << 20);
        let small = lease(1).expect("some is left");
        assert_eq!(small.bytes, 1 << 20);
        let more: Vec<_> = std::iter::from_fn(|| lease(1_000)).collect();
        assert!(more.len() > 5 && all.of(&key("a")).left() < LEASE_FACTOR * COUNTED_BYTES_MIN);
        assert!(LeaseBudget::new(all.of(&key("b")), 16 << 20).reserve(1_000).is_some());
    }
}
