//! Builds a server from a configuration, as the program `tickerq` does, or with handlers and storage of the embedding
//! program.

use std::net::SocketAddr;
use std::sync::Arc;

use actix::System;
use tracing::warn;

use super::embedded::Embedded;
use super::error::ServerError;
use super::exposed_files;
use super::handlers::HandlerError;
use super::http_server::Server;
use super::options::ServerOptions;
use super::system_thread::SystemThread;
use crate::api::auth::Authenticator;
use crate::api::pages::dashboard_options::{DashboardOptions, InvalidDashboard};
use crate::config;
use crate::config::loader::source::{ConfigError, ConfigErrors};
use crate::config::zoneinfo;
use crate::config::zoneinfo::ZoneinfoError;
use crate::config::{Config, FlagValue, Sources};
use crate::domain::events::event::JobEventKind;
use crate::domain::job::Job;
use crate::domain::job::new_job::Due;
use crate::domain::values::name::{InvalidName, JobType};
use crate::handlers::{HandlerRegistry, JobHandler};
use crate::runtime::actor::clock::Clock;
use crate::runtime::events::hooks::JobHook;
use crate::service::error::ServiceError;
use crate::service::limits::job_limits::JobLimits;
use crate::service::log_level::LogControl;
use crate::storage::repository::JobRepository;
use crate::storage::sea::{ConnectError, MigrationError, MigrationState, SeaRepository};

