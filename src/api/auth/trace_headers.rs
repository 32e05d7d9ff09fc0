//! Headers of W3C Trace Context and Baggage.

use std::sync::Arc;

use actix_web::HttpRequest;

use crate::domain::values::trace_context::{TRACE_PARENT_HEADER, TraceParent};
use crate::domain::values::trace_state::{BAGGAGE_HEADER, PropagatedContext, TRACE_STATE_HEADER};

/// The span context of a request. An invalid or duplicate header is ignored (Trace Context, section 3.2).
pub(super) fn trace_parent(request: &HttpRequest) -> Option<TraceParent> {
    let mut values = request.headers().get_all(TRACE_PARENT_HEADER);
    match (values.next(), values.next()) {
        (Some(value), None) => TraceParent::parse(value.to_str().ok()?).ok(),
        (_, _) => None,
    }
}

/// The trace state and baggage that a request's trace propagates.
pub(super) fn propagated(request: &HttpRequest, parent: Option<TraceParent>) -> Option<Arc<PropagatedContext>> {
    let headers = request.headers();
    if !headers.contains_key(TRACE_STATE_HEADER) && !headers.contains_key(BAGGAGE_HEADER) {
        return None;
    }
    let values = |name| headers.get_all(name).map(|value| value.to_str().ok());
    PropagatedContext::of_headers(parent, values(TRACE_STATE_HEADER), values(BAGGAGE_HEADER))
}
