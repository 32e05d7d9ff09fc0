//! Builds a server: from a configuration alone, as the program `tickerq` does, or with handlers and storage of one's own.

use std::net::SocketAddr;
use std::sync::Arc;

use actix::System;
use tracing::warn;

use super::exposed_files;
use super::handlers::HandlerError;
use super::system_thread::SystemThread;
use super::{Embedded, Server, ServerError, ServerOptions};
use crate::api::auth::Gate;
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
use crate::service::jobs::job_validation::Rules;
use crate::service::log_level::LogControl;
use crate::storage::repository::JobRepository;
use crate::storage::sea::{ConnectError, MigrationError, MigrationState, SeaRepository};

/// Why a server could not be built or started.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A job type's name breaks a rule.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// The configuration has mistakes.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// The folder of time zones can't be used.
    #[error(transparent)]
    TimeZones(#[from] ZoneinfoError),
    /// A handler can't be made.
    #[error(transparent)]
    Handler(#[from] HandlerError),
    /// The database can't be opened.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The database's tables can't be made.
    #[error("the database's tables can't be brought up to date: {0}")]
    Migrate(MigrationError),
    /// The server can't be started.
    #[error(transparent)]
    Start(#[from] ServerError),
    /// The thread that the server runs on can't be started.
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
}

impl Builder {
    /// A server with everything by default: SQLite in `./tickerq.db`, on 127.0.0.1:5000.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a configuration, as [`config::load`] gives it.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = Some(config);
        self
    }

    /// Has jobs of this type run by a handler of the program's own, whatever the configuration says of the type's handler.
    #[must_use]
    pub fn handler(mut self, job_type: impl Into<String>, handler: impl JobHandler) -> Self {
        self.handlers.push((job_type.into(), Arc::new(handler)));
        self
    }

    /// Keeps jobs in a storage of the program's own, in place of the configured database.
    #[must_use]
    pub fn repository(mut self, repository: Arc<dyn JobRepository>) -> Self {
        self.repository = Some(repository);
        self
    }

    /// Listens here, in place of what is configured.
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = Some(address);
        self
    }

    /// Keeps jobs in this database, in place of what is configured.
    #[must_use]
    pub fn database_url(mut self, url: impl Into<String>) -> Self {
        self.database_url = Some(url.into());
        self
    }

    /// Calls a function of the program with each job event that this server stores, see [`JobHook`].
    #[must_use]
    pub fn on_job_event(mut self, on_job_event: impl Fn(JobEventKind, &Arc<Job>) + Send + Sync + 'static) -> Self {
        self.on_job_event = Some(JobHook::new(on_job_event));
        self
    }

    /// Lets callers with the scope for administering see and change the level of the program's log, see [`LogControl`].
    #[must_use]
    pub fn log_control(mut self, log: LogControl) -> Self {
        self.log = Some(log);
        self
    }

    /// Starts the server: in the running actix system (`#[actix_web::main]`), or on a thread of its own where there is
    /// none (`#[tokio::main]`).
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
        let (repository, options, config) = self.prepare().await?;
        let opened = options.closes_storage.then(|| Arc::clone(&repository));
        let started = close_if_failed(opened, Box::pin(Server::start(repository, options)).await).await;
        started.map_err(|error| located(&config, error))
    }

    /// Starts the server without an HTTP server of its own: its facades are put into the program's app, see
    /// [`Facades`](super::Facades). Its actors run in the running actix system, or on a thread of their own where there is
    /// none.
    ///
    /// Whom the program's HTTP server lets in from other machines is the program's to decide: without `[api]
    /// require_authentication` whoever reaches it may do everything.
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
        let (repository, options, config) = self.prepare().await?;
        let opened = options.closes_storage.then(|| Arc::clone(&repository));
        let started = close_if_failed(opened, Embedded::start(repository, options).await).await;
        started.map_err(|error| located(&config, error))
    }

    /// The storage, everything else, and the configuration that it comes from.
    async fn prepare(self) -> Result<(Arc<dyn JobRepository>, ServerOptions, Config), BuildError> {
        let Self {
            config,
            handlers,
            repository,
            listen,
            database_url,
            on_job_event,
            log,
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
        // What has no due time left is a warning when it is declared.
        check_recurring(&config, &options.rules)?;
        if let Some(listen) = listen {
            options.server.listen = vec![listen];
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

/// The error with the place of the setting that it is about.
fn located(config: &Config, error: BuildError) -> BuildError {
    match error {
        BuildError::Handler(HandlerError::Http { .. }) | BuildError::Start(ServerError::Keys(_)) => {
            config.located(&error.to_string()).into()
        }
        BuildError::Name(_)
        | BuildError::Config(_)
        | BuildError::TimeZones(_)
        | BuildError::Handler(HandlerError::Client(_))
        | BuildError::Connect(_)
        | BuildError::Migrate(_)
        | BuildError::Start(_)
        | BuildError::Thread(_) => error,
    }
}

/// Refuses declared recurring jobs whose occurrences the server would refuse.
fn check_recurring(config: &Config, rules: &Rules) -> Result<(), ConfigErrors> {
    let refused = config.recurring.iter().filter_map(|settings| {
        let refused = rules
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

/// A server that has not started leaves no write-ahead log behind.
async fn close_if_failed<T>(
    opened: Option<Arc<dyn JobRepository>>,
    started: Result<T, ServerError>,
) -> Result<T, BuildError> {
    if let (Err(_), Some(repository)) = (&started, opened) {
        repository.close().await;
    }
    Ok(started?)
}

/// What holds when nobody has written anything, but for what the program says.
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

/// Opens the configured database, for what is done without a server.
pub(crate) async fn open_database(config: &Config) -> Result<SeaRepository, ConnectError> {
    SeaRepository::connect(config.database.options(config.cluster.lease_ttl)).await
}

/// The steps of the configured database's schema, also while a server has it open.
pub(crate) async fn migration_states(config: &Config) -> Result<Vec<MigrationState>, MigrationError> {
    SeaRepository::migration_states_of(config.database.options(config.cluster.lease_ttl)).await
}

/// What would keep a server with this configuration from starting, as far as that can be known without starting it; and
/// what it would warn of.
pub(crate) fn check(config: &Config) -> Result<Vec<String>, BuildError> {
    let options = ServerOptions::new(config, HandlerRegistry::new()).map_err(|error| located(config, error.into()))?;
    check_recurring(config, &options.rules)?;
    let gate = Gate::new(options.auth).map_err(ServerError::from);
    gate.map_err(|error| located(config, error.into()))?;
    let now = Clock::system().now();
    let never = config
        .recurring
        .iter()
        .filter(|settings| settings.declared.new.schedule.next_after(now).is_none());
    let never = never.map(|settings| {
        let detail = "there is no due time left before ends_at: it is not created";
        config
            .located(&format!("{}.ends_at: {detail}", settings.path))
            .to_string()
    });
    Ok(config.warnings.iter().map(ToString::to_string).chain(never).collect())
}

/// What would be warned of when a server with this configuration starts.
pub(crate) fn warnings(config: &Config) -> Vec<String> {
    let mut warnings = exposed_files::of_configuration(config);
    warnings.extend(exposed_files::of_database(config.database.url.expose()));
    warnings
}
