//! Authentication of connections and of the requests that belong to one.
//!
//! Browsers can't set headers on a WebSocket or an event source, so that the `GET`s of these connections, and no other
//! requests, also accept a token in the query parameter `access_token`.

use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::web::Query;

use crate::api::auth::{Authenticator, Credentials, LiveCredentials};
use crate::api::problem::Problem;
use crate::domain::access::caller::{Caller, Scope};
use crate::service::error::ServiceError;

/// Scopes of which a connection requires one.
const SCOPES: &[Scope] = &[Scope::Read];

/// A parameter of a request's query, decoded. Unknown parameters are ignored: clients add their own.
pub(super) fn query_parameter(request: &HttpRequest, name: &str) -> Option<String> {
    let parameters = Query::<Vec<(String, String)>>::from_query(request.query_string()).ok()?;
    parameters
        .into_inner()
        .into_iter()
        .find(|(given, _)| given == name)
        .map(|(_, value)| value)
}

/// Decides which callers may connect.
#[derive(Clone)]
pub(super) struct ConnectionAdmission {
    authenticator: Authenticator,
}

/// A caller that may connect.
pub(super) struct Admitted {
    /// The caller.
    pub caller: Caller,
    /// Its credentials.
    pub credentials: Credentials,
}

impl ConnectionAdmission {
    /// Accepts callers that the authenticator accepts, if they have the read scope.
    pub(super) fn new(authenticator: Authenticator) -> Self {
        Self { authenticator }
    }

    /// The caller of a request; an error if it may not connect.
    pub(super) fn admit(&self, request: &HttpRequest) -> Result<Admitted, Problem> {
        let caller = if *request.method() == Method::GET {
            self.authenticator.authenticate_stream(request)?
        } else {
            self.authenticator.authenticate(request)?
        };
        caller.require_any(SCOPES).map_err(ServiceError::from)?;
        let credentials = self.authenticator.credentials(request)?;
        Ok(Admitted { caller, credentials })
    }

    /// The credentials of a connection that was opened.
    pub(super) fn live_credentials(&self, credentials: Credentials) -> LiveCredentials {
        LiveCredentials::new(self.authenticator.clone(), credentials, SCOPES)
    }
}
