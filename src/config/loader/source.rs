//! Where a value was written, and what is wrong with it.

use std::fmt;
use std::path::PathBuf;

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A line of the configuration file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// An environment variable, by its name.
    Environment(String),
    /// A flag of the command line, such as `--listen`.
    Flag(&'static str),
    /// Nobody wrote it.
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

/// One mistake in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct ConfigError {
    place: String,
    message: String,
}

impl ConfigError {
    /// A mistake at `source`, in the value with this path (`queues[0].workers`).
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

    /// A mistake that is not in one value: a file that cannot be read, a line that is not TOML.
    pub(crate) fn whole(place: impl fmt::Display, message: impl fmt::Display) -> Self {
        Self {
            place: place.to_string(),
            message: message.to_string(),
        }
    }
}

/// All mistakes in the configuration, a line each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl ConfigErrors {
    /// Whether one of them is in a setting of this section.
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
