//! The resolved configuration as TOML, for `tickerq config show`.

use std::fmt::Write;
use std::path::Path;

use super::source::Source;

/// A line of the resolved configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RenderedLine {
    /// `[server]`; omitted if it is empty.
    Header(String),
    /// A key, its path, its value as TOML, and its source.
    Setting {
        key: String,
        path: String,
        value: String,
        source: Source,
    },
}

/// Placeholder of a secret.
const HIDDEN: &str = "***";

impl RenderedLine {
    /// The file of this line, if it contains a secret.
    pub(crate) fn file_with_secret(&self) -> Option<&Path> {
        match self {
            Self::Setting {
                value,
                source: Source::File { path, .. },
                ..
            } if value.contains(HIDDEN) => Some(path),
            Self::Setting { .. } | Self::Header(_) => None,
        }
    }
}

/// A key in TOML, without quotes if possible.
pub(crate) fn key(text: &str) -> String {
    let is_bare = !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if is_bare {
        text.to_owned()
    } else {
        super::typed_value::quoted(text)
    }
}

/// Source of the setting with this path, or of the first one below it.
pub(crate) fn source_of<'a>(lines: &'a [RenderedLine], requested: &str) -> Option<&'a Source> {
    lines.iter().find_map(|line| match line {
        RenderedLine::Setting {
            source: Source::Default,
            ..
        }
        | RenderedLine::Header(_) => None,
        RenderedLine::Setting { path, source, .. } => {
            let rest = path.strip_prefix(requested)?;
            (rest.is_empty() || rest.starts_with(['.', '['])).then_some(source)
        }
    })
}

/// The lines as one TOML document. Settings that are not defaults have their source as a comment.
pub(crate) fn render(lines: &[RenderedLine]) -> String {
    let mut document = String::new();
    let mut header = None;
    for line in lines {
        match line {
            RenderedLine::Header(text) => header = Some(text),
            RenderedLine::Setting {
                key: name,
                path: _,
                value,
                source,
            } => {
                if let Some(text) = header.take() {
                    if !document.is_empty() {
                        document.push('\n');
                    }
                    document.push_str(text);
                    document.push('\n');
                }
                // Writing to a string cannot fail.
                let _ = match source {
                    Source::Default => writeln!(document, "{} = {value}", key(name)),
                    Source::File { .. } | Source::Environment(_) | Source::Flag(_) => {
                        writeln!(document, "{} = {value}  # {source}", key(name))
                    }
                };
            }
        }
    }
    document
}
