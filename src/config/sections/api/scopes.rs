//! `required_scopes`: the names of the scopes.

use crate::config::loader::section::Section;
use crate::config::loader::typed_value::Check;

/// What scopes are called in keys and tokens. `None` where none is needed: whoever has shown who it is may do it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopesConfig {
    /// For reading.
    pub read: Option<String>,
    /// For changing.
    pub write: Option<String>,
    /// For nodes, keys, configuration and the record of changes.
    pub admin: String,
}

const READ: &str = "tickerq:read";
const WRITE: &str = "tickerq:write";
const ADMIN: &str = "tickerq:admin";
const NAME_LENGTH_MAX: usize = 100;

impl ScopesConfig {
    /// Every name, once.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for name in [self.read.as_deref(), self.write.as_deref(), Some(self.admin.as_str())] {
            names.extend(name.filter(|name| !names.contains(name)));
        }
        names
    }
}

/// `required_scopes`: the scopes that reading, changing and administering need, in this order. Of fewer than three, one
/// stands for reading and changing; none says that reading and changing need none; administering then needs its own.
pub(crate) fn read(section: &mut Section<'_>) -> ScopesConfig {
    let default = vec![READ.to_owned(), WRITE.to_owned()];
    let mut names = section
        .get_if("required_scopes", default, |names: &Vec<String>| check_names(names))
        .into_iter();
    let read = names.next();
    let write = names.next().or_else(|| read.clone());
    let admin = names.next().unwrap_or_else(|| ADMIN.to_owned());
    ScopesConfig { read, write, admin }
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
