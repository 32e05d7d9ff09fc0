//! Requests that are refused before they are one.

use std::fmt;
use std::rc::Rc;

use actix_web::Error;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;

use super::Shared;
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
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed(what) => what,
            Self::TooLarge => "the head is too large",
            Self::TooSlow => "the head did not come in time",
        })
    }
}

/// Answers what the connection has handed on in place of a request.
pub(crate) async fn answer_refused(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    if request.method().as_str() == METHOD
        && let Some(refusal) = request
            .request()
            .conn_data::<Rc<Shared>>()
            .and_then(|shared| shared.refusal())
    {
        let why = match refusal {
            Refusal::Malformed(what) => Unreadable::Malformed(what),
            Refusal::TooLarge => Unreadable::TooLarge,
            Refusal::TooSlow => Unreadable::TooSlow,
        };
        let answer = unreadable(request.request(), why);
        return Ok(request.into_response(answer));
    }
    next.call(request).await.map(ServiceResponse::map_into_boxed_body)
}
