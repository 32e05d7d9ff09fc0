//! `[api.scopes]`: the names of the scopes.

use std::sync::Arc;

use crate::config::loader::section::Section;
use crate::config::loader::suggestion;
use crate::config::loader::typed_value::Check;
use crate::config::sections::endpoint::Text;
use crate::domain::access::caller as domain;
use crate::domain::access::caller::{Scope, ScopeNames};

/// The names of the scopes in keys and tokens.
pub(super) struct Scopes {
    pub(super) names: ScopeNames,
    /// The scopes that every authenticated caller has: they have no name.
    pub(super) granted: domain::Scopes,
}

const NAME_LENGTH_MAX: usize = 100;

impl Scopes {
    /// Every name, once.
    pub(super) fn known(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for scope in Scope::ALL.into_iter().filter(|scope| !self.granted.contains(*scope)) {
            let name = self.names.of(scope).as_ref();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}

/// `[api.scopes]`: an empty name for reading or writing grants it to every authenticated caller.
pub(super) fn read(api: &mut Section<'_>) -> Scopes {
    let mut section = api.child("scopes");
    let default = ScopeNames::default();
    let mut granted = domain::Scopes::none();
    let mut name = |section: &mut Section<'_>, key, scope, default: &Arc<str>| {
        let Text(name) = section.get_if(key, Text(default.to_string()), |Text(name): &Text| {
            if name.is_empty() && scope != Scope::Admin {
                Ok(())
            } else {
                check_scope(name)
            }
        });
        if name.is_empty() {
            granted = granted.with(scope);
            Arc::clone(default)
        } else {
            Arc::from(name)
        }
    };
    let names = ScopeNames {
        read: name(&mut section, "read", Scope::Read, &default.read),
        write: name(&mut section, "write", Scope::Write, &default.write),
        admin: name(&mut section, "admin", Scope::Admin, &default.admin),
    };
    section.finish();
    Scopes { names, granted }
}

/// RFC 6749, section 3.3: visible ASCII except quote and backslash.
fn check_scope(name: &str) -> Result<(), String> {
    let is_right = (1..=NAME_LENGTH_MAX).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\');
    if is_right {
        Ok(())
    } else {
        let name: String = name.chars().take(64).collect();
        Err(format!(
            "'{name}' is not the name of a scope; allowed are 1 to {NAME_LENGTH_MAX} visible ASCII characters but \" and \\"
        ))
    }
}

/// Checks a scope for a new key. Servers may rename their scopes, so other names are accepted unless they resemble a
/// default one.
pub(crate) fn check_new(name: &str) -> Result<(), String> {
    check_scope(name)?;
    let defaults = ScopeNames::default();
    let known: Vec<&str> = Scope::ALL.into_iter().map(|scope| &**defaults.of(scope)).collect();
    if known.contains(&name) {
        return Ok(());
    }
    let near = suggestion::near(name, &known);
    let prefix = known.iter().find_map(|known| known.split_once(':'));
    let is_of_tickerq = prefix.is_some_and(|(prefix, _)| name.split_once(':').is_some_and(|(own, _)| own == prefix));
    if near.is_empty() && !is_of_tickerq {
        return Ok(());
    }
    let meant = if near.is_empty() { known } else { near };
    Err(format!("'{name}' is not a scope; did you mean {}?", meant.join(" or ")))
}

/// A list of known scopes that is not empty.
pub(crate) struct Known<'a>(pub(crate) &'a [&'a str]);

impl Check<Vec<String>> for Known<'_> {
    fn check(&self, given: &Vec<String>) -> Result<(), String> {
        let allowed = self.0.join(", ");
        if given.is_empty() {
            return Err(format!("at least one scope is needed; allowed are {allowed}"));
        }
        match given.iter().find(|name| !self.0.contains(&name.as_str())) {
            Some(name) => Err(format!("'{name}' is not a scope of this server; allowed are {allowed}")),
            None => Ok(()),
        }
    }

    fn range(&self) -> Option<String> {
        None
    }
}
