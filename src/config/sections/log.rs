//! `[log]`: level and format of the log.

use crate::config::loader::section::Section;
use crate::config::loader::typed_value::{Setting, Wrong, quoted, word};
use crate::config::loader::value::Value;
use crate::log_level::LogLevel;

/// `[log]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogConfig {
    /// The level.
    pub level: LogLevel,
    /// The format.
    pub format: LogFormat,
    /// Log every request at `info`.
    pub access: bool,
    /// Log completed jobs at `info`; failures are logged in any case.
    pub jobs: bool,
}

/// Format of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For humans.
    Text,
    /// For programs.
    Json,
}

impl LogConfig {
    pub(crate) fn read(section: &mut Section<'_>) -> Self {
        Self {
            level: section.get("level", LogLevel::default()),
            format: section.get("format", LogFormat::Text),
            access: section.get("access", false),
            jobs: section.get("jobs", false),
        }
    }
}

impl Setting for LogLevel {
    fn read(value: &Value) -> Result<Self, Wrong> {
        let text = String::read(value)?;
        Self::parse(&text).map_err(Wrong::new)
    }

    fn show(&self) -> String {
        quoted(self.as_str())
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
