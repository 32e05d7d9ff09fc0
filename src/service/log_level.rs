//! Use cases of the log level, which can be changed at runtime.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tracing::{Level, warn};

use super::audit_writer;
use super::audit_writer::{AuditWriter, AuditedAction};
use super::error::ServiceError;
use crate::domain::access::audit::AuditRecord;
use crate::domain::access::caller::{Caller, Scope};
use crate::domain::values::id::NodeId;
use crate::log_level::LogLevel;
use crate::runtime::RuntimeHandle;
use crate::storage::change::{Change, ClusterChange};

/// Timeout of the audit record of a new log level.
const AUDIT_TIMEOUT: Duration = Duration::from_secs(2);

/// Control of the process's log level, provided by the code that initialised logging.
#[derive(Clone)]
pub struct LogControl {
    level: Arc<Mutex<LogLevel>>,
    apply: Arc<dyn Fn(&LogLevel) + Send + Sync>,
}

impl LogControl {
    /// A control with an initial level; `apply` changes the level of the log.
    pub fn new(level: LogLevel, apply: impl Fn(&LogLevel) + Send + Sync + 'static) -> Self {
        Self {
            level: Arc::new(Mutex::new(level)),
            apply: Arc::new(apply),
        }
    }

    fn level(&self) -> LogLevel {
        self.level.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, level: &LogLevel) {
        // Held during the change: of two concurrent changes, the last applied one is the stored one.
        let mut current = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        (self.apply)(level);
        *current = level.clone();
    }
}

impl fmt::Debug for LogControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LogControl").field(&self.level()).finish()
    }
}

/// Use cases of the log level.
#[derive(Clone)]
pub(crate) struct Log {
    runtime: RuntimeHandle,
    control: Option<LogControl>,
    audit: AuditWriter,
}

impl Log {
    /// The log of this process; `None` if the host application manages it.
    pub(crate) fn new(runtime: RuntimeHandle, control: Option<LogControl>) -> Self {
        Self {
            audit: AuditWriter::new(runtime.clone(), false),
            runtime,
            control,
        }
    }

    /// Enables or disables the audit log.
    #[must_use]
    pub(crate) fn audited(self, is_kept: bool) -> Self {
        Self {
            audit: AuditWriter::new(self.runtime.clone(), is_kept),
            ..self
        }
    }

    /// The log level of this server.
    pub(crate) fn level(&self, caller: &Caller) -> Result<LogLevel, ServiceError> {
        caller.require(Scope::Admin)?;
        Ok(self.control()?.level())
    }

    /// Sets the log level of this server until it is changed again or the server restarts. The level is not stored, so
    /// that it can be set while storage is unavailable; then the log alone has a record of it.
    pub(crate) async fn set_level(&self, caller: &Caller, level: &LogLevel) -> Result<(), ServiceError> {
        caller.require(Scope::Admin)?;
        let control = self.control()?;
        // Logged under the level that allows it: the previous or the new one.
        let is_logged = tracing::enabled!(Level::WARN);
        let report = || warn!("log level set to {level} by {}", caller.name());
        if is_logged {
            report();
        }
        control.set(level);
        if !is_logged {
            report();
        }
        if let Some(entry) = self.audit.entry(caller, AuditedAction::SET_LOG_LEVEL) {
            self.record(entry).await;
        }
        Ok(())
    }

    async fn record(&self, entry: AuditRecord) {
        let node = self.runtime.node;
        let change = Change::Cluster(ClusterChange::SetLogLevel { node });
        let written = self.audit.write(change, Some(audit_writer::of_node(entry, node)));
        let failure = match tokio::time::timeout(AUDIT_TIMEOUT, written).await {
            Ok(Ok(Ok(_))) => return,
            Ok(Ok(Err(refused))) => refused.to_string(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("storage did not respond within {} s", AUDIT_TIMEOUT.as_secs()),
        };
        warn!("failed to write the audit record of the new log level: {failure}");
    }

    /// Id of the server.
    pub(crate) fn node(&self) -> NodeId {
        self.runtime.node
    }

    fn control(&self) -> Result<&LogControl, ServiceError> {
        self.control.as_ref().ok_or(ServiceError::LogNotOwned)
    }
}
