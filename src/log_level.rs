//! Log levels of the server.

use std::fmt;
use std::sync::Arc;

use tracing_subscriber::EnvFilter;

/// Maximum length of a level's text, in characters.
const LENGTH_MAX: usize = 1_000;
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
const ALLOWED: &str = "allowed is off, error, warn, info, debug or trace, or directives such as info,tickerq=debug";

/// A level, or directives of `tracing`: `info,tickerq=debug`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLevel(Arc<str>);

impl LogLevel {
    /// Parses a text; the error names the allowed values. Values of fields are matched literally: compiling a regular
    /// expression could take unlimited time and memory.
    pub fn parse(text: &str) -> Result<Self, String> {
        let excerpt: String = text.chars().take(100).collect();
        if text.chars().count() > LENGTH_MAX {
            return Err(format!(
                "'{excerpt}…' is longer than {LENGTH_MAX} characters, the maximum of a level"
            ));
        }
        if text
            .chars()
            .any(|character| !character.is_ascii() || character.is_control())
        {
            // It is written to the log unchanged.
            return Err(format!("a level contains only printable ASCII characters; {ALLOWED}"));
        }
        // An unknown word would be parsed as a target with all levels enabled.
        let wrong_word = text.split(',').find(|part| {
            let is_level = LEVELS.iter().any(|level| level.eq_ignore_ascii_case(part.trim()));
            !part.contains(['=', '[']) && !is_level
        });
        match wrong_word {
            Some(word) => Err(format!("'{word}' is not a level; {ALLOWED}")),
            None => match EnvFilter::builder().with_regex(false).parse(text) {
                Ok(_) => Ok(Self(Arc::from(text))),
                Err(error) => Err(format!("'{excerpt}' is not a level ({error}); {ALLOWED}")),
            },
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for LogLevel {
    fn default() -> Self {
        Self(Arc::from("info"))
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::LogLevel;

    #[test]
    fn an_unknown_level_is_not_parsed_as_a_target() {
        for level in ["info", "DEBUG", "info,tickerq=debug", "tickerq::runtime=trace, warn"] {
            assert_eq!(
                LogLevel::parse(level).map(|level| level.to_string()),
                Ok(level.to_owned())
            );
        }
        for level in ["inof", "info,", "tickerq=loud", "=", "", &"info,".repeat(1_000)] {
            assert!(LogLevel::parse(level).is_err(), "{level} was accepted");
        }
        for character in ['\n', '\u{202E}', '\u{2028}', '\u{200B}'] {
            let level = format!("info,a{character}b=debug");
            assert!(
                LogLevel::parse(&level).is_err(),
                "{character:?} would be written to the log"
            );
        }
        // As a regular expression it would have 2^30 states.
        let costly = format!("[x{{f=[ab]*a{}}}]=info", "[ab]".repeat(30));
        assert!(LogLevel::parse(&costly).is_ok());
    }
}
