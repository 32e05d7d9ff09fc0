//! Scopes of credentials by their configured names.

use crate::domain::access::caller::{ScopeNames, Scopes};

/// The scopes with these names, and those granted to all authenticated callers.
pub(super) fn granted(names: &[String], all_callers: Scopes, scope_names: &ScopeNames) -> Scopes {
    names
        .iter()
        .fold(all_callers, |scopes, name| scopes.and(scope_names.named(name)))
}
