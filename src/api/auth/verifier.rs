//! Verifies API keys and tokens, throttles failures, and counts requests.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use actix_web::{HttpMessage, HttpRequest};
use sha2::{Digest, Sha256};
use tracing::{debug, warn};

use super::api_keys::{ApiKey, ApiKeys};
use super::auth_throttle::AuthThrottle;
use super::failure::AuthFailure;
use super::granted_scopes::granted;
use super::jwt::key_set::JwtKeyError;
use super::jwt::{Claims, JwtOptions, JwtVerifier, is_jwt};
use super::rate_limit::{self, CallerRate, Meter, SubjectMeters};
use super::token_cache::{CachedToken, TokenCache};
use crate::domain::access::caller::{Caller, CallerKind, ScopeNames, Scopes};
use crate::domain::values::rate::Rate;

const UNKNOWN_KEY: &str = "invalid API key";

/// Kind of request for a caller's rate limit.
#[derive(Clone, Copy)]
pub(super) enum RateLimitMode<'a> {
    /// Nothing: the request only opens a connection.
    Uncounted,
    /// An operation in a message.
    Operation,
    /// This request, whose response contains the remaining quota.
    Request(&'a HttpRequest),
}

/// Type of the route.
#[derive(Clone, Copy)]
pub(super) enum Route {
    /// Authentication is required.
    Protected,
    /// Authentication is optional.
    Public,
}

/// Verifies credentials. See the module.
pub(super) struct Verifier {
    scope_names: Arc<ScopeNames>,
    granted: Scopes,
    keys: ApiKeys,
    jwt: Option<Jwt>,
    /// Failures on protected routes.
    throttle: AuthThrottle,
    /// Failures on public routes.
    public_throttle: AuthThrottle,
}

struct Jwt {
    verifier: JwtVerifier,
    cache: TokenCache,
    rate: Option<Rate>,
    subjects: SubjectMeters,
}

impl Verifier {
    /// A verifier of these keys, and of tokens with these options.
    pub(super) fn new(
        scope_names: Arc<ScopeNames>,
        granted: Scopes,
        keys: Vec<ApiKey>,
        jwt: Option<JwtOptions>,
    ) -> Result<Self, JwtKeyError> {
        let jwt = match jwt {
            Some(options) => Some(Jwt {
                verifier: JwtVerifier::new(&options, rate_limit::now())?,
                cache: TokenCache::new(),
                rate: options.rate,
                subjects: SubjectMeters::new(),
            }),
            None => None,
        };
        Ok(Self {
            keys: ApiKeys::new(keys, granted, &scope_names),
            scope_names,
            granted,
            jwt,
            throttle: AuthThrottle::new(),
            public_throttle: AuthThrottle::new(),
        })
    }

    /// The caller with this token.
    pub(super) fn verify(
        &self,
        route: Route,
        mode: RateLimitMode<'_>,
        token: &str,
        address: Option<IpAddr>,
    ) -> Result<Caller, AuthFailure> {
        // Connections without an address count together.
        let from = address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let now = rate_limit::now();
        let wait = self.throttle(route).wait(from, now);
        let throttled = |retry_after| AuthFailure::Throttled { retry_after };
        let digest: [u8; 32] = Sha256::digest(token).into();
        if let Some(key) = self.keys.find(&digest) {
            if let Some(wait) = wait.filter(|_| !key.accepted_from.contains(from)) {
                return Err(throttled(wait));
            }
            key.accepted_from.insert(from);
            let caller = key.caller.clone().at(address);
            return match key.rate {
                Some(rate) => mode.limit(caller, &key.meter, rate, now),
                None => Ok(caller),
            };
        }
        let Some(jwt) = self.jwt.as_ref().filter(|_| is_jwt(token)) else {
            return Err(wait.map_or_else(|| self.reject(route, from, now, UNKNOWN_KEY), throttled));
        };
        // Read first: a token that is checked while the keys change is checked again.
        let keys = jwt.verifier.key_set(now);
        let cached = match jwt.cache.find(&digest, keys, now) {
            Some(cached) if wait.is_none() || cached.accepted_from.contains(from) => cached,
            Some(_) | None => {
                if let Some(wait) = wait {
                    return Err(throttled(wait));
                }
                self.verify_signature(jwt, token, digest, keys, now)
                    .map_err(|reason| self.reject(route, from, now, reason))?
            }
        };
        cached.accepted_from.insert(from);
        let caller = cached.caller.clone().at(address);
        match jwt.rate {
            Some(rate) => mode.limit(caller, &jwt.subjects.of(cached.caller.name(), now), rate, now),
            None => Ok(caller),
        }
    }

