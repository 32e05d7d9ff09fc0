//! Who is calling, and what they may do.
//!
//! Every facade asks [`Gate::authenticate`] once for each request, or [`Gate::authenticate_stream`] for each connection
//! that a browser opens without being able to set a header, and hands the [`Caller`] on to the use case, which says
//! whether it may. Nothing here knows a route.
//!
//! A caller shows a key from the configuration, which is compared by its SHA-256 in constant time, or a signed token
//! (`jwt.rs`). What it shows is never logged. Whoever fails too often is braked (`brake.rs`); whoever asks too often, too
//! (`rate.rs`). All memory that callers can fill is bounded.

mod api_keys;
mod auth_throttle;
mod client_address;
mod forwarded_prefix;
mod granted_scopes;
mod jwt;
mod origins;
mod rate_limit;
mod standing;
mod token_cache;
mod two_generation_cache;

pub use self::api_keys::ApiKey;
pub use self::jwt::JwtOptions;
pub use self::jwt::key_set::{JwtKeyError, JwtKeySource};
pub use self::jwt::public_key::InvalidKey;
pub use self::jwt::token::redacted;
pub use self::origins::AllowedOrigins;
pub use self::rate_limit::{CallerRate, Quota, Rate};
pub use self::standing::{RECHECK_INTERVAL, Standing};

use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_web::http::header::ORIGIN;
use actix_web::{HttpMessage, HttpRequest};
use sha2::{Digest, Sha256};
use tracing::{debug, warn};

use self::api_keys::ApiKeys;
use self::auth_throttle::Brake;
use self::granted_scopes::granted;
use self::jwt::{Claims, JwtVerifier};
use self::rate_limit::Meter;
use self::token_cache::KnownTokens;
use self::two_generation_cache::Generations;
use crate::domain::access::caller::{Caller, CallerKind, ScopeNames, Scopes};
use crate::domain::access::ip_network::IpNetwork;
use crate::domain::values::trace_context::{TRACE_PARENT_HEADER, TraceParent};
use crate::domain::values::trace_state::{BAGGAGE_HEADER, PropagatedContext, TRACE_STATE_HEADER};

/// How many subjects of tokens have their requests counted, twice.
const SUBJECTS_MAX: usize = 5_000;

/// Who is let in.
#[derive(Clone, Default)]
pub struct AuthOptions {
    /// Whether callers must show who they are; otherwise whoever calls may do everything.
    pub is_required: bool,
    /// What scopes are called.
    pub scope_names: Arc<ScopeNames>,
    /// What everybody may do who has shown who it is.
    pub granted: Scopes,
    /// The keys that are accepted.
    pub keys: Vec<ApiKey>,
    /// The tokens that are accepted.
    pub jwt: Option<JwtOptions>,
    /// Proxies that are believed when they say for whom they ask.
    pub trusted_proxies: Vec<IpNetwork>,
    /// The origins whose pages may call.
    pub origins: AllowedOrigins,
}

/// The name of a request's caller, for the access log; authentication stores it in the request.
#[derive(Debug, Default)]
pub struct RequestCaller(RefCell<Option<Arc<str>>>);

impl RequestCaller {
    fn note(request: &HttpRequest, caller: &Caller) {
        if let Some(noted) = request.extensions().get::<Self>() {
            *noted.0.borrow_mut() = Some(Arc::clone(caller.name()));
        }
    }

    /// The name, if the caller is known.
    pub fn get(&self) -> Option<Arc<str>> {
        self.0.borrow().clone()
    }
}

