//! Determines the caller of requests and connections.

use std::net::IpAddr;
use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::header::ORIGIN;

use super::credentials::Credentials;
use super::failure::AuthFailure;
use super::jwt::key_set::JwtKeyError;
use super::jwt::token;
use super::options::AuthOptions;
use super::origins::{self, AllowedOrigins};
use super::request_caller::RequestCaller;
use super::trace_headers::{propagated, trace_parent};
use super::verifier::{RateLimitMode, Route, Verifier};
use super::{client_address, forwarded_prefix};
use crate::domain::access::caller::Caller;
use crate::domain::access::ip_network::IpNetwork;

/// Authenticates callers. Cheap to clone; clones share the counts.
#[derive(Clone)]
pub(crate) struct Authenticator(Arc<Inner>);

struct Inner {
    is_required: bool,
    verifier: Verifier,
    trusted_proxies: Vec<IpNetwork>,
    origins: AllowedOrigins,
}

impl Authenticator {
    /// An authenticator with these keys.
    pub(crate) fn new(options: AuthOptions) -> Result<Self, JwtKeyError> {
        let AuthOptions {
            is_required,
            scope_names,
            granted,
            keys,
            jwt,
            trusted_proxies,
            origins,
        } = options;
        Ok(Self(Arc::new(Inner {
            is_required,
            verifier: Verifier::new(scope_names, granted, keys, jwt)?,
            trusted_proxies,
            origins,
        })))
    }

    /// True if callers have to authenticate.
    pub(crate) fn is_required(&self) -> bool {
        self.0.is_required
    }

    /// The caller of a request, by its `Authorization` header.
    pub(crate) fn authenticate(&self, request: &HttpRequest) -> Result<Caller, AuthFailure> {
        let address = self.address(request);
        let caller = if self.0.is_required {
            match token::in_header(request)? {
                Some(_) if token::is_in_query(request) => return Err(AuthFailure::TWO_TOKENS),
                Some(token) => self.verify(RateLimitMode::Request(request), token, address)?,
                None => return Err(AuthFailure::Missing),
            }
        } else {
            self.anonymous(request, address)?
        };
        RequestCaller::record(request, &caller);
        let parent = trace_parent(request);
        Ok(caller.within(parent, propagated(request, parent)))
    }

    /// The caller of a page without data, or of its parts. Links of other sites may open it if authentication is disabled.
    pub(crate) fn authenticate_document(&self, request: &HttpRequest) -> Result<Caller, AuthFailure> {
        if self.0.is_required {
            return self.authenticate(request);
        }
        if !origins::is_top_level_navigation(request) && !self.0.origins.allow(request) {
            return Err(AuthFailure::ForeignOrigin);
        }
        self.check_host(request)?;
        let caller = Caller::anonymous().at(self.address(request));
        RequestCaller::record(request, &caller);
        Ok(caller)
    }

    /// The caller of a request to a public route; `None` without valid credentials. Outdated credentials of a probe are
    /// not failed logins: they are not logged as such, and do not throttle logins. Guesses are limited separately.
    pub(crate) fn authenticate_if_valid(&self, request: &HttpRequest) -> Option<Caller> {
        let address = self.address(request);
        let caller = if self.0.is_required {
            let token = token::in_header(request).ok().flatten()?;
            if token::is_in_query(request) {
                return None;
            }
            let verifier = &self.0.verifier;
            verifier
                .verify(Route::Public, RateLimitMode::Uncounted, token, address)
                .ok()?
        } else {
            self.anonymous(request, address).ok()?
        };
        RequestCaller::record(request, &caller);
        Some(caller)
    }

    /// The caller that opens a connection: by the `Authorization` header, or by `access_token` in the query, because
    /// browsers can't set a header here. Only for the `GET` that opens a WebSocket, an event stream, or a long poll.
    /// The origin of the page has to be allowed. It does not count as a request: clients do not control how often they
    /// poll.
    pub(crate) fn authenticate_stream(&self, request: &HttpRequest) -> Result<Caller, AuthFailure> {
        let credentials = self.connection_credentials(request)?;
        let caller = self.authenticate_credentials(&credentials, false)?;
        RequestCaller::record(request, &caller);
        Ok(caller)
    }