    /// The caller with this token, if it is still valid. Neither counted nor throttled.
    pub(super) fn revalidate(&self, token: &str) -> Result<Caller, AuthFailure> {
        let digest: [u8; 32] = Sha256::digest(token).into();
        if let Some(key) = self.keys.find(&digest) {
            return Ok(key.caller.clone());
        }
        let jwt = self.jwt.as_ref().filter(|_| is_jwt(token));
        let jwt = jwt.ok_or(AuthFailure::Invalid(UNKNOWN_KEY))?;
        let now = rate_limit::now();
        let keys = jwt.verifier.key_set(now);
        let cached = match jwt.cache.find(&digest, keys, now) {
            Some(cached) => cached,
            None => self
                .verify_signature(jwt, token, digest, keys, now)
                .map_err(AuthFailure::Invalid)?,
        };
        Ok(cached.caller.clone())
    }

    /// Verifies a token with this set of keys, and caches it.
    fn verify_signature(
        &self,
        jwt: &Jwt,
        token: &str,
        digest: [u8; 32],
        keys: u64,
        now: u64,
    ) -> Result<Arc<CachedToken>, &'static str> {
        let claims = jwt.verifier.verify(token, now)?;
        let caller = self.caller(&claims);
        Ok(jwt.cache.insert(digest, caller, claims.valid_for, keys, now))
    }

    /// The caller with these claims.
    fn caller(&self, claims: &Claims) -> Caller {
        let Claims {
            name,
            scopes,
            valid_for: _,
            expires_at,
        } = claims;
        let scopes = granted(scopes, self.granted, &self.scope_names);
        Caller::new(
            Arc::clone(name),
            CallerKind::Token,
            scopes,
            Arc::clone(&self.scope_names),
        )
        .expiring(*expires_at)
    }

    fn throttle(&self, route: Route) -> &AuthThrottle {
        match route {
            Route::Protected => &self.throttle,
            Route::Public => &self.public_throttle,
        }
    }

    /// Records and logs a failure.
    fn reject(&self, route: Route, from: IpAddr, now: u64, reason: &'static str) -> AuthFailure {
        let is_throttled = self.throttle(route).failed(from, now);
        match (route, is_throttled) {
            (Route::Public, _) => debug!(client.address = %from, "credentials ignored on a public route: {reason}"),
            (Route::Protected, true) => {
                warn!(client.address = %from, "authentication failed, throttling the client's address: {reason}");
            }
            (Route::Protected, false) => warn!(client.address = %from, "authentication failed: {reason}"),
        }
        AuthFailure::Invalid(reason)
    }
}

impl RateLimitMode<'_> {
    /// Counts the request, and gives the caller its rate limit, to which further costs of the request are charged.
    fn limit(self, caller: Caller, meter: &Arc<Meter>, rate: Rate, now: u64) -> Result<Caller, AuthFailure> {
        let limit = CallerRate::new(rate, Arc::clone(meter));
        if let Self::Request(request) = self {
            // For the headers of the response.
            request.extensions_mut().insert(limit.clone());
        }
        let is_counted = match self {
            Self::Uncounted => false,
            Self::Operation | Self::Request(_) => {
                let counted = meter.count(rate, now);
                counted.map_err(|quota| AuthFailure::TooMany { quota })?;
                true
            }
        };
        Ok(caller.limited(Arc::new(limit), is_counted))
    }
}