/// Why a caller is not let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthFailure {
    /// It has not shown who it is.
    Missing,
    /// It has shown something that can't be understood: what is wrong with it.
    Malformed(&'static str),
    /// What it has shown is not accepted: why.
    Invalid(&'static str),
    /// Too much was shown from its address that was not accepted.
    Braked {
        /// When it may try again.
        retry_after: Duration,
    },
    /// It has asked too often.
    TooMany {
        /// What it may ask.
        quota: Quota,
    },
    /// A page asks that may not.
    ForeignOrigin,
    /// The request is for a host that this server is not known to be.
    ForeignHost,
}

impl AuthFailure {
    /// What is told of it.
    pub fn detail(&self) -> String {
        match self {
            Self::Missing => {
                "this server must know who calls: send a key or a token, Authorization: Bearer …".to_owned()
            }
            Self::Malformed(detail) | Self::Invalid(detail) => (*detail).to_owned(),
            Self::Braked { retry_after } => format!(
                "too many keys or tokens from this address were not accepted; try again in {} s",
                whole_seconds(*retry_after)
            ),
            Self::TooMany { quota } => format!(
                "this caller may make {} requests in {} s; try again in {} s",
                quota.rate.capacity,
                quota.rate.per.as_secs(),
                whole_seconds(quota.next_in)
            ),
            Self::ForeignHost => "while nobody has to show who he is, this server answers only at an IP address, at \
                                  localhost, and at the hosts that server.cors_origins names: any other name may be a page \
                                  that has made itself look like this server"
                .to_owned(),
            Self::ForeignOrigin => {
                "pages of this origin may not do this; server.cors_origins names those that may".to_owned()
            }
        }
    }

    /// When to come back, if waiting helps.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Braked { retry_after } => Some(*retry_after),
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
            Self::Braked { .. } | Self::TooMany { .. } | Self::ForeignOrigin | Self::ForeignHost => None,
        }
    }
}

const REALM: &str = "tickerq";

/// Details have neither quotes nor backslashes.
fn challenge(code: &str, detail: &str) -> String {
    format!("Bearer realm=\"{REALM}\", error=\"{code}\", error_description=\"{detail}\"")
}

/// The `WWW-Authenticate` header for a caller that lacks this scope.
pub fn insufficient_scope(scope: &str) -> String {
    format!("Bearer realm=\"{REALM}\", error=\"insufficient_scope\", scope=\"{scope}\"")
}

/// A time in seconds, rounded up: nobody comes back too early.
pub fn whole_seconds(time: Duration) -> u64 {
    (time.as_secs() + u64::from(time.subsec_nanos() > 0)).max(1)
}

/// What a caller has shown on a connection that lasts. It is looked at again whenever something is asked for: a token may
/// have run out.
#[derive(Clone)]
pub struct Shown {
    token: Option<Arc<str>>,
    address: Option<IpAddr>,
}

impl Shown {
    /// The same caller with the token that it has shown in a message.
    pub fn with_token(self, token: &str) -> Result<Self, AuthFailure> {
        let token = Some(Arc::from(self::jwt::token::checked(token)?));
        Ok(Self { token, ..self })
    }
}

/// What counts for the rate of a caller.
#[derive(Clone, Copy)]
enum Counted<'a> {
    /// Nothing: it only opens a connection.
    Not,
    /// Something that was asked for in a message.
    Quietly,
    /// This request, whose answer tells what is left.
    In(&'a HttpRequest),
}

/// Where credentials are shown.
#[derive(Clone, Copy)]
enum Door {
    /// Where they are required.
    Login,
    /// On a route that is open to everybody.
    Public,
}

/// Lets callers in. Cheap to copy; all copies count together.
#[derive(Clone)]
pub struct Gate(Arc<Inner>);

struct Inner {
    is_required: bool,
    scope_names: Arc<ScopeNames>,
    granted: Scopes,
    keys: ApiKeys,
    jwt: Option<Jwt>,
    brake: Brake,
    /// The same for routes that are open to everybody.
    public_brake: Brake,
    trusted_proxies: Vec<IpNetwork>,
    origins: AllowedOrigins,
}

struct Jwt {
    verifier: JwtVerifier,
    known: KnownTokens,
    rate: Option<Rate>,
    subjects: Mutex<Generations<Arc<str>, Arc<Meter>>>,
}

