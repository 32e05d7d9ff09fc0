//! `[api]`, the part that says who may call: `require_authentication`, `required_scopes`, `[[api.keys]]`, `[api.jwt]`.

use super::jwt::JwtConfig;
use super::keys::ApiKeyConfig;
use super::scopes::ScopesConfig;
use super::{keys, scopes};
use crate::config::loader::section::Section;
use crate::config::loader::value::Value;

/// Who may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthenticationConfig {
    /// Whether a caller must show who it is.
    pub is_required: bool,
    /// What scopes are called.
    pub scopes: ScopesConfig,
    /// `[[api.keys]]`, each name and each key once.
    pub keys: Vec<ApiKeyConfig>,
    /// `[api.jwt]`.
    pub jwt: Option<JwtConfig>,
}

/// The only scheme there is.
const SCHEME: &str = "Bearer";
impl AuthenticationConfig {
    pub(crate) fn read(section: &mut Section<'_>) -> Self {
        section.get_if("authentication_scheme", SCHEME.to_owned(), |scheme: &String| {
            if scheme.eq_ignore_ascii_case(SCHEME) {
                Ok(())
            } else {
                Err(format!("'{scheme}' is not allowed; the only scheme is \"{SCHEME}\""))
            }
        });
        let scopes = scopes::read(section);
        let explicit: Option<bool> = section.optional("require_authentication");
        // What is written with mistakes counts: one message about it is enough.
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
        let keys = keys::read(section, &scopes.names());
        let jwt = JwtConfig::read(section);
        if explicit == Some(true)
            && !is_configured
            && let Some(entry) = section.entry("require_authentication")
        {
            let message = "nobody could call: there are neither [[api.keys]] nor [api.jwt]; `tickerq key generate` prints \
                           a key and what to write";
            section.error(&entry.source, "require_authentication", message);
        }
        Self {
            is_required: explicit.unwrap_or(is_configured),
            scopes,
            keys,
            jwt,
        }
    }
}

#[cfg(test)]
mod tests;
