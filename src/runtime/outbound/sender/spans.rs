//! Spans of deliveries.

use std::sync::Arc;

use reqwest::Url;

use crate::domain::values::trace_context::{TraceParent, span_id_of};
use crate::domain::webhooks::delivery::DueDelivery;
use crate::domain::webhooks::endpoint::Endpoint;
use crate::webhooks::client_spans::{CallReport, CallReporter, CallSubject, CallTarget};
use crate::webhooks::delivery_request::DeliveryOutcome;

/// The span context of a delivery attempt: that of its event, or a child of it if calls have spans of their own.
pub(super) fn span_context_of(calls: &CallReporter, endpoint: &Endpoint, due: &DueDelivery) -> Option<TraceParent> {
    let happened = due.message.trace_parent?;
    if !calls.is_enabled() {
        return Some(happened);
    }
    let delivery = due.message.id.as_u128() ^ endpoint.id.as_uuid().as_u128();
    Some(happened.at(span_id_of(delivery, u64::from(due.attempts))))
}

/// Exports the span of a delivery attempt.
pub(super) fn report_call(
    calls: &CallReporter,
    endpoint: &Endpoint,
    due: &DueDelivery,
    place: Option<TraceParent>,
    sent: &DeliveryOutcome,
) {
    let (Some(happened), Some(place)) = (due.message.trace_parent, place) else {
        return;
    };
    calls.report(place.is_sampled, || CallReport {
        span_context: place,
        parent: happened.span_id,
        about: CallSubject::Webhook {
            endpoint: Arc::clone(&endpoint.name),
            event: Arc::clone(&due.message.event),
            id: due.message.webhook_id(),
            resend: due.attempts,
        },
        target: Url::parse(&endpoint.url).map_or_else(|_| CallTarget::unknown(), |url| CallTarget::from(&url)),
        started_at: sent.attempt.at,
        took: sent.attempt.duration.to_std(),
        status: sent.attempt.response_status,
        error: sent.attempt.error.clone(),
    });
}