impl Gate {
    /// A gate with these keys.
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
                subjects: Mutex::new(Generations::new(
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
            brake: Brake::new(),
            public_brake: Brake::new(),
            trusted_proxies,
            origins,
        })))
    }

    /// Whether callers must show who they are.
    pub fn is_required(&self) -> bool {
        self.0.is_required
    }

    /// Who has sent this request, by its `Authorization` header.
    pub fn authenticate(&self, request: &HttpRequest) -> Result<Caller, AuthFailure> {
        let caller = self.let_in(request)?;
        RequestCaller::note(request, &caller);
        let parent = trace_parent(request);
        Ok(caller.within(parent, propagated(request, parent)))
    }

    /// The caller of a page without data. Links of other sites may open it where there is no authentication.
    pub fn authenticate_document(&self, request: &HttpRequest) -> Result<Caller, AuthFailure> {
        if self.0.is_required || !origins::is_top_level_navigation(request) {
            return self.authenticate(request);
        }
        self.check_host(request)?;
        let caller = Caller::anonymous().at(self.address(request));
        RequestCaller::note(request, &caller);
        Ok(caller)
    }

    /// Who has sent this request to a route that is open to everybody; `None` without valid credentials. Stale credentials of
    /// a probe are no failed login: they are not logged as one, and do not throttle logins. Guesses are limited by themselves.
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

    /// Who opens this connection: by the `Authorization` header, or by `access_token` in the query, where a browser can't
    /// set a header. Only for the `GET` that opens a WebSocket, a stream of events, or a long poll. A page must be one
    /// that may. It does not count as a request: how often a client polls is not its choice.
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

    /// What the one shows who opens this connection, as for [`Gate::authenticate_stream`]; it may have nothing yet, where
    /// it can show a token in its first message.
    pub fn look_at(&self, request: &HttpRequest) -> Result<Shown, AuthFailure> {
        if !self.0.origins.allow(request) {
            return Err(AuthFailure::ForeignOrigin);
        }
        if !self.0.is_required {
            self.check_host(request)?;
        }
        self.shown(request)
    }

    /// What a request shows, in its header or in its query.
    pub fn shown(&self, request: &HttpRequest) -> Result<Shown, AuthFailure> {
        let address = self.address(request);
        if !self.0.is_required {
            return Ok(Shown { token: None, address });
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
        Ok(Shown { token, address })
    }

    /// Who has shown this. When it `asks` for something, that counts as a request.
    pub fn recognise(&self, shown: &Shown, asks: bool) -> Result<Caller, AuthFailure> {
        let Shown { token, address } = shown;
        if !self.0.is_required {
            return Ok(Caller::anonymous().at(*address));
        }
        let token = token.as_deref().ok_or(AuthFailure::Missing)?;
        let counted = if asks { Counted::Quietly } else { Counted::Not };
        self.admit(counted, token, *address)
    }

    /// The caller whose connection is open with these credentials, if they are still accepted. See [`Standing`].
    pub fn revalidate(&self, shown: &Shown) -> Result<Caller, AuthFailure> {
        let Shown { token, address } = shown;
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

    /// The caller of a server without authentication. A page of another origin must not use that: a browser that shows it would
    /// change things, and read expensive lists, by an image or a script of that page.
    fn anonymous(&self, request: &HttpRequest, address: Option<IpAddr>) -> Result<Caller, AuthFailure> {
        if !self.0.origins.allow(request) {
            return Err(AuthFailure::ForeignOrigin);
        }
        self.check_host(request)?;
        Ok(Caller::anonymous().at(address))
    }

    /// A page can give its own name this machine's address (DNS rebinding); to the browser it then is this server. Where no
    /// token is asked for, only the name tells it.
    fn check_host(&self, request: &HttpRequest) -> Result<(), AuthFailure> {
        if self.0.origins.is_own_host(request) {
            Ok(())
        } else {
            Err(AuthFailure::ForeignHost)
        }
    }

    /// Whether a page has sent this request that may, by the origin that its browser says.
    pub fn is_of_allowed_page(&self, request: &HttpRequest) -> bool {
        request.headers().contains_key(ORIGIN) && self.0.origins.allow(request)
    }

    /// The path under which a trusted proxy publishes this server, as it says in `X-Forwarded-Prefix`.
    pub fn forwarded_prefix(&self, request: &HttpRequest) -> Option<String> {
        let peer = request.peer_addr()?.ip().to_canonical();
        let is_trusted = self.0.trusted_proxies.iter().any(|network| network.contains(peer));
        is_trusted.then(|| forwarded_prefix::of(request.headers())).flatten()
    }

    /// The address that a request comes from, behind proxies that are trusted.
    pub(crate) fn address(&self, request: &HttpRequest) -> Option<IpAddr> {
        let peer = request.peer_addr()?.ip();
        Some(client_address::of(peer, request.headers(), &self.0.trusted_proxies))
    }

    /// Lets in who shows this token; `counted` says what counts for its rate.
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
        let wait = self.brake(door).wait(from, now);
        let braked = |retry_after| AuthFailure::Braked { retry_after };
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

    /// Who shows a token that says this.
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

    fn brake(&self, door: Door) -> &Brake {
        match door {
            Door::Login => &self.0.brake,
            Door::Public => &self.0.public_brake,
        }
    }

    fn refuse(&self, door: Door, from: IpAddr, now: u64, reason: &'static str) -> AuthFailure {
        let is_braked = self.brake(door).failed(from, now);
        match (door, is_braked) {
            (Door::Public, _) => debug!(client.address = %from, "credentials ignored on a public route: {reason}"),
            (Door::Login, true) => {
                warn!(client.address = %from, "a caller was refused, and its address has to wait from now on: {reason}");
            }
            (Door::Login, false) => warn!(client.address = %from, "a caller was refused: {reason}"),
        }
        AuthFailure::Invalid(reason)
    }
}

const UNKNOWN_KEY: &str = "the key is not known";
const TWO_TOKENS: &str = "there is a token in the header and one in the query; send one";

impl Jwt {
    fn meter(&self, subject: &Arc<str>, now: u64) -> Arc<Meter> {
        // The map stays whole when somebody panics while holding it.
        let mut subjects = self.subjects.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(subjects.entry(subject, now, Arc::default))
    }
}

impl Counted<'_> {
    /// Counts the request, and gives the caller its rate limit, which what the request costs besides is charged to.
    fn within(self, caller: Caller, meter: &Arc<Meter>, rate: Rate, now: u64) -> Result<Caller, AuthFailure> {
        let limit = CallerRate::new(rate, Arc::clone(meter));
        if let Self::In(request) = self {
            // For the headers of the answer.
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

/// What a request's trace passes on besides its place.
fn propagated(request: &HttpRequest, parent: Option<TraceParent>) -> Option<Arc<PropagatedContext>> {
    let headers = request.headers();
    if !headers.contains_key(TRACE_STATE_HEADER) && !headers.contains_key(BAGGAGE_HEADER) {
        return None;
    }
    let values = |name| headers.get_all(name).map(|value| value.to_str().ok());
    PropagatedContext::of_headers(parent, values(TRACE_STATE_HEADER), values(BAGGAGE_HEADER))
}

/// Where a request stands in a trace. What can't be read, or is there twice, is as if it were absent (Trace Context,
/// section 3.2).
fn trace_parent(request: &HttpRequest) -> Option<TraceParent> {
    let mut values = request.headers().get_all(TRACE_PARENT_HEADER);
    match (values.next(), values.next()) {
        (Some(value), None) => TraceParent::parse(value.to_str().ok()?).ok(),
        (_, _) => None,
    }
}

#[cfg(test)]
mod tests;
