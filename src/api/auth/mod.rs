//! Authentication of callers and their rate limits.
//!
//! Every facade calls [`Authenticator::authenticate`] once per request, or [`Authenticator::authenticate_stream`] for each connection
//! that a browser opens without being able to set a header, and passes the [`Caller`] to the use case, which authorizes
//! it. This module does not depend on routes.
//!
//! A caller presents an API key of the configuration, which is compared by its SHA-256 in constant time, or a signed
//! token (`jwt`). Credentials are never logged. Failed authentications are throttled (`auth_throttle.rs`), and requests
//! are rate-limited (`rate_limit.rs`). All memory that callers can fill is bounded.

mod api_keys;
mod auth_throttle;
mod client_address;
mod forwarded_prefix;
mod granted_scopes;
mod jwt;
mod live_credentials;
mod origins;
mod rate_limit;
mod token_cache;
mod two_generation_cache;

pub use self::api_keys::ApiKey;
pub use self::jwt::JwtOptions;
pub use self::jwt::key_set::{JwtKeyError, JwtKeySource};
pub use self::jwt::public_key::InvalidKey;
pub use self::jwt::token::redacted;
pub use self::live_credentials::{LiveCredentials, RECHECK_INTERVAL};
pub use self::origins::AllowedOrigins;
pub use self::rate_limit::CallerRate;
pub use crate::domain::values::rate::{Quota, Rate};

use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_web::http::header::ORIGIN;
use actix_web::{HttpMessage, HttpRequest};
use sha2::{Digest, Sha256};
use tracing::{debug, warn};

use self::api_keys::ApiKeys;
use self::auth_throttle::AuthThrottle;
use self::granted_scopes::granted;
use self::jwt::{Claims, JwtVerifier};
use self::rate_limit::Meter;
use self::token_cache::KnownTokens;
use self::two_generation_cache::TwoGenerationCache;
use crate::domain::access::caller::{Caller, CallerKind, ScopeNames, Scopes};
use crate::domain::access::ip_network::IpNetwork;
use crate::domain::values::trace_context::{TRACE_PARENT_HEADER, TraceParent};
use crate::domain::values::trace_state::{BAGGAGE_HEADER, PropagatedContext, TRACE_STATE_HEADER};

/// Maximum number of token subjects in a generation whose requests are counted.
const SUBJECTS_MAX: usize = 5_000;

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

/// Name of a request's caller, for the access log; authentication stores it in the request.
#[derive(Debug, Default)]
pub struct RequestCaller(RefCell<Option<Arc<str>>>);

impl RequestCaller {
    fn note(request: &HttpRequest, caller: &Caller) {
        if let Some(noted) = request.extensions().get::<Self>() {
            *noted.0.borrow_mut() = Some(Arc::clone(caller.name()));
        }
    }

    /// The name, if the caller is authenticated.
    pub fn get(&self) -> Option<Arc<str>> {
        self.0.borrow().clone()
    }
}

/// Reason why a caller is rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthFailure {
    /// There are no credentials.
    Missing,
    /// The credentials are malformed, with an error message.
    Malformed(&'static str),
    /// The credentials are invalid, with the reason.
    Invalid(&'static str),
    /// Too many failed authentications from its address.
    Throttled {
        /// Time until the next attempt.
        retry_after: Duration,
    },
    /// The rate limit is exceeded.
    TooMany {
        /// The rate limit and its state.
        quota: Quota,
    },
    /// The origin of the page is not allowed.
    ForeignOrigin,
    /// The `Host` header is not one of this server.
    ForeignHost,
}

impl AuthFailure {
    /// The detail of the problem.
    pub fn detail(&self) -> String {
        match self {
            Self::Missing => "missing credentials: send an API key or a token as Authorization: Bearer …".to_owned(),
            Self::Malformed(detail) | Self::Invalid(detail) => (*detail).to_owned(),
            Self::Throttled { retry_after } => format!(
                "too many failed authentications from this address; retry in {} s",
                whole_seconds(*retry_after)
            ),
            Self::TooMany { quota } => format!(
                "rate limit of {} requests in {} s exceeded; retry in {} s",
                quota.rate.capacity,
                quota.rate.per.as_secs(),
                whole_seconds(quota.next_in)
            ),
            Self::ForeignHost => {
                "host not allowed: without authentication only IP addresses, localhost and the hosts of \
                                  server.cors_origins are accepted"
                    .to_owned()
            }
            Self::ForeignOrigin => "origin not allowed; add it to server.cors_origins".to_owned(),
        }
    }

    /// Time after which a retry may succeed, if any.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Throttled { retry_after } => Some(*retry_after),
            Self::TooMany { quota } => Some(quota.next_in),
            Self::Missing | Self::Malformed(_) | Self::Invalid(_) | Self::ForeignOrigin | Self::ForeignHost => None,
        }
    }

    /// The `WWW-Authenticate` header (RFC 6750, section 3).
    pub fn challenge(&self) -> Option<String> {
        match self {
            Self::Missing => Some(format!("Bearer realm=\"{REALM}\"")),
            Self::Malformed(detail) => Some(challenge("invalid_request", detail)),
            Self::Invalid(detail) => Some(challenge("invalid_token", detail)),
            Self::Throttled { .. } | Self::TooMany { .. } | Self::ForeignOrigin | Self::ForeignHost => None,
        }
    }
}

