//! The configuration, with the source of each value.
//!
//! Three layers override each other: the file, the environment (`TICKERQ_SECTION__KEY`), the flags. Every mistake in
//! any of them is reported with its source before the server starts; nothing is ignored silently. A section yields the
//! options of the part of the server that it configures.

pub(crate) mod loader;
pub(crate) mod sections;
pub(crate) mod zoneinfo;

pub use self::loader::source::{ConfigError, ConfigErrors};
pub use self::zoneinfo::ZoneinfoError;

use std::fmt;
use std::path::{Path, PathBuf};

use self::loader::render::RenderedLine;
use self::loader::section::{Findings, Section};
use self::loader::value::Table;
use self::sections::api::ApiConfig;
use self::sections::audit::AuditConfig;
use self::sections::cluster::ClusterConfig;
use self::sections::database::DatabaseConfig;
use self::sections::job_types::JobTypeSettings;
use self::sections::job_types::handler::HandlerSettings;
use self::sections::jobs::JobsConfig;
use self::sections::log::LogConfig;
use self::sections::queues::QueuesConfig;
use self::sections::realtime::RealtimeConfig;
use self::sections::recurring::RecurringSettings;
use self::sections::server::ServerConfig;
use self::sections::telemetry::TelemetryConfig;
use self::sections::time_zones::TimeZonesConfig;
use self::sections::webhooks::WebhooksConfig;
use crate::api::graphql::GraphQlOptions;
use crate::api::pages::PagesOptions;
use crate::api::rest::prometheus::PrometheusOptions;
use crate::domain::metrics::health::HealthRules;
use crate::runtime::maintenance::pruner::Retention;
use crate::runtime::outbound::options::SyncOptions;

/// The checked configuration: the options of each part of the server. Printing it hides secrets.
#[derive(Clone)]
pub struct Config {
    /// `[server]`.
    pub(crate) server: ServerConfig,
    /// `[database]`.
    pub(crate) database: DatabaseConfig,
    /// `[api]`.
    pub(crate) api: ApiConfig,
    /// `[[queues]]` and `[queue_defaults]`.
    pub(crate) queues: QueuesConfig,
    /// `[job_types.NAME]`, each name once.
    pub(crate) job_types: Vec<JobTypeSettings>,
    /// `[[recurring]]`, each key once.
    pub(crate) recurring: Vec<RecurringSettings>,
    /// `[jobs]`.
    pub(crate) jobs: JobsConfig,
    /// `[audit]`.
    pub(crate) audit: AuditConfig,
    /// `[realtime]`.
    pub(crate) realtime: RealtimeConfig,
    /// `[graphql]`.
    pub(crate) graphql: GraphQlOptions,
    /// The page of `[graphql]`, and `[dashboard]`.
    pub(crate) pages: PagesOptions,
    /// `[retention]`.
    pub(crate) retention: Retention,
    /// `[cluster]`.
    pub(crate) cluster: ClusterConfig,
    /// `[metrics]`.
    pub(crate) metrics: Option<PrometheusOptions>,
    /// `[health]`.
    pub(crate) health: HealthRules,
    /// `[log]`.
    pub(crate) log: LogConfig,
    /// `[webhooks]`.
    pub(crate) webhooks: WebhooksConfig,
    /// `[change_feed]`.
    pub(crate) change_feed: SyncOptions,
    /// `[telemetry]`.
    pub(crate) telemetry: TelemetryConfig,
    /// `[time_zones]`.
    pub(crate) time_zones: TimeZonesConfig,
    /// Ignored settings with their sources.
    pub(crate) warnings: Vec<ConfigError>,
    rendered: Vec<RenderedLine>,
}

/// Sources of the configuration. Later ones override earlier ones.
#[derive(Clone, Debug, Default)]
pub struct Sources<Environment> {
    /// The file.
    pub file: Option<PathBuf>,
    /// Variables; only those that start with `TICKERQ_` are read.
    pub environment: Environment,
    /// The flags of the command line.
    pub flags: Vec<FlagValue>,
}

/// A flag of the command line that is a setting.
#[derive(Clone, Debug)]
pub struct FlagValue {
    /// The flag, for messages: `--listen`.
    pub flag: &'static str,
    /// The setting: `server.listen`.
    pub key: &'static str,
    /// The value of the flag, parsed like that of a variable.
    pub value: String,
}

/// The variables of this process, for [`Sources::environment`].
pub fn process_environment() -> impl Iterator<Item = (String, String)> {
    self::loader::environment::of_this_process()
}

/// Reads all sources, and returns the configuration or all of its errors.
pub fn load<Environment>(sources: Sources<Environment>) -> Result<Config, ConfigErrors>
where
    Environment: IntoIterator<Item = (String, String)>,
{
    let Sources {
        file,
        environment,
        flags,
    } = sources;
    let mut findings = Findings::default();
    let mut written = match file {
        Some(path) => read_file(&path).map_err(ConfigErrors)?,
        None => Table::default(),
    };
    self::loader::environment::overlay(&mut written, environment, &mut findings.errors);
    for FlagValue { flag, key, value } in &flags {
        self::loader::environment::overlay_flag(&mut written, flag, key, value, &mut findings.errors);
    }
    self::loader::aliases::apply(&mut written, &mut findings);
    TimeZonesConfig::choose(&written);
    let mut config = resolve(&written, &mut findings);
    if findings.errors.is_empty() {
        config.rendered = findings.rendered;
        config.warnings = findings.warnings;
        Ok(config)
    } else {
        Err(ConfigErrors(findings.errors))
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_toml())
    }
}

