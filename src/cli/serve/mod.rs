//! `tickerq serve`: runs the server until it receives a signal.

pub(crate) mod signals;

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::Args;
#[cfg(target_os = "linux")]
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use tracing::{Metadata, Subscriber, info, warn};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::writer::MakeWriterExt;
use tracing_subscriber::{EnvFilter, reload};

use self::signals::Signals;
use super::error::CliError;
use super::settings::ServerSettings;
use crate::config::sections::log::{LogConfig, LogFormat};
use crate::log_level::LogLevel;
use crate::server::Server;
use crate::service::log_level::LogControl;

/// Run the server.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tickerq serve                                     # SQLite in ./tickerq.db, http://127.0.0.1:5000
  tickerq serve --config /etc/tickerq.toml
  tickerq serve --listen 127.0.0.1:8080 --database-url postgres://tickerq@localhost/tickerq
  TICKERQ_LOG__FORMAT=json tickerq serve")]
pub(super) struct ServeArguments {
    #[command(flatten)]
    settings: ServerSettings,
}

pub(super) fn run(arguments: ServeArguments) -> Result<(), CliError> {
    let config = arguments.settings.load()?;
    let log = start_log(&config.log);
    if config.has_command_handlers() {
        close_memory();
        // Files that this process has inherited are not for the programs that it starts.
        close_fds::set_fds_cloexec(3, &[]);
    }
    actix_web::rt::System::new().block_on(async move {
        let mut signals =
            Signals::new().map_err(|cause| CliError::System(format!("can't install signal handlers: {cause}")))?;
        let is_open = !config.api.auth.is_required;
        let server = Server::builder()
            .config(config)
            .log_control(log)
            .start()
            .await
            .map_err(|error| CliError::Start(error.to_string()))?;
        if is_open {
            warn!("authentication is disabled; listening on loopback only");
        }
        let signal = signals.first().await;
        info!("{signal} received, shutting down, waiting for running jobs; send the signal again to force");
        tokio::select! {
            () = server.stop() => Ok(()),
            () = signals.second() => Err(CliError::StoppedAtOnce),
        }
    })
}

/// Minimum interval of log messages about failed accepts, which the library retries twice a second.
const ACCEPT_ERRORS_EVERY: Duration = Duration::from_secs(60);

/// `true` if an event is logged: repeated ones are limited to the interval.
fn is_written(event: &Metadata<'_>) -> bool {
    static LAST: Mutex<Option<Instant>> = Mutex::new(None);
    if event.target() != "actix_server::accept" {
        return true;
    }
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    let is_due = last.is_none_or(|last| last.elapsed() >= ACCEPT_ERRORS_EVERY);
    if is_due {
        *last = Some(Instant::now());
    }
    is_due
}

/// Protects this process's memory, environment and open files in `/proc` from other processes of its user, including
/// programs of its command handlers. Debuggers are excluded as well, and a crash leaves no core dump: therefore only
/// a server with command handlers does this. A program that runs as root is not excluded.
#[cfg(target_os = "linux")]
fn close_memory() {
    if let Err(cause) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        warn!("failed to protect the process's memory from its child processes: {cause}");
    }
}

/// Other systems do not show a process to others.
#[cfg(not(target_os = "linux"))]
fn close_memory() {}

/// Libraries whose events the server logs itself.
const QUIET: &str = "sea_orm_migration=warn,sqlx::postgres::notice=error,sqlx_core::pool=error,sqlx::pool=error,actix_server=warn,opentelemetry=error,\
                     opentelemetry_sdk=error,opentelemetry-otlp=error,opentelemetry-application-insights=error";

fn filter(level: &LogLevel) -> EnvFilter {
    // Parsed when it was read, so it is valid.
    EnvFilter::builder()
        .with_regex(false)
        .parse_lossy(format!("{QUIET},{level}"))
}

/// Logs to standard error: standard output is for the results of subcommands.
fn start_log(config: &LogConfig) -> LogControl {
    let LogConfig {
        level,
        format,
        access: _,
        jobs: _,
    } = config;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter(level))
        // A failure of standard error (a closed terminal) can't be logged there either.
        .log_internal_errors(false)
        .with_writer(std::io::stderr.with_filter(is_written));
    let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    match format {
        LogFormat::Text => {
            let log = log.with_target(false).with_ansi(is_terminal).with_filter_reloading();
            let control = control(level, log.reload_handle());
            log.init();
            control
        }
        LogFormat::Json => {
            let log = log.json().with_filter_reloading();
            let control = control(level, log.reload_handle());
            log.init();
            control
        }
    }
}

fn control<S: Subscriber>(level: &LogLevel, handle: reload::Handle<EnvFilter, S>) -> LogControl {
    LogControl::new(level.clone(), move |level| {
        let filter = filter(level);
        // Libraries that use the crate `log` check its level first.
        log::set_max_level(match filter.max_level_hint() {
            Some(LevelFilter::OFF) => log::LevelFilter::Off,
            Some(LevelFilter::ERROR) => log::LevelFilter::Error,
            Some(LevelFilter::WARN) => log::LevelFilter::Warn,
            Some(LevelFilter::INFO) => log::LevelFilter::Info,
            Some(LevelFilter::DEBUG) => log::LevelFilter::Debug,
            Some(LevelFilter::TRACE) | None => log::LevelFilter::Trace,
        });
        // Fails only if the log no longer exists, and it lasts as long as the process.
        let _ = handle.reload(filter);
    })
}