const REALM: &str = "tickerq";

/// Details contain no quotes and backslashes.
fn challenge(code: &str, detail: &str) -> String {
    format!("Bearer realm=\"{REALM}\", error=\"{code}\", error_description=\"{detail}\"")
}

/// The `WWW-Authenticate` header for a caller that lacks this scope.
pub fn insufficient_scope(scope: &str) -> String {
    format!("Bearer realm=\"{REALM}\", error=\"insufficient_scope\", scope=\"{scope}\"")
}

/// A time in seconds, rounded up, so that no caller retries too early.
pub fn whole_seconds(time: Duration) -> u64 {
    (time.as_secs() + u64::from(time.subsec_nanos() > 0)).max(1)
}

/// Credentials of a long-lived connection. They are checked again for every operation: a token may have expired.
#[derive(Clone)]
pub struct Credentials {
    token: Option<Arc<str>>,
    address: Option<IpAddr>,
}

impl Credentials {
    /// The same with the token that the client has sent in a message.
    pub fn with_token(self, token: &str) -> Result<Self, AuthFailure> {
        let token = Some(Arc::from(self::jwt::token::checked(token)?));
        Ok(Self { token, ..self })
    }
}

/// Request that counts against a caller's rate limit.
#[derive(Clone, Copy)]
enum Counted<'a> {
    /// None: it only opens a connection.
    Not,
    /// An operation in a message.
    Quietly,
    /// This request, whose response contains the remaining quota.
    In(&'a HttpRequest),
}

/// Type of the route.
#[derive(Clone, Copy)]
enum Door {
    /// Authentication is required.
    Login,
    /// Authentication is optional.
    Public,
}

/// Authenticates callers. Cheap to clone; clones share the counts.
#[derive(Clone)]
pub struct Authenticator(Arc<Inner>);

struct Inner {
    is_required: bool,
    scope_names: Arc<ScopeNames>,
    granted: Scopes,
    keys: ApiKeys,
    jwt: Option<Jwt>,
    throttle: AuthThrottle,
    /// The same for public routes.
    public_throttle: AuthThrottle,
    trusted_proxies: Vec<IpNetwork>,
    origins: AllowedOrigins,
}

struct Jwt {
    verifier: JwtVerifier,
    known: KnownTokens,
    rate: Option<Rate>,
    subjects: Mutex<TwoGenerationCache<Arc<str>, Arc<Meter>>>,
}

impl Authenticator {
    /// An authenticator with these keys.
    pub fn new(options: AuthOptions) -> Result<Self, JwtKeyError> {
        let AuthOptions {
            is_required,
            scope_names,
            granted,
            keys,
            jwt,
            trusted_proxies,
            origins,
        } = options;
        let jwt = match jwt {
            Some(options) => Some(Jwt {
                verifier: JwtVerifier::new(&options, self::rate_limit::now())?,
                known: KnownTokens::new(),
                subjects: Mutex::new(TwoGenerationCache::new(
                    SUBJECTS_MAX,
                    options
                        .rate
                        .map_or(0, |rate| u64::try_from(rate.per.as_nanos()).unwrap_or(u64::MAX)),
                )),
                rate: options.rate,
            }),
            None => None,
        };
        let keys = ApiKeys::new(keys, granted, &scope_names);
        Ok(Self(Arc::new(Inner {
            is_required,
            scope_names,
            granted,
            keys,
            jwt,
            throttle: AuthThrottle::new(),
            public_throttle: AuthThrottle::new(),
            trusted_proxies,
            origins,
        })))
    }

    /// True if callers have to authenticate.
    pub fn is_required(&self) -> bool {
        self.0.is_required
    }

