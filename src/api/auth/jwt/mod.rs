//! Signed tokens of other issuers (RFC 7519).
//!
//! The key determines the accepted algorithm, not the token. `exp` is required; `nbf` is checked if present; `iss` and
//! `aud` are required if they are configured; without a configured audience a token with one is rejected (RFC 7519,
//! section 4.1.3). The caller's name is `sub`, or else `client_id` or `azp`.
//!
//! Its scopes are in the configured claim, or by default in `scope` (RFC 8693: a text separated by spaces) or `scp`
//! (used by some issuers). Each of them may be a text or a list of texts. A claim's name with a leading `/` is a JSON
//! pointer: `/realm_access/roles`.

pub(super) mod key_set;
pub(super) mod public_key;
mod ring_provider;
#[cfg(test)]
mod tests;
pub(super) mod token;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Validation, decode, decode_header, get_current_timestamp};
use serde_json::Value;

use self::key_set::{JwtKeyError, JwtKeySource, JwtKeys, VerifyingKey};
use crate::domain::values::name::is_name_character;
use crate::domain::values::rate::Rate;

/// Maximum length of a caller's name, in characters.
const NAME_LENGTH_MAX: usize = 200;
/// Claims with the caller's name; the first one that is present is used.
const NAME_CLAIMS: [&str; 3] = ["sub", "client_id", "azp"];
/// Default claims with the scopes; the first one that is present is used.
const SCOPE_CLAIMS: [&str; 2] = ["scope", "scp"];

/// Options of accepted tokens.
#[derive(Clone)]
pub struct JwtOptions {
    /// Required value of `iss`.
    pub issuer: Option<String>,
    /// Accepted values of `aud`; empty for none.
    pub audience: Vec<String>,
    /// Source of the keys that verify signatures.
    pub key: JwtKeySource,
    /// Claim with the scopes.
    pub scope_claim: Option<String>,
    /// Tolerated clock skew.
    pub leeway: Duration,
    /// Rate limit of a token's subject.
    pub rate: Option<Rate>,
}

/// Verifies tokens.
#[derive(Debug)]
pub(super) struct JwtVerifier {
    keys: JwtKeys,
    issuer: Option<String>,
    audience: Vec<String>,
    scope_claim: Option<String>,
    leeway: Duration,
}

/// Claims of a valid token.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Claims {
    /// Name of the caller.
    pub(super) name: Arc<str>,
    /// Names of its scopes.
    pub(super) scopes: Vec<String>,
    /// Time until the token expires.
    pub(super) valid_for: Duration,
    /// Time at which it expires, without tolerance.
    pub(super) expires_at: Option<DateTime<Utc>>,
}

/// True if a text has the form of a signed token: three parts separated by dots.
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

    /// The number of the set of keys that verifies tokens now; a change of the file increases it.
    pub(super) fn key_set(&self, now: u64) -> u64 {
        self.keys.set_number(now)
    }

    /// The claims of a token, or the reason why it is invalid.
    pub(super) fn verify(&self, token: &str, now: u64) -> Result<Claims, &'static str> {
        let header = decode_header(token).map_err(|_| "the token is malformed")?;
        // RFC 7515, section 4.1.11: unknown critical extensions have to be rejected.
        if header.crit.is_some() {
            return Err("the token has unknown critical extensions");
        }
        let mut refused = "the token is not signed with a known key";
        for key in self.keys.candidates(&header, now).iter() {
            match decode::<Value>(token, &key.key, &self.validation(key)) {
                Ok(token) => return self.claims(&token.claims),
                Err(error) => {
                    refused = reason(error.kind());
                    // Another key may have signed it; but if this key has, the claims are invalid.
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
            .ok_or("the token has no sub, client_id or azp claim")?;
        if name.chars().count() > NAME_LENGTH_MAX || !name.chars().all(is_name_character) {
            return Err("the token's subject is not a valid name");
        }
        let expires_at = claims.get("exp").and_then(Value::as_f64).unwrap_or_default();
        let left = expires_at + self.leeway.as_secs_f64() - get_current_timestamp() as f64;
        Ok(Claims {
            name: Arc::from(name),
            scopes: self.scopes(claims),
            valid_for: Duration::try_from_secs_f64(left).unwrap_or_default(),
            expires_at: DateTime::from_timestamp(expires_at as i64, 0),
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

/// The reason why a token is invalid, for its owner.
fn reason(kind: &ErrorKind) -> &'static str {
    let reasons = [
        (
            matches!(kind, ErrorKind::InvalidSignature),
            "the token is not signed with a known key",
        ),
        (matches!(kind, ErrorKind::ExpiredSignature), "the token has expired"),
        (
            matches!(kind, ErrorKind::ImmatureSignature),
            "the token is not valid yet",
        ),
        (
            matches!(kind, ErrorKind::InvalidIssuer),
            "the token's issuer is not trusted",
        ),
        (
            matches!(kind, ErrorKind::InvalidAudience),
            "the token has another audience",
        ),
        (
            matches!(kind, ErrorKind::MissingRequiredClaim(_)),
            "the token lacks one of the required claims exp, iss and aud",
        ),
        (
            matches!(kind, ErrorKind::InvalidClaimFormat(_)),
            "the token has a time that is not a number",
        ),
    ];
    let found = reasons.iter().find(|(is_it, _)| *is_it);
    found.map_or("the token is malformed", |(_, reason)| reason)
}
