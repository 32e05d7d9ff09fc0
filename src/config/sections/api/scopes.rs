//! `required_scopes`: the names of the scopes.

use std::sync::Arc;

use crate::config::loader::section::Section;
use crate::config::loader::typed_value::Check;
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

/// `required_scopes`: the scopes of reading, changing and administering, in this order. A single one is that of reading and
/// changing; without any, reading and changing need none. Administering always has its own.
pub(super) fn read(section: &mut Section<'_>) -> Scopes {
    let default = ScopeNames::default();
    let unnamed = vec![default.read.to_string(), default.write.to_string()];
    let mut names = section
        .get_if("required_scopes", unnamed, |names: &Vec<String>| check_names(names))
        .into_iter()
        .map(Arc::from);
    let mut granted = domain::Scopes::none();
    let read: Option<Arc<str>> = names.next();
    let write = names.next().or_else(|| read.clone());
    for scope in [(Scope::Read, &read), (Scope::Write, &write)] {
        if let (scope, None) = scope {
            granted = granted.with(scope);
        }
    }
    Scopes {
        names: ScopeNames {
            read: read.unwrap_or(default.read),
            write: write.unwrap_or(default.write),
            admin: names.next().unwrap_or(default.admin),
        },
        granted,
    }
}

fn check_names(names: &[String]) -> Result<(), String> {
    if names.len() > 3 {
        return Err(format!(
            "{} scopes are too many; allowed are those for reading, for changing and for administering, in this order",
            names.len()
        ));
    }
    names.iter().try_for_each(|name| check_scope(name))
}

/// RFC 6749, section 3.3: visible ASCII but the quote and the backslash.
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

/// A list of scopes of which each must be one that this server knows, and there must be one.
pub(crate) struct Known<'a>(pub(crate) &'a [&'a str]);

impl Check<Vec<String>> for Known<'_> {
    fn check(&self, given: &Vec<String>) -> Result<(), String> {
        let allowed = self.0.join(", ");
        if given.is_empty() {
            return Err(format!("at least one scope is needed; there are {allowed}"));
        }
        match given.iter().find(|name| !self.0.contains(&name.as_str())) {
            Some(name) => Err(format!("'{name}' is not a scope of this server; there are {allowed}")),
            None => Ok(()),
        }
    }

    fn range(&self) -> Option<String> {
        None
    }
}
