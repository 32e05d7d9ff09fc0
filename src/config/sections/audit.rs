//! `[audit]`: the audit log.

use crate::config::loader::section::Section;

/// `[audit]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AuditConfig {
    /// Record changes with their callers.
    pub enable: bool,
}

impl AuditConfig {
    /// Enabled by default if callers are authenticated.
    pub(crate) fn read(section: &mut Section<'_>, has_authentication: bool) -> Self {
        Self {
            enable: section.get("enable", has_authentication),
        }
    }
}
