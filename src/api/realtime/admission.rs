//! Who opens a connection: the one place that is asked before a connection, or a request that belongs to one, is
//! answered.
//!
//! Browsers can't set headers on a WebSocket or an event source, so a token may also stand in the query parameter
//! `access_token`: on the `GET`s of these connections and nowhere else.

use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::web::Query;

use crate::api::auth::{Gate, Shown, Standing};
use crate::api::rest::problem::Problem;
use crate::domain::access::caller::{Caller, Scope};
use crate::service::error::ServiceError;

/// The scopes of which a connection needs one.
const SCOPES: &[Scope] = &[Scope::Read];

/// A parameter of a request's query, decoded. Unknown ones are no mistake here: the clients add their own.
pub(super) fn query_parameter(request: &HttpRequest, name: &str) -> Option<String> {
    let parameters = Query::<Vec<(String, String)>>::from_query(request.query_string()).ok()?;
    parameters
        .into_inner()
        .into_iter()
        .find(|(given, _)| given == name)
        .map(|(_, value)| value)
}

/// Decides who may connect.
#[derive(Clone)]
pub(super) struct Admission {
    gate: Gate,
}

/// A caller who may connect.
pub(super) struct Admitted {
    /// Who it is.
    pub caller: Caller,
    /// The credentials that it has shown.
    pub shown: Shown,
}

impl Admission {
    /// Lets in whom this gate lets in, if they may read.
    pub(super) fn new(gate: Gate) -> Self {
        Self { gate }
    }

    /// Who asks; an error when the caller may not connect.
    pub(super) fn admit(&self, request: &HttpRequest) -> Result<Admitted, Problem> {
        let caller = if *request.method() == Method::GET {
            self.gate.authenticate_stream(request)?
        } else {
            self.gate.authenticate(request)?
        };
        caller.require_any(SCOPES).map_err(ServiceError::from)?;
        let shown = self.gate.shown(request)?;
        Ok(Admitted { caller, shown })
    }

    /// The credentials of a connection that is open from now on.
    pub(super) fn standing(&self, shown: Shown) -> Standing {
        Standing::new(self.gate.clone(), shown, SCOPES)
    }
}
