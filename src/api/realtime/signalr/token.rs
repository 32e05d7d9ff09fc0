//! Connection tokens of requests, and errors of connections.

use actix_web::HttpRequest;

use super::connection_registry::ConnectionToken;
use crate::api::problem::{PartError, Problem, ProblemKind};
use crate::api::realtime::admission::query_parameter;

/// The token that a request must have.
pub(super) fn token(request: &HttpRequest) -> Result<ConnectionToken, Problem> {
    match query_parameter(request, "id") {
        Some(id) if !id.is_empty() => Ok(ConnectionToken::given(id)),
        Some(_) | None => Err(PartError::parameter(
            "id",
            "the connection token is missing; negotiate a connection to get one",
        )
        .into()),
    }
}

/// Error of an unknown connection token.
pub(super) fn no_connection() -> Problem {
    let detail = "connection not found or closed; negotiate a new one";
    Problem::new(ProblemKind::NotFound, detail)
}

/// Error of a connection that another caller has negotiated.
pub(super) fn of_another_caller() -> Problem {
    let detail = "the connection belongs to another caller; negotiate a new one";
    Problem::new(ProblemKind::Forbidden, detail)
}

/// Error of a request for another transport than the connection's.
pub(super) fn other_transport() -> Problem {
    let detail = "the connection has another transport";
    Problem::new(ProblemKind::Malformed, detail)
}

/// Error of a connection that is open already.
pub(super) fn already_open() -> Problem {
    Problem::new(ProblemKind::Conflict, "the connection is already open")
}