/// Error of building or starting a server.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The name of a job type is invalid.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// The configuration is invalid.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// The folder of time zones is unusable.
    #[error(transparent)]
    TimeZones(#[from] ZoneinfoError),
    /// An option of the dashboard is invalid.
    #[error(transparent)]
    Dashboard(#[from] InvalidDashboard),
    /// A handler can't be created.
    #[error(transparent)]
    Handler(#[from] HandlerError),
    /// The database can't be opened.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Migrations failed.
    #[error("failed to migrate the database: {0}")]
    Migrate(MigrationError),
    /// The server can't be started.
    #[error(transparent)]
    Start(#[from] ServerError),
    /// The server's thread can't be started.
    #[error("failed to start the server's thread: {0}")]
    Thread(std::io::Error),
}

/// Builds a server.
///
/// ```no_run
/// use tickerq::Server;
/// use tickerq::handlers::{JobContext, in_process};
/// use tickerq::domain::job::outcome::Failure;
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let greet = in_process::function(|_: JobContext, name: String| async move {
///     Ok::<_, Failure>(format!("hello {name}"))
/// });
/// let server = Server::builder()
///     .handler("GreetJob", greet)
///     .database_url("sqlite:jobs.db")
///     .listen("127.0.0.1:5000".parse()?)
///     .start()
///     .await?;
/// server.stop().await;
/// # Ok(())
/// # }
/// ```
#[derive(Default)]
pub struct Builder {
    config: Option<Config>,
    handlers: Vec<(String, Arc<dyn JobHandler>)>,
    repository: Option<Arc<dyn JobRepository>>,
    listen: Option<SocketAddr>,
    database_url: Option<String>,
    on_job_event: Option<JobHook>,
    log: Option<LogControl>,
    dashboard: Option<DashboardOptions>,
}

impl Server {
    /// A builder for a server within a program.
    pub fn builder() -> Builder {
        Builder::new()
    }
}

impl Builder {
    /// A server with default settings: SQLite in `./tickerq.db`, on 127.0.0.1:5000.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the configuration, as returned by [`config::load`].
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = Some(config);
        self
    }

    /// Registers a handler for this job type, which takes precedence over the configured one.
    #[must_use]
    pub fn handler(mut self, job_type: impl Into<String>, handler: impl JobHandler) -> Self {
        self.handlers.push((job_type.into(), Arc::new(handler)));
        self
    }

    /// Sets a storage that replaces the configured database.
    #[must_use]
    pub fn repository(mut self, repository: Arc<dyn JobRepository>) -> Self {
        self.repository = Some(repository);
        self
    }

    /// Sets the address to listen on, in place of the configured ones.
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = Some(address);
        self
    }

    /// Sets the URL of the database, in place of the configured one.
    #[must_use]
    pub fn database_url(mut self, url: impl Into<String>) -> Self {
        self.database_url = Some(url.into());
        self
    }

    /// Sets a function that is called with each job event that this server stores and the job after it, once both are
    /// committed.
    ///
    /// It runs on the writer's thread, after the replies to the callers of the commit, and must return quickly. It
    /// receives the events of this node only, and a crash between commit and call loses them; a program that must not
    /// miss any reads the change feed. A job that was changed without reading its large texts ([`Job::is_brief`]: by a
    /// remote worker, the recovery of orphans or a bulk operation, or because they are larger than 32 KiB) comes without
    /// them.
    #[must_use]
    pub fn on_job_event(mut self, on_job_event: impl Fn(JobEventKind, &Arc<Job>) + Send + Sync + 'static) -> Self {
        self.on_job_event = Some(JobHook::new(on_job_event));
        self
    }

    /// Allows callers with the admin scope to read and set the level of the program's log, see [`LogControl`].
    #[must_use]
    pub fn log_control(mut self, log: LogControl) -> Self {
        self.log = Some(log);
        self
    }

    /// Sets the options of the dashboard, in place of the configured ones.
    #[must_use]
    pub fn dashboard(mut self, options: DashboardOptions) -> Self {
        self.dashboard = Some(options);
        self
    }

    /// Starts the server: in the running actix system (`#[actix_web::main]`), or on a thread of its own without one
    /// (`#[tokio::main]`).
    pub async fn start(self) -> Result<Server, BuildError> {
        if System::is_registered() {
            return Box::pin(self.start_here()).await;
        }
        let system = SystemThread::start().await.map_err(BuildError::Thread)?;
        let started = system.run(|| Box::pin(self.start_here())).await;
        let mut server = started.map_err(|ended| BuildError::Thread(ended.into()))??;
        server.system = Some(system);
        Ok(server)
    }

    async fn start_here(self) -> Result<Server, BuildError> {
        let (repository, options, config) = Box::pin(self.prepare()).await?;
        let opened = options.closes_storage.then(|| Arc::clone(&repository));
        let started = close_if_failed(opened, Box::pin(Server::start(repository, options)).await).await;
        started.map_err(|error| located(&config, error))
    }

    /// Starts the server without an HTTP server: the program adds its facades to its own app, see
    /// [`Facades`](super::Facades). Its actors run in the running actix system, or on a thread of their own without
    /// one.
    ///
    /// Access from other machines is the responsibility of the program: without `[api] require_authentication` every
    /// client of its HTTP server has full access.
    pub async fn embed(self) -> Result<Embedded, BuildError> {
        if System::is_registered() {
            return Box::pin(self.embed_here()).await;
        }
        let system = SystemThread::start().await.map_err(BuildError::Thread)?;
        let started = system.run(|| Box::pin(self.embed_here())).await;
        let mut embedded = started.map_err(|ended| BuildError::Thread(ended.into()))??;
        embedded.system = Some(system);
        Ok(embedded)
    }

    async fn embed_here(self) -> Result<Embedded, BuildError> {
        let (repository, options, config) = Box::pin(self.prepare()).await?;
        let opened = options.closes_storage.then(|| Arc::clone(&repository));
        let started = close_if_failed(opened, Embedded::start(repository, options).await).await;
        started.map_err(|error| located(&config, error))
    }

    /// The storage, the options, and the configuration of the options.
    async fn prepare(self) -> Result<(Arc<dyn JobRepository>, ServerOptions, Config), BuildError> {
        let Self {
            config,
            handlers,
            repository,
            listen,
            database_url,
            on_job_event,
            log,
            dashboard,
        } = self;
        let config = match config {
            Some(config) => config,
            None => default_config(listen, database_url.clone())?,
        };
        zoneinfo::install(config.time_zones.folder.as_deref())?;
        zoneinfo::log_installed();
        for warning in exposed_files::of_configuration(&config) {
            warn!("{warning}");
        }
        let mut registry = HandlerRegistry::new();
        for (job_type, handler) in handlers {
            registry.register(JobType::parse(&job_type)?, handler);
        }
        for warning in &config.warnings {
            warn!("{warning}");
        }
        let mut options = ServerOptions::new(&config, registry).map_err(|error| located(&config, error.into()))?;
        // A schedule without a remaining due time is only a warning when it is declared.
        check_recurring(&config, &options.job_limits)?;
        if let Some(listen) = listen {
            options.server.listen = vec![listen];
        }
        if let Some(dashboard) = dashboard {
            let exposition = options.prometheus.as_ref().map(|prometheus| prometheus.path.as_str());
            let base = options.rest.base_path.as_str();
            let others: Vec<&str> = [base].into_iter().chain(exposition).collect();
            dashboard.check(&others)?;
            options.pages.dashboard = dashboard;
        }
        options.runtime.on_job_event = on_job_event;
        options.log = log;
        if let Some(repository) = repository {
            options.closes_storage = false;
            return Ok((repository, options, config));
        }
        let mut database = config.database.options(config.cluster.lease_ttl);
        if let Some(url) = database_url {
            database.url = url;
        }
        let url = database.url.clone();
        let repository = SeaRepository::connect(database).await?;
        if let Some(warning) = exposed_files::of_database(&url) {
            warn!("{warning}");
        }
        repository.migrate_up().await.map_err(BuildError::Migrate)?;
        Ok((Arc::new(repository), options, config))
    }
}

/// The error with the location of its setting.
fn located(config: &Config, error: BuildError) -> BuildError {
    match error {
        BuildError::Handler(HandlerError::Http { .. }) | BuildError::Start(ServerError::Keys(_)) => {
            config.located(&error.to_string()).into()
        }
        BuildError::Name(_)
        | BuildError::Config(_)
        | BuildError::Dashboard(_)
        | BuildError::TimeZones(_)
        | BuildError::Handler(HandlerError::Client(_))
        | BuildError::Connect(_)
        | BuildError::Migrate(_)
        | BuildError::Start(_)
        | BuildError::Thread(_) => error,
    }
}

/// Rejects declared recurring jobs whose occurrences the server would reject.
fn check_recurring(config: &Config, limits: &JobLimits) -> Result<(), ConfigErrors> {
    let refused = config.recurring.iter().filter_map(|settings| {
        let refused = limits
            .check(&settings.declared.new.template.new_job(Due::Now), None)
            .err()?;
        let detail = if let ServiceError::Invalid { field, detail, .. } = &refused {
            format!("{}.{field}: {detail}", settings.path)
        } else {
            format!("{}: {refused}", settings.path)
        };
        Some(config.located(&detail).0)
    });
    let errors: Vec<ConfigError> = refused.flatten().collect();
    if errors.is_empty() {
        Ok(())
    } else {
        Err(ConfigErrors(errors))
    }
}

/// Closes storage after a failed start, so that no write-ahead log is left.
async fn close_if_failed<T>(
    opened: Option<Arc<dyn JobRepository>>,
    started: Result<T, ServerError>,
) -> Result<T, BuildError> {
    if let (Err(_), Some(repository)) = (&started, opened) {
        repository.close().await;
    }
    Ok(started?)
}

/// The default configuration, apart from the program's own settings.
fn default_config(listen: Option<SocketAddr>, database_url: Option<String>) -> Result<Config, ConfigErrors> {
    let listen = listen.map(|address| FlagValue {
        flag: "listen",
        key: "server.listen",
        value: address.to_string(),
    });
    let url = database_url.map(|value| FlagValue {
        flag: "database_url",
        key: "database.url",
        value,
    });
    config::load(Sources {
        file: None,
        environment: std::iter::empty(),
        flags: listen.into_iter().chain(url).collect(),
    })
}

/// Opens the configured database, for commands that run without a server.
pub(crate) async fn open_database(config: &Config) -> Result<SeaRepository, ConnectError> {
    SeaRepository::connect(config.database.options(config.cluster.lease_ttl)).await
}

/// The migrations of the configured database, also while a server has it open.
pub(crate) async fn migration_states(config: &Config) -> Result<Vec<MigrationState>, MigrationError> {
    SeaRepository::migration_states_of(config.database.options(config.cluster.lease_ttl)).await
}

/// The errors that a start with this configuration would report, as far as they are known without starting, and its
/// warnings.
pub(crate) fn check(config: &Config) -> Result<Vec<String>, BuildError> {
    let options = ServerOptions::new(config, HandlerRegistry::new()).map_err(|error| located(config, error.into()))?;
    check_recurring(config, &options.job_limits)?;
    let authenticator = Authenticator::new(options.auth).map_err(ServerError::from);
    authenticator.map_err(|error| located(config, error.into()))?;
    let now = Clock::system().now();
    let never = config
        .recurring
        .iter()
        .filter(|settings| settings.declared.new.schedule.next_after(now).is_none());
    let never = never.map(|settings| {
        let detail = "no due time is left before ends_at: it is not created";
        config
            .located(&format!("{}.ends_at: {detail}", settings.path))
            .to_string()
    });
    Ok(config.warnings.iter().map(ToString::to_string).chain(never).collect())
}

/// The warnings of a start with this configuration.
pub(crate) fn warnings(config: &Config) -> Vec<String> {
    let mut warnings = exposed_files::of_configuration(config);
    warnings.extend(exposed_files::of_database(config.database.url.expose()));
    warnings
}
