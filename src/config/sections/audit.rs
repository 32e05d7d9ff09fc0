//! `[audit]`: the record of who has changed what.

use crate::config::loader::section::Section;

/// `[audit]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditConfig {
    /// Whether it is recorded who has changed what.
    pub enable: bool,
}

impl AuditConfig {
    /// By default it is recorded where it is known who calls.
    pub(crate) fn read(section: &mut Section<'_>, is_known_who_calls: bool) -> Self {
        Self {
            enable: section.get("enable", is_known_who_calls),
        }
    }
}
