//! Sources of values, and errors with their source.

use std::fmt;
use std::path::PathBuf;

/// The source of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A line of the configuration file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// An environment variable.
    Environment(String),
    /// A flag of the command line, such as `--listen`.
    Flag(&'static str),
    /// Not set.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Environment(name) => f.write_str(name),
            Self::Flag(flag) => f.write_str(flag),
            Self::Default => f.write_str("default"),
        }
    }
}

/// An error in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct ConfigError {
    place: String,
    message: String,
}

impl ConfigError {
    /// An error at `source`, in the value with this path (`queues[0].workers`).
    pub(crate) fn at(source: &Source, path: &str, message: impl fmt::Display) -> Self {
        let place = match source {
            Source::Default => path.to_owned(),
            Source::File { .. } | Source::Environment(_) | Source::Flag(_) => format!("{source}: {path}"),
        };
        Self {
            place,
            message: message.to_string(),
        }
    }

    /// An error that is not in one value, such as an unreadable file or invalid TOML.
    pub(crate) fn whole(place: impl fmt::Display, message: impl fmt::Display) -> Self {
        Self {
            place: place.to_string(),
            message: message.to_string(),
        }
    }
}

/// All errors in the configuration, one per line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl ConfigErrors {
    /// `true` if one of them is in a setting of this section.
    pub(crate) fn are_about(&self, section: &str) -> bool {
        let is_in = |path: &str| path.strip_prefix(section).is_some_and(|rest| rest.starts_with('.'));
        self.0.iter().any(|error| error.place.split(": ").any(is_in))
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}
