//! `[api.jwt]`: signed tokens of another issuer.

use std::path::PathBuf;

use crate::api::auth::{JwtKeySource, JwtOptions, Rate};
use crate::config::loader::secret::Secret;
use crate::config::loader::section::Section;
use crate::config::loader::typed_value::{Setting, Wrong, between};
use crate::config::loader::value::Value;
use crate::domain::queue::rate_limit::RateLimit;
use crate::domain::values::time_span::TimeSpan;

/// RFC 7518, section 3.2: as long as the hash.
const SECRET_BYTES_MIN: usize = 32;
const LEEWAY_DEFAULT: TimeSpan = TimeSpan::from_secs(60);
const LEEWAY_MAX: TimeSpan = TimeSpan::from_secs(600);

pub(super) fn read(api: &mut Section<'_>) -> Option<JwtOptions> {
    let is_there = api.entry("jwt").is_some();
    let mut section = api.child("jwt");
    if !is_there {
        return None;
    }
    let issuer = section.optional("issuer");
    let audience = section.optional_if("audience", |OneOrMore(audience): &OneOrMore| {
        if audience.is_empty() {
            Err("at least one is needed; omit it if tokens have no audience".to_owned())
        } else {
            Ok(())
        }
    });
    let key = read_key(&mut section);
    let scope_claim = section.optional("scope_claim");
    let leeway = section.get_if("leeway", LEEWAY_DEFAULT, between(TimeSpan::ZERO, LEEWAY_MAX));
    let rate_limit: Option<RateLimit> = section.optional("rate_limit");
    section.finish();
    Some(JwtOptions {
        issuer,
        audience: audience.map(|OneOrMore(audience)| audience).unwrap_or_default(),
        key: key?,
        scope_claim,
        leeway: leeway.to_std(),
        rate: rate_limit.map(Rate::from),
    })
}

fn read_key(section: &mut Section<'_>) -> Option<JwtKeySource> {
    let given = ["secret", "public_key", "jwks_file"].map(|key| section.entry(key).is_some());
    if given.iter().filter(|given| **given).count() != 1 {
        let source = section.source().clone();
        let message = "exactly one of secret, public_key and jwks_file is needed: tokens must be signed";
        section.error(&source, "secret", message);
        return None;
    }
    let secret = section.optional_if("secret", |secret: &Secret| {
        let length = secret.expose().len();
        if length < SECRET_BYTES_MIN {
            return Err(format!("has {length} bytes; HS256 needs at least {SECRET_BYTES_MIN}"));
        }
        Ok(())
    });
    let public_key = section.optional_if("public_key", |pem: &String| {
        if pem.trim_start().starts_with("-----BEGIN PUBLIC KEY-----") {
            Ok(())
        } else {
            Err(
                "is not a public key as PEM; it begins with -----BEGIN PUBLIC KEY-----, between three quotes"
                    .to_owned(),
            )
        }
    });
    let jwks_file: Option<PathBuf> = section.optional("jwks_file");
    secret
        .map(|secret| JwtKeySource::Secret(secret.expose().to_owned()))
        .or_else(|| public_key.map(JwtKeySource::PublicKey))
        .or_else(|| jwks_file.map(JwtKeySource::JwksFile))
}

/// A text, or a list of them.
struct OneOrMore(Vec<String>);

impl Setting for OneOrMore {
    fn read(value: &Value) -> Result<Self, Wrong> {
        match value.typed() {
            Value::Array(_) => Vec::read(value).map(Self),
            Value::String(_)
            | Value::Text { .. }
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Boolean(_)
            | Value::Datetime(_)
            | Value::Table(_) => String::read(value).map(|text| Self(vec![text])),
        }
    }

    fn show(&self) -> String {
        self.0.show()
    }
}
