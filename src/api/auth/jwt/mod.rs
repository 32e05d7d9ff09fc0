//! Signed tokens that somebody else has issued (RFC 7519).
//!
//! The key says which algorithm is accepted, whatever the token says of itself. `exp` must be there; `nbf` counts if it is;
//! `iss` and `aud` must be there and right when they are configured; where no audience is configured a token that is for
//! somebody in particular is refused (RFC 7519, section 4.1.3). The caller's name is `sub`, or else `client_id` or `azp`.
//!
//! Its scopes are in the claim that is configured; in `scope` (RFC 8693: a text with spaces between), or else in `scp`
//! (as some issuers call it), if none is. Each of them may be a text or a list of texts. A claim's name that begins with a
//! `/` is a JSON pointer: `/realm_access/roles`.

use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Validation, decode, decode_header, get_current_timestamp};
use serde_json::Value;

use self::key_set::{JwtKeyError, JwtKeySource, JwtKeys, VerifyingKey};
use super::rate_limit::Rate;
use crate::domain::values::name::is_name_character;

/// Longer names are no names.
const NAME_LENGTH_MAX: usize = 200;
/// The claims that name the caller; the first that is there does.
const NAME_CLAIMS: [&str; 3] = ["sub", "client_id", "azp"];
/// The claims that hold scopes if none is configured; the first that is there does.
const SCOPE_CLAIMS: [&str; 2] = ["scope", "scp"];

/// Which tokens are accepted.
#[derive(Clone)]
pub struct JwtOptions {
    /// What `iss` must be.
    pub issuer: Option<String>,
    /// What `aud` must hold one of; empty for none.
    pub audience: Vec<String>,
    /// What signatures are checked with.
    pub key: JwtKeySource,
    /// The claim that holds the scopes.
    pub scope_claim: Option<String>,
    /// How far clocks may differ.
    pub leeway: Duration,
    /// How many requests the subject of a token may make.
    pub rate: Option<Rate>,
}

/// Checks tokens.
#[derive(Debug)]
pub(super) struct JwtVerifier {
    keys: JwtKeys,
    issuer: Option<String>,
    audience: Vec<String>,
    scope_claim: Option<String>,
    leeway: Duration,
}

/// What a token says that was found right.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Claims {
    /// Who calls.
    pub(super) name: Arc<str>,
    /// The names of what it may do.
    pub(super) scopes: Vec<String>,
    /// For how long the token is still accepted.
    pub(super) valid_for: Duration,
}

/// Whether a text looks like a signed token at all: three parts with dots between.
pub(super) fn is_jwt(token: &str) -> bool {
    token.split('.').count() == 3
}

impl JwtVerifier {
    pub(super) fn new(options: &JwtOptions, now: u64) -> Result<Self, JwtKeyError> {
        ring_provider::install();
        let JwtOptions {
            issuer,
            audience,
            key,
            scope_claim,
            leeway,
            rate: _,
        } = options;
        Ok(Self {
            keys: JwtKeys::load(key, now)?,
            issuer: issuer.clone(),
            audience: audience.clone(),
            scope_claim: scope_claim.clone(),
            leeway: *leeway,
        })
    }

    /// The number of the set of keys that tokens are checked with now; a change of the file gives another one.
    pub(super) fn key_set(&self, now: u64) -> u64 {
        self.keys.set_number(now)
    }

    /// What a token says, or why it is not accepted.
    pub(super) fn verify(&self, token: &str, now: u64) -> Result<Claims, &'static str> {
        let header = decode_header(token).map_err(|_| "the token is not one that this server can read")?;
        // RFC 7515, section 4.1.11: whoever does not know what is critical must refuse.
        if header.crit.is_some() {
            return Err("the token has extensions that this server does not know");
        }
        let mut refused = "the token is not signed with a key that this server knows";
        for key in self.keys.candidates(&header, now).iter() {
            match decode::<Value>(token, &key.key, &self.validation(key)) {
                Ok(token) => return self.claims(&token.claims),
                Err(error) => {
                    refused = reason(error.kind());
                    // Another key may have signed it; but if this one has, the claims are wrong for good.
                    if !matches!(error.kind(), ErrorKind::InvalidSignature) {
                        break;
                    }
                }
            }
        }
        Err(refused)
    }

    fn validation(&self, key: &VerifyingKey) -> Validation {
        let mut validation = Validation::new(key.algorithm);
        let mut required = vec!["exp"];
        validation.leeway = self.leeway.as_secs();
        validation.validate_nbf = true;
        if let Some(issuer) = &self.issuer {
            validation.set_issuer(&[issuer]);
            required.push("iss");
        }
        if !self.audience.is_empty() {
            validation.set_audience(&self.audience);
            required.push("aud");
        }
        validation.set_required_spec_claims(&required);
        validation
    }

    fn claims(&self, claims: &Value) -> Result<Claims, &'static str> {
        let name = NAME_CLAIMS
            .iter()
            .find_map(|claim| claims.get(claim))
            .and_then(Value::as_str)
            .filter(|name| !name.is_empty())
            .ok_or("the token does not say whose it is: sub, client_id or azp")?;
        if name.chars().count() > NAME_LENGTH_MAX || !name.chars().all(is_name_character) {
            return Err("the token's sub is not a name");
        }
        let expires_at = claims.get("exp").and_then(Value::as_f64).unwrap_or_default();
        let left = expires_at + self.leeway.as_secs_f64() - get_current_timestamp() as f64;
        Ok(Claims {
            name: Arc::from(name),
            scopes: self.scopes(claims),
            valid_for: Duration::try_from_secs_f64(left).unwrap_or_default(),
        })
    }

    fn scopes(&self, claims: &Value) -> Vec<String> {
        let claim = match self.scope_claim.as_deref() {
            Some(pointer) if pointer.starts_with('/') => claims.pointer(pointer),
            Some(name) => claims.get(name),
            None => SCOPE_CLAIMS.iter().find_map(|name| claims.get(name)),
        };
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        match claim {
            Some(Value::String(text)) => words(text),
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).flat_map(words).collect(),
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => Vec::new(),
        }
    }
}

/// Why a token is not accepted, as its owner is told.
fn reason(kind: &ErrorKind) -> &'static str {
    let reasons = [
        (
            matches!(kind, ErrorKind::InvalidSignature),
            "the token is not signed with a key that this server knows",
        ),
        (matches!(kind, ErrorKind::ExpiredSignature), "the token has expired"),
        (
            matches!(kind, ErrorKind::ImmatureSignature),
            "the token is not valid yet",
        ),
        (
            matches!(kind, ErrorKind::InvalidIssuer),
            "the token was issued by somebody else than this server trusts",
        ),
        (
            matches!(kind, ErrorKind::InvalidAudience),
            "the token is meant for somebody else than this server",
        ),
        (
            matches!(kind, ErrorKind::MissingRequiredClaim(_)),
            "the token lacks one of the claims exp, iss and aud that this server asks for",
        ),
        (
            matches!(kind, ErrorKind::InvalidClaimFormat(_)),
            "the token has a time that is no number",
        ),
    ];
    let found = reasons.iter().find(|(is_it, _)| *is_it);
    found.map_or("the token is not one that this server can read", |(_, reason)| reason)
}

pub(crate) mod key_set;
pub(crate) mod public_key;
pub(crate) mod ring_provider;
#[cfg(test)]
mod tests;
pub(crate) mod token;
