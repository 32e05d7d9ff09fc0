//! Bytes and responses that count while they exist.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::HttpResponse;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use bytes::Bytes;

use super::budget::{COUNTED_BYTES_MIN, MemoryBudget, Reservation};
use crate::domain::access::caller::Caller;

/// Size of the parts in which a body is passed to the connection, in bytes.
pub(super) const PART_BYTES: usize = 64 << 10;

struct Counted<T> {
    bytes: T,
    _reservation: Reservation,
}

impl<T: AsRef<[u8]>> AsRef<[u8]> for Counted<T> {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_ref()
    }
}

/// Bytes that count while a copy, or a part of them, exists.
pub(crate) fn counted_bytes<T: AsRef<[u8]> + Send + 'static>(bytes: T, reservation: Reservation) -> Bytes {
    Bytes::from_owner(Counted {
        bytes,
        _reservation: reservation,
    })
}

/// A body that is sent in small parts.
pub(crate) struct CountedBody(Bytes);

impl CountedBody {
    /// The body of a response.
    pub(crate) fn boxed(bytes: Bytes) -> BoxBody {
        BoxBody::new(Self(bytes))
    }
}

impl MessageBody for CountedBody {
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
        Ok(bytes) => CountedBody::boxed(counted_bytes(bytes, reservation)),
        Err(body) => body,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reservation_is_released_with_the_last_part_of_its_bytes() {
        let budget = MemoryBudget::new("a.setting", 100);
        let reservation = budget.reserve(100).expect("it is free");
        assert!(budget.reserve(1).is_none());
        let bytes = counted_bytes(vec![0_u8; 100], reservation);
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