    /// The caller of a request, by its `Authorization` header.
    pub fn authenticate(&self, request: &HttpRequest) -> Result<Caller, AuthFailure> {
        let caller = self.let_in(request)?;
        RequestCaller::note(request, &caller);
        let parent = trace_parent(request);
        Ok(caller.within(parent, propagated(request, parent)))
    }

    /// The caller of a page without data. Links of other sites may open it if authentication is disabled.
    pub fn authenticate_document(&self, request: &HttpRequest) -> Result<Caller, AuthFailure> {
        if self.0.is_required || !origins::is_top_level_navigation(request) {
            return self.authenticate(request);
        }
        self.check_host(request)?;
        let caller = Caller::anonymous().at(self.address(request));
        RequestCaller::note(request, &caller);
        Ok(caller)
    }

    /// The caller of a request to a public route; `None` without valid credentials. Outdated credentials of a probe are
    /// not failed logins: they are not logged as such, and do not throttle logins. Guesses are limited separately.
    pub fn authenticate_if_valid(&self, request: &HttpRequest) -> Option<Caller> {
        let address = self.address(request);
        let caller = if self.0.is_required {
            let token = self::jwt::token::in_header(request).ok().flatten()?;
            if self::jwt::token::is_in_query(request) {
                return None;
            }
            self.admit_at(Door::Public, Counted::Not, token, address).ok()?
        } else {
            self.anonymous(request, address).ok()?
        };
        RequestCaller::note(request, &caller);
        Some(caller)
    }

    fn let_in(&self, request: &HttpRequest) -> Result<Caller, AuthFailure> {
        let address = self.address(request);
        if !self.0.is_required {
            return self.anonymous(request, address);
        }
        match self::jwt::token::in_header(request)? {
            Some(_) if self::jwt::token::is_in_query(request) => Err(AuthFailure::Malformed(TWO_TOKENS)),
            Some(token) => self.admit(Counted::In(request), token, address),
            None => Err(AuthFailure::Missing),
        }
    }

    /// The caller that opens a connection: by the `Authorization` header, or by `access_token` in the query, because
    /// browsers can't set a header here. Only for the `GET` that opens a WebSocket, an event stream, or a long poll.
    /// The origin of the page has to be allowed. It does not count as a request: clients do not control how often they
    /// poll.
    pub fn authenticate_stream(&self, request: &HttpRequest) -> Result<Caller, AuthFailure> {
        let caller = self.let_stream_in(request)?;
        RequestCaller::note(request, &caller);
        Ok(caller)
    }

    fn let_stream_in(&self, request: &HttpRequest) -> Result<Caller, AuthFailure> {
        if !self.0.origins.allow(request) {
            return Err(AuthFailure::ForeignOrigin);
        }
        let address = self.address(request);
        if !self.0.is_required {
            self.check_host(request)?;
            return Ok(Caller::anonymous().at(address));
        }
        match (
            self::jwt::token::in_header(request)?,
            self::jwt::token::in_query(request)?,
        ) {
            (Some(_), Some(_)) => Err(AuthFailure::Malformed(TWO_TOKENS)),
            (Some(token), None) => self.admit(Counted::Not, token, address),
            (None, Some(token)) => self.admit(Counted::Not, &token, address),
            (None, None) => Err(AuthFailure::Missing),
        }
    }

    /// The credentials of a request that opens a connection, as for [`Authenticator::authenticate_stream`]; they may be empty if
    /// the client can send a token in its first message.
    pub fn connection_credentials(&self, request: &HttpRequest) -> Result<Credentials, AuthFailure> {
        if !self.0.origins.allow(request) {
            return Err(AuthFailure::ForeignOrigin);
        }
        if !self.0.is_required {
            self.check_host(request)?;
        }
        self.credentials(request)
    }

    /// The credentials of a request, in its header or its query.
    pub fn credentials(&self, request: &HttpRequest) -> Result<Credentials, AuthFailure> {
        let address = self.address(request);
        if !self.0.is_required {
            return Ok(Credentials { token: None, address });
        }
        let token = match (
            self::jwt::token::in_header(request)?,
            self::jwt::token::in_query(request)?,
        ) {
            (Some(_), Some(_)) => return Err(AuthFailure::Malformed(TWO_TOKENS)),
            (Some(token), None) => Some(Arc::from(token)),
            (None, Some(token)) => Some(Arc::from(&*token)),
            (None, None) => None,
        };
        Ok(Credentials { token, address })
    }

