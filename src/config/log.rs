//! `[log]`: what the server says about its work, and how.

use tracing_subscriber::EnvFilter;

use super::entry::Value;
use super::section::Section;
use super::setting::{Setting, Wrong, quoted, word};

/// `[log]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// A level, or directives as `tracing` reads them: `info,tickerq=debug`. It was checked: it can be parsed.
    pub level: String,
    /// How a line looks.
    pub format: LogFormat,
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

impl LogConfig {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        Self {
            level: section.get_if("level", "info".to_owned(), |level: &String| check_level(level)),
            format: section.get("format", LogFormat::Text),
        }
    }
}

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

fn check_level(text: &str) -> Result<(), String> {
    let allowed = "allowed is off, error, warn, info, debug or trace, or directives such as info,tickerq=debug";
    // A word that is no level would be read as a target with everything on.
    let wrong_word = text
        .split(',')
        .find(|part| !part.contains(['=', '[']) && !LEVELS.iter().any(|level| level.eq_ignore_ascii_case(part.trim())));
    match wrong_word {
        Some(word) => Err(format!("'{word}' is not a level; {allowed}")),
        None => EnvFilter::builder()
            .parse(text)
            .map(drop)
            .map_err(|error| format!("'{text}' is not a level ({error}); {allowed}")),
    }
}

impl LogFormat {
    const WORDS: [(&str, Self); 2] = [("text", Self::Text), ("json", Self::Json)];
}

impl Setting for LogFormat {
    fn read(value: &Value) -> Result<Self, Wrong> {
        word(value, &Self::WORDS)
    }

    fn show(&self) -> String {
        quoted(match self {
            Self::Text => "text",
            Self::Json => "json",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::check_level;

    #[test]
    fn a_word_that_is_no_level_is_not_taken_for_a_target() {
        for level in ["info", "DEBUG", "info,tickerq=debug", "tickerq::runtime=trace, warn"] {
            assert_eq!(check_level(level), Ok(()));
        }
        for level in ["inof", "info,", "tickerq=loud", "=", ""] {
            assert!(check_level(level).is_err(), "{level} was accepted");
        }
    }
}
