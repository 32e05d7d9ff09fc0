//! Requests that are refused before they are one.

use std::fmt;
use std::rc::Rc;

use actix_web::Error;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;

use super::Shared;
use crate::api::auth::Gate;
use crate::api::rest::{Unreadable, unreadable};

/// What is handed on in place of a request that is refused. No client can send this method: it is refused as well.
pub(super) const REFUSED: &[u8] = b"! / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
/// Its method.
pub(super) const METHOD: &str = "!";

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It is no request: what is wrong with it.
    Malformed(&'static str),
    /// Its head is too large.
    TooLarge,
    /// Its head did not come in time.
    TooSlow,
    /// There is no place for its connection, or its client has all that it may have.
    Full,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed(what) => what,
            Self::TooLarge => "the head is too large",
            Self::TooSlow => "the head did not come in time",
            Self::Full => "connection limit reached",
        })
    }
}

/// Answers what the connection has handed on in place of a request, and requests whose body or connection is refused.
pub(crate) async fn answer_refused(
    gate: Gate,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let Some(shared) = request.request().conn_data::<Rc<Shared>>().cloned() else {
        return next.call(request).await.map(ServiceResponse::map_into_boxed_body);
    };
    let refused = if request.method().as_str() == METHOD {
        shared.refusal()
    } else {
        let client = || gate.address(request.request());
        shared.count_for_client(request.path(), client).err()
    };
    if let Some(refusal) = refused {
        let why = match refusal {
            Refusal::Malformed(what) => Unreadable::Malformed(what),
            Refusal::TooLarge => Unreadable::TooLarge,
            Refusal::TooSlow => Unreadable::TooSlow,
            Refusal::Full => Unreadable::Full,
        };
        let answer = unreadable(request.request(), why);
        return Ok(request.into_response(answer));
    }
    let answer = next.call(request).await?;
    // Whoever has read the body takes it for broken.
    if shared.is_body_late() && answer.status().is_client_error() {
        let answer_late = unreadable(answer.request(), Unreadable::BodyTooSlow);
        return Ok(answer.into_response(answer_late));
    }
    Ok(answer.map_into_boxed_body())
}
