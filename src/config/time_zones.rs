//! `[time_zones]`: where the rules of time zones come from.

use std::path::PathBuf;

use super::section::Section;

/// `[time_zones]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeZonesConfig {
    /// A folder of compiled zones such as `/usr/share/zoneinfo`. Without it the newer one of the program's own release and
    /// the system's is used.
    pub folder: Option<PathBuf>,
}

impl TimeZonesConfig {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        Self {
            folder: section.optional("folder"),
        }
    }
}
