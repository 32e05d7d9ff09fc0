//! Authentication of callers and their rate limits.
//!
//! Every facade calls [`Authenticator::authenticate`] once per request, or [`Authenticator::authenticate_stream`] for each connection
//! that a browser opens without being able to set a header, and passes the caller to the use case, which authorizes it. This
//! module does not depend on routes.
//!
//! A caller presents an API key of the configuration, which is compared by its SHA-256 in constant time, or a signed
//! token (`jwt`). Credentials are never logged. Failed authentications are throttled (`auth_throttle.rs`), and requests
//! are rate-limited (`rate_limit.rs`). All memory that callers can fill is bounded.

mod api_keys;
mod auth_throttle;
mod authenticator;
mod client_address;
mod credentials;
mod failure;
mod forwarded_prefix;
mod granted_scopes;
mod jwt;
mod live_credentials;
mod options;
mod origins;
mod rate_limit;
mod request_caller;
#[cfg(test)]
mod tests;
mod token_cache;
mod trace_headers;
mod verifier;

pub use self::api_keys::ApiKey;
pub(crate) use self::authenticator::Authenticator;
pub(crate) use self::credentials::Credentials;
pub(crate) use self::failure::{AuthFailure, insufficient_scope, whole_seconds};
pub(crate) use self::jwt::JwtOptions;
pub use self::jwt::key_set::JwtKeyError;
pub(crate) use self::jwt::key_set::JwtKeySource;
pub use self::jwt::public_key::InvalidKey;
pub(crate) use self::jwt::token::redacted;
pub(crate) use self::live_credentials::{LiveCredentials, RECHECK_INTERVAL};
pub use self::options::AuthOptions;
pub(crate) use self::origins::AllowedOrigins;
pub(crate) use self::rate_limit::CallerRate;
pub(crate) use self::request_caller::RequestCaller;
pub(crate) use crate::domain::values::rate::{Quota, Rate};