    /// The credentials of a request that opens a connection, as for [`Authenticator::authenticate_stream`]; they may be empty if
    /// the client can send a token in its first message.
    pub(crate) fn connection_credentials(&self, request: &HttpRequest) -> Result<Credentials, AuthFailure> {
        if !self.0.origins.allow(request) {
            return Err(AuthFailure::ForeignOrigin);
        }
        if !self.0.is_required {
            self.check_page(request)?;
        }
        self.credentials(request)
    }

    /// The credentials of a request, in its header or its query.
    pub(crate) fn credentials(&self, request: &HttpRequest) -> Result<Credentials, AuthFailure> {
        let address = self.address(request);
        if !self.0.is_required {
            return Ok(Credentials { token: None, address });
        }
        let token = match (token::in_header(request)?, token::in_query(request)?) {
            (Some(_), Some(_)) => return Err(AuthFailure::TWO_TOKENS),
            (Some(token), None) => Some(Arc::from(token)),
            (None, Some(token)) => Some(Arc::from(&*token)),
            (None, None) => None,
        };
        Ok(Credentials { token, address })
    }

    /// The caller with these credentials. Counts as a request if `is_request` is set.
    pub(crate) fn authenticate_credentials(
        &self,
        credentials: &Credentials,
        is_request: bool,
    ) -> Result<Caller, AuthFailure> {
        let Credentials { token, address } = credentials;
        if !self.0.is_required {
            return Ok(Caller::anonymous().at(*address));
        }
        let token = token.as_deref().ok_or(AuthFailure::Missing)?;
        let mode = if is_request {
            RateLimitMode::Operation
        } else {
            RateLimitMode::Uncounted
        };
        self.verify(mode, token, *address)
    }

    /// The caller of an open connection with these credentials, if they are still valid. See
    /// [`LiveCredentials`](super::LiveCredentials).
    pub(crate) fn revalidate(&self, credentials: &Credentials) -> Result<Caller, AuthFailure> {
        let Credentials { token, address } = credentials;
        if !self.0.is_required {
            return Ok(Caller::anonymous().at(*address));
        }
        let token = token.as_deref().ok_or(AuthFailure::Missing)?;
        Ok(self.0.verifier.revalidate(token)?.at(*address))
    }

    /// The caller while authentication is disabled. Pages of other origins are rejected: their images and scripts would change
    /// resources and read expensive lists on behalf of their visitor.
    fn anonymous(&self, request: &HttpRequest, address: Option<IpAddr>) -> Result<Caller, AuthFailure> {
        self.check_page(request)?;
        Ok(Caller::anonymous().at(address))
    }

    /// Rejects the requests of other sites' pages while authentication is disabled.
    fn check_page(&self, request: &HttpRequest) -> Result<(), AuthFailure> {
        let origins = &self.0.origins;
        if !origins.allow(request) || origins.is_of_foreign_page(request) {
            return Err(AuthFailure::ForeignOrigin);
        }
        self.check_host(request)
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
    pub(crate) fn is_of_allowed_page(&self, request: &HttpRequest) -> bool {
        request.headers().contains_key(ORIGIN) && self.0.origins.allow(request)
    }

    /// The path under which a trusted proxy publishes this server, from `X-Forwarded-Prefix`.
    pub(crate) fn forwarded_prefix(&self, request: &HttpRequest) -> Option<String> {
        let peer = request.peer_addr()?.ip().to_canonical();
        let is_trusted = self.0.trusted_proxies.iter().any(|network| network.contains(peer));
        is_trusted.then(|| forwarded_prefix::of(request.headers())).flatten()
    }

    /// The address of a request's client, behind trusted proxies.
    pub(crate) fn address(&self, request: &HttpRequest) -> Option<IpAddr> {
        let peer = request.peer_addr()?.ip();
        Some(client_address::of(peer, request.headers(), &self.0.trusted_proxies))
    }

    fn verify(&self, mode: RateLimitMode<'_>, token: &str, address: Option<IpAddr>) -> Result<Caller, AuthFailure> {
        self.0.verifier.verify(Route::Protected, mode, token, address)
    }
}
