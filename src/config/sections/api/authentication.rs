//! `[api]`, authentication: `require_authentication`, `[api.scopes]`, `[[api.keys]]`, `[api.jwt]`.

use std::sync::Arc;

use super::{jwt, keys, scopes};
use crate::api::auth::AuthOptions;
use crate::config::loader::section::Section;
use crate::config::loader::value::Value;

/// The only supported scheme.
const SCHEME: &str = "Bearer";

/// Authentication, without the trusted proxies and origins of `[server]`.
pub(super) fn read(section: &mut Section<'_>) -> AuthOptions {
    section.get_if("authentication_scheme", SCHEME.to_owned(), |scheme: &String| {
        if scheme.eq_ignore_ascii_case(SCHEME) {
            Ok(())
        } else {
            Err(format!("'{scheme}' is not allowed; the only scheme is \"{SCHEME}\""))
        }
    });
    let explicit: Option<bool> = section.optional("require_authentication");
    let scopes = scopes::read(section);
    // Invalid keys count: they have errors of their own.
    let has_keys = section.entry("keys").is_some_and(|entry| match entry.value.typed() {
        Value::Array(items) => !items.is_empty(),
        Value::String(_)
        | Value::Text { .. }
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::Datetime(_)
        | Value::Table(_) => true,
    });
    let is_configured = has_keys || section.entry("jwt").is_some();
    let keys = keys::read(section, &scopes.known());
    let jwt = jwt::read(section);
    if explicit == Some(true)
        && !is_configured
        && let Some(entry) = section.entry("require_authentication")
    {
        let message = "every request would be rejected without [[api.keys]] or [api.jwt]; `tickerq key generate` prints \
                           a key and what to write";
        section.error(&entry.source, "require_authentication", message);
    }
    let scopes::Scopes { names, granted } = scopes;
    AuthOptions {
        is_required: explicit.unwrap_or(is_configured),
        scope_names: Arc::new(names),
        granted,
        keys,
        jwt,
        ..AuthOptions::default()
    }
}

#[cfg(test)]
mod tests;