impl Config {
    /// `true` if the server starts programs that run jobs.
    pub(crate) fn has_command_handlers(&self) -> bool {
        let is_command = |settings: &JobTypeSettings| matches!(settings.handler, HandlerSettings::Command(_));
        self.job_types.iter().any(is_command)
    }

    /// The files that secrets were read from.
    pub(crate) fn files_with_secrets(&self) -> Vec<&Path> {
        let mut files: Vec<&Path> = self
            .rendered
            .iter()
            .filter_map(RenderedLine::file_with_secret)
            .collect();
        files.dedup();
        files
    }

    /// The configuration as TOML, without secrets; comments name the sources of values that are not defaults.
    pub fn to_toml(&self) -> String {
        self::loader::render::render(&self.rendered)
    }

    /// An error that was found later, with the source of the setting at the beginning of its text.
    pub(crate) fn located(&self, message: &str) -> ConfigErrors {
        let key = message.split(": ").next().unwrap_or_default();
        let error = match self::loader::render::source_of(&self.rendered, key) {
            Some(source) => ConfigError::whole(source, message),
            None => match message.split_once(": ") {
                Some((key, message)) => ConfigError::whole(key, message),
                None => ConfigError::whole("configuration", message),
            },
        };
        ConfigErrors(vec![error])
    }
}

fn read_file(path: &Path) -> Result<Table, Vec<ConfigError>> {
    let rendered = path.display();
    let bytes = std::fs::read(path)
        .map_err(|error| vec![ConfigError::whole(&rendered, format_args!("can't be read: {error}"))])?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
        vec![ConfigError::whole(format_args!("{rendered}:{line}"), "is not UTF-8")]
    })?;
    self::loader::value::from_file(path, &text).map_err(|errors| {
        errors
            .into_iter()
            .map(|(line, message)| {
                ConfigError::whole(
                    format_args!("{rendered}:{line}"),
                    format_args!("is not TOML: {message}"),
                )
            })
            .collect()
    })
}

/// The configuration of the tree. Unusable if there are errors.
fn resolve(written: &Table, findings: &mut Findings) -> Config {
    let mut root = Section::root(written, findings);
    let (server, requests) = read_section(&mut root, "server", ServerConfig::read);
    let database = read_section(&mut root, "database", DatabaseConfig::read);
    let api = read_section(&mut root, "api", |section| ApiConfig::read(section, requests));
    let (is_enabled, is_required) = (api.rest.enable, api.auth.is_required);
    let jobs = read_section(&mut root, "jobs", JobsConfig::read);
    let realtime = read_section(&mut root, "realtime", |section| {
        RealtimeConfig::read(section, is_enabled)
    });
    let (graphql, graphiql) = read_section(&mut root, "graphql", |section| {
        self::sections::graphql::read(section, is_enabled)
    });
    let metrics = read_section(&mut root, "metrics", self::sections::metrics::read);
    let dashboard = read_section(&mut root, "dashboard", |section| {
        let exposition = metrics.as_ref().map(|metrics| metrics.path.as_str());
        let others: Vec<&str> = [api.rest.base_path.as_str()].into_iter().chain(exposition).collect();
        self::sections::dashboard::read(section, is_enabled, &others)
    });
    let retention = read_section(&mut root, "retention", self::sections::retention::read);
    let cluster = read_section(&mut root, "cluster", ClusterConfig::read);
    let health = read_section(&mut root, "health", self::sections::health::read);
    let log = read_section(&mut root, "log", LogConfig::read);
    let audit = read_section(&mut root, "audit", |section| AuditConfig::read(section, is_required));
    let queues = QueuesConfig::read(&mut root);
    let job_types = JobTypeSettings::read_all(&mut root, jobs.defaults());
    let recurring = RecurringSettings::read_all(&mut root);
    let webhooks = read_section(&mut root, "webhooks", WebhooksConfig::read);
    let change_feed = read_section(&mut root, "change_feed", |section| {
        self::sections::change_feed::read(section, webhooks.egress_policy())
    });
    let telemetry = read_section(&mut root, "telemetry", |section| {
        TelemetryConfig::read(section, &cluster.node_name)
    });
    let time_zones = read_section(&mut root, "time_zones", TimeZonesConfig::read);
    if !is_required {
        let has_keys = !api.auth.keys.is_empty() || api.auth.jwt.is_some();
        self::sections::server::refuse_open_addresses(&mut root, &server, has_keys);
        self::sections::server::refuse_any_origin(&mut root, &api.auth.origins);
    }
    root.finish();
    Config {
        server,
        database,
        api,
        queues,
        job_types,
        recurring,
        jobs,
        audit,
        realtime,
        graphql,
        pages: PagesOptions { graphiql, dashboard },
        retention,
        cluster,
        metrics,
        health,
        log,
        webhooks,
        change_feed,
        telemetry,
        time_zones,
        warnings: Vec::new(),
        rendered: Vec::new(),
    }
}

fn read_section<T>(root: &mut Section<'_>, key: &'static str, read: impl FnOnce(&mut Section<'_>) -> T) -> T {
    let mut section = root.child(key);
    let value = read(&mut section);
    section.finish();
    value
}

#[cfg(test)]
mod tests;
