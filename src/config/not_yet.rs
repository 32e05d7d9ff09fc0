//! Settings that later versions will have. Writing one stops the start: to ignore it in silence would leave somebody
//! believing that the server calls a webhook.

use super::section::Section;

/// Refuses whole sections.
pub(super) fn refuse_sections(root: &mut Section<'_>) {
    for key in ["webhooks", "telemetry", "sync"] {
        refuse(root, key, key);
    }
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