    /// The caller with these credentials. Counts as a request if `is_request` is set.
    pub fn authenticate_credentials(&self, credentials: &Credentials, is_request: bool) -> Result<Caller, AuthFailure> {
        let Credentials { token, address } = credentials;
        if !self.0.is_required {
            return Ok(Caller::anonymous().at(*address));
        }
        let token = token.as_deref().ok_or(AuthFailure::Missing)?;
        let counted = if is_request { Counted::Quietly } else { Counted::Not };
        self.admit(counted, token, *address)
    }

    /// The caller of an open connection with these credentials, if they are still valid. See [`LiveCredentials`].
    pub fn revalidate(&self, credentials: &Credentials) -> Result<Caller, AuthFailure> {
        let Credentials { token, address } = credentials;
        if !self.0.is_required {
            return Ok(Caller::anonymous().at(*address));
        }
        let token = token.as_deref().ok_or(AuthFailure::Missing)?;
        let digest: [u8; 32] = Sha256::digest(token).into();
        if let Some(key) = self.0.keys.find(&digest) {
            return Ok(key.caller.clone().at(*address));
        }
        let jwt = self.0.jwt.as_ref().filter(|_| self::jwt::is_jwt(token));
        let jwt = jwt.ok_or(AuthFailure::Invalid(UNKNOWN_KEY))?;
        let now = self::rate_limit::now();
        let keys = jwt.verifier.key_set(now);
        let known = match jwt.known.find(&digest, keys, now) {
            Some(known) => known,
            None => {
                let claims = jwt.verifier.verify(token, now).map_err(AuthFailure::Invalid)?;
                jwt.known
                    .insert(digest, self.caller(&claims), claims.valid_for, keys, now)
            }
        };
        Ok(known.caller.clone().at(*address))
    }

    /// The caller while authentication is disabled. Pages of other origins are rejected: their images and scripts would change
    /// resources and read expensive lists on behalf of their visitor.
    fn anonymous(&self, request: &HttpRequest, address: Option<IpAddr>) -> Result<Caller, AuthFailure> {
        if !self.0.origins.allow(request) {
            return Err(AuthFailure::ForeignOrigin);
        }
        self.check_host(request)?;
        Ok(Caller::anonymous().at(address))
    }

    /// DNS rebinding gives a page's own name this machine's address, so that the browser treats it as this server.
    /// Without authentication only the name reveals it.
    fn check_host(&self, request: &HttpRequest) -> Result<(), AuthFailure> {
        if self.0.origins.is_own_host(request) {
            Ok(())
        } else {
            Err(AuthFailure::ForeignHost)
        }
    }

    /// True if the origin of the page that sent this request is allowed, as reported by its browser.
    pub fn is_of_allowed_page(&self, request: &HttpRequest) -> bool {
        request.headers().contains_key(ORIGIN) && self.0.origins.allow(request)
    }

    /// The path under which a trusted proxy publishes this server, from `X-Forwarded-Prefix`.
    pub fn forwarded_prefix(&self, request: &HttpRequest) -> Option<String> {
        let peer = request.peer_addr()?.ip().to_canonical();
        let is_trusted = self.0.trusted_proxies.iter().any(|network| network.contains(peer));
        is_trusted.then(|| forwarded_prefix::of(request.headers())).flatten()
    }

    /// The address of a request's client, behind trusted proxies.
    pub(crate) fn address(&self, request: &HttpRequest) -> Option<IpAddr> {
        let peer = request.peer_addr()?.ip();
        Some(client_address::of(peer, request.headers(), &self.0.trusted_proxies))
    }

    /// Authenticates the caller with this token; `counted` is the request that counts against its rate limit.
    fn admit(&self, counted: Counted<'_>, token: &str, address: Option<IpAddr>) -> Result<Caller, AuthFailure> {
        self.admit_at(Door::Login, counted, token, address)
    }

