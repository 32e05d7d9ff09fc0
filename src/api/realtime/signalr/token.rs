//! Connection tokens of requests, and why a connection is refused.

use actix_web::HttpRequest;

use super::connection_registry::ConnectionToken;
use crate::api::realtime::admission::query_parameter;
use crate::api::rest::problem::{PartError, Problem, ProblemKind};

/// The token that a request must carry.
pub(super) fn token(request: &HttpRequest) -> Result<ConnectionToken, Problem> {
    match query_parameter(request, "id") {
        Some(id) if !id.is_empty() => Ok(ConnectionToken::given(id)),
        Some(_) | None => {
            Err(PartError::parameter("id", "the connection's token is needed here; negotiate gives one").into())
        }
    }
}

/// There is no connection with this token.
pub(super) fn no_connection() -> Problem {
    let detail = "there is no such connection, or it has ended; negotiate a new one";
    Problem::new(ProblemKind::NotFound, detail)
}

/// The connection was negotiated by another caller.
pub(super) fn of_another_caller() -> Problem {
    let detail = "the connection belongs to another caller; negotiate a new one";
    Problem::new(ProblemKind::Forbidden, detail)
}

/// The connection has another transport.
pub(super) fn other_transport() -> Problem {
    let detail = "the connection has another transport, which can't be changed";
    Problem::new(ProblemKind::Malformed, detail)
}

/// The connection is open already.
pub(super) fn already_open() -> Problem {
    Problem::new(ProblemKind::Conflict, "the connection is open already")
}
