//! Settings that later versions will have. Writing one stops the start: to ignore it in silence would leave somebody
//! believing that the server exports its metrics.

use super::section::Section;

/// Refuses a whole section.
pub(super) fn refuse_section(root: &mut Section<'_>) {
    refuse(root, "telemetry", "telemetry");
}

fn refuse(section: &mut Section<'_>, key: &'static str, what: &str) {
    if let Some(entry) = section.entry_of_later_version(key) {
        section.error(
            &entry.source,
            key,
            format_args!("this version has no {what} yet; remove it"),
        );
    }
}
