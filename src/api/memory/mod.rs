//! Memory budgets that all requests of a server share: for bodies that are received, and for responses that are built
//! and sent.
//!
//! A reservation counts from before the bytes exist until the last copy of them is dropped: [`counted_bytes`] binds it to the
//! bytes, and [`CountedBody`] sends them in small parts, so that bytes that a slow client has not read still count.

mod budget;
mod counted;
mod lease;
mod stream;

pub(crate) use self::budget::MemoryBudget;
pub(crate) use self::budget::Reservation;
pub(crate) use self::counted::{CountedBody, count_body, count_body_anyway, counted_bytes};
pub(crate) use self::lease::LeaseBudget;
pub(crate) use self::stream::{FiniteStream, SendWindow, paced};

/// Memory budgets of a server's requests.
#[derive(Clone, Debug)]
pub(crate) struct RequestMemory {
    /// For responses that are built and sent.
    pub responses: MemoryBudget,
    /// For bodies that are received and parsed.
    pub bodies: MemoryBudget,
}

impl RequestMemory {
    /// Budgets of these sizes, in bytes.
    pub(crate) fn new(responses: usize, bodies: usize) -> Self {
        Self {
            responses: MemoryBudget::new("server.max_response_memory", responses),
            bodies: MemoryBudget::new("server.max_body_memory", bodies),
        }
    }
}
