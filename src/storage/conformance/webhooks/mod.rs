//! Webhook endpoints, deliveries and the change feed.

mod deliveries;
mod endpoints;
mod feed;
mod outbox;
mod review;
pub(super) mod sample;

use crate::storage::conformance::case::Case;

pub(super) fn cases() -> Vec<Case> {
    [
        endpoints::cases(),
        outbox::cases(),
        deliveries::cases(),
        review::cases(),
        feed::cases(),
    ]
    .concat()
}
