//! `[time_zones]`: the source of time zone rules.

use std::path::{Path, PathBuf};

use crate::config::loader::section::Section;
use crate::config::loader::typed_value::Setting;
use crate::config::loader::value::{Table, Value};
use crate::config::zoneinfo;

/// `[time_zones]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TimeZonesConfig {
    /// A folder of compiled zones such as `/usr/share/zoneinfo`. Without it the newer release of the program's own
    /// and the system's is used.
    pub folder: Option<PathBuf>,
}

impl TimeZonesConfig {
    pub(crate) fn read(section: &mut Section<'_>) -> Self {
        Self {
            folder: section.optional_if("folder", |folder: &PathBuf| check(folder)),
        }
    }

    /// Selects the database before other settings refer to its zones. An unusable folder is an error of `read`.
    pub(crate) fn choose(written: &Table) {
        let section = written.get("time_zones").map(|entry| entry.value.typed());
        let folder = match section {
            Some(Value::Table(table)) => table.get("folder"),
            Some(_) | None => None,
        };
        let folder = folder.and_then(|entry| PathBuf::read(&entry.value).ok());
        drop(zoneinfo::install(folder.as_deref()));
    }
}

fn check(folder: &Path) -> Result<(), String> {
    zoneinfo::check(folder).map_err(|error| error.to_string())
}
