//! Credentials that a connection keeps.

use std::net::IpAddr;
use std::sync::Arc;

use super::failure::AuthFailure;
use super::jwt::token;

/// Credentials of a long-lived connection. They are checked again for every operation: a token may have expired.
#[derive(Clone)]
pub(crate) struct Credentials {
    pub(super) token: Option<Arc<str>>,
    pub(super) address: Option<IpAddr>,
}

impl Credentials {
    /// The same with the token that the client has sent in a message.
    pub(crate) fn with_token(self, token: &str) -> Result<Self, AuthFailure> {
        let token = Some(Arc::from(token::checked(token)?));
        Ok(Self { token, ..self })
    }
}
