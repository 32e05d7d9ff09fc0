//! Flags for the path of the configuration, and flags that override parts of it.

use std::path::{Path, PathBuf};

use clap::Args;

use super::error::CliError;
use super::server_environment;
use crate::config;
use crate::config::{Config, FlagValue, Sources};

/// The default file.
const DEFAULT_FILE: &str = "tickerq.toml";

/// Path of the configuration, and an override of its database.
#[derive(Debug, Args)]
pub(super) struct ConfigArguments {
    /// The configuration file; tickerq.toml in the current folder if it exists.
    #[arg(short, long, value_name = "FILE", env = "TICKERQ_CONFIG")]
    config: Option<PathBuf>,
    /// The database: sqlite:FILE or postgres://user:password@host/database.
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
}

/// All flags that override the configuration.
#[derive(Debug, Args)]
pub(super) struct ServerSettings {
    #[command(flatten)]
    config: ConfigArguments,
    /// An address to listen on, such as 127.0.0.1:5000; may be given several times.
    #[arg(long, value_name = "ADDRESS")]
    listen: Vec<String>,
}

impl ConfigArguments {
    /// Defaults without flags.
    #[expect(clippy::disallowed_methods, reason = "where clap reads it as well")]
    pub(super) fn of_environment() -> Self {
        Self {
            config: std::env::var_os("TICKERQ_CONFIG").map(PathBuf::from),
            database_url: None,
        }
    }

    /// The configuration from the file, the environment, these flags and the addresses of `--listen`.
    pub(super) fn load(&self, listen: &[String]) -> Result<Config, CliError> {
        let mut flags = Vec::new();
        if let Some(url) = self.database_url.clone().or_else(server_environment::database_url) {
            flags.push(FlagValue {
                flag: "--database-url",
                key: "database.url",
                value: url,
            });
        }
        match listen {
            [] => {}
            [one] => flags.push(listen_flag(one.clone())),
            several => flags.push(listen_flag(toml::Value::from(several.to_vec()).to_string())),
        }
        let sources = Sources {
            file: self.file(),
            environment: server_environment::variables(),
            flags,
        };
        Ok(config::load(sources)?)
    }

    /// The path of the file, if there is one.
    fn file(&self) -> Option<PathBuf> {
        let default = || Path::new(DEFAULT_FILE).exists().then(|| PathBuf::from(DEFAULT_FILE));
        self.config.clone().or_else(default)
    }
}

impl ServerSettings {
    /// The configuration from the file, the environment and these flags.
    pub(super) fn load(&self) -> Result<Config, CliError> {
        self.config.load(&self.listen)
    }

    /// Description of the sources.
    pub(super) fn describe(&self) -> String {
        match self.config.file() {
            Some(file) => file.display().to_string(),
            None => "no configuration file, defaults and environment".to_owned(),
        }
    }
}

fn listen_flag(value: String) -> FlagValue {
    FlagValue {
        flag: "--listen",
        key: "server.listen",
        value,
    }
}