    fn admit_at(
        &self,
        door: Door,
        counted: Counted<'_>,
        token: &str,
        address: Option<IpAddr>,
    ) -> Result<Caller, AuthFailure> {
        // Connections without an address count together.
        let from = address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let now = self::rate_limit::now();
        let wait = self.throttle(door).wait(from, now);
        let braked = |retry_after| AuthFailure::Throttled { retry_after };
        let digest: [u8; 32] = Sha256::digest(token).into();
        if let Some(key) = self.0.keys.find(&digest) {
            if let Some(wait) = wait.filter(|_| !key.seen.contains(from)) {
                return Err(braked(wait));
            }
            key.seen.note(from);
            let caller = key.caller.clone().at(address);
            return match key.rate {
                Some(rate) => counted.within(caller, &key.meter, rate, now),
                None => Ok(caller),
            };
        }
        let Some(jwt) = self.0.jwt.as_ref().filter(|_| self::jwt::is_jwt(token)) else {
            return Err(wait.map_or_else(|| self.refuse(door, from, now, UNKNOWN_KEY), braked));
        };
        // Read first: a token that is checked while the keys change is checked again.
        let keys = jwt.verifier.key_set(now);
        let known = match jwt.known.find(&digest, keys, now) {
            Some(known) if wait.is_none() || known.seen.contains(from) => known,
            Some(_) | None => {
                if let Some(wait) = wait {
                    return Err(braked(wait));
                }
                match jwt.verifier.verify(token, now) {
                    Ok(claims) => jwt
                        .known
                        .insert(digest, self.caller(&claims), claims.valid_for, keys, now),
                    Err(reason) => return Err(self.refuse(door, from, now, reason)),
                }
            }
        };
        known.seen.note(from);
        let caller = known.caller.clone().at(address);
        match jwt.rate {
            Some(rate) => counted.within(caller, &jwt.meter(known.caller.name(), now), rate, now),
            None => Ok(caller),
        }
    }

    /// The caller with these claims.
    fn caller(&self, claims: &Claims) -> Caller {
        let Claims {
            name,
            scopes,
            valid_for: _,
        } = claims;
        let scopes = granted(scopes, self.0.granted, &self.0.scope_names);
        Caller::new(
            Arc::clone(name),
            CallerKind::Token,
            scopes,
            Arc::clone(&self.0.scope_names),
        )
    }

    fn throttle(&self, door: Door) -> &AuthThrottle {
        match door {
            Door::Login => &self.0.throttle,
            Door::Public => &self.0.public_throttle,
        }
    }

    fn refuse(&self, door: Door, from: IpAddr, now: u64, reason: &'static str) -> AuthFailure {
        let is_braked = self.throttle(door).failed(from, now);
        match (door, is_braked) {
            (Door::Public, _) => debug!(client.address = %from, "credentials ignored on a public route: {reason}"),
            (Door::Login, true) => {
                warn!(client.address = %from, "authentication failed, throttling the client's address: {reason}");
            }
            (Door::Login, false) => warn!(client.address = %from, "authentication failed: {reason}"),
        }
        AuthFailure::Invalid(reason)
    }
}

const UNKNOWN_KEY: &str = "invalid API key";
const TWO_TOKENS: &str = "the header and the query both have a token; send one";

impl Jwt {
    fn meter(&self, subject: &Arc<str>, now: u64) -> Arc<Meter> {
        // The map stays consistent when a holder of the lock panics.
        let mut subjects = self.subjects.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(subjects.entry(subject, now, Arc::default))
    }
}

impl Counted<'_> {
    /// Counts the request, and gives the caller its rate limit, to which further costs of the request are charged.
    fn within(self, caller: Caller, meter: &Arc<Meter>, rate: Rate, now: u64) -> Result<Caller, AuthFailure> {
        let limit = CallerRate::new(rate, Arc::clone(meter));
        if let Self::In(request) = self {
            // For the headers of the response.
            request.extensions_mut().insert(limit.clone());
        }
        let is_counted = match self {
            Self::Not => false,
            Self::Quietly | Self::In(_) => {
                let counted = meter.count(rate, now);
                counted.map_err(|quota| AuthFailure::TooMany { quota })?;
                true
            }
        };
        Ok(caller.limited(Arc::new(limit), is_counted))
    }
}

/// The trace state and baggage that a request's trace propagates.
fn propagated(request: &HttpRequest, parent: Option<TraceParent>) -> Option<Arc<PropagatedContext>> {
    let headers = request.headers();
    if !headers.contains_key(TRACE_STATE_HEADER) && !headers.contains_key(BAGGAGE_HEADER) {
        return None;
    }
    let values = |name| headers.get_all(name).map(|value| value.to_str().ok());
    PropagatedContext::of_headers(parent, values(TRACE_STATE_HEADER), values(BAGGAGE_HEADER))
}

/// The span context of a request. An invalid or duplicate header is ignored (Trace Context, section 3.2).
fn trace_parent(request: &HttpRequest) -> Option<TraceParent> {
    let mut values = request.headers().get_all(TRACE_PARENT_HEADER);
    match (values.next(), values.next()) {
        (Some(value), None) => TraceParent::parse(value.to_str().ok()?).ok(),
        (_, _) => None,
    }
}

#[cfg(test)]
mod tests;
