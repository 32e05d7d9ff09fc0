//! Options of authentication.

use std::sync::Arc;

use super::api_keys::ApiKey;
use super::jwt::JwtOptions;
use super::origins::AllowedOrigins;
use crate::domain::access::caller::{ScopeNames, Scopes};
use crate::domain::access::ip_network::IpNetwork;

/// Options of authentication.
#[derive(Clone, Default)]
pub struct AuthOptions {
    /// True if callers have to authenticate; otherwise every caller has all scopes.
    pub is_required: bool,
    /// Names of the scopes.
    pub scope_names: Arc<ScopeNames>,
    /// Scopes of every authenticated caller.
    pub granted: Scopes,
    /// Accepted API keys.
    pub keys: Vec<ApiKey>,
    /// Accepted tokens.
    pub jwt: Option<JwtOptions>,
    /// Proxies whose forwarding headers are trusted.
    pub trusted_proxies: Vec<IpNetwork>,
    /// Origins whose pages may call.
    pub origins: AllowedOrigins,
}
