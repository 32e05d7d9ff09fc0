//! Use cases of the log's level: how much this server says, seen and changed while it runs.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::{Level, warn};

use super::error::ServiceError;
use crate::domain::access::caller::{Caller, Scope};
use crate::domain::values::id::NodeId;
use crate::log_level::LogLevel;
use crate::runtime::RuntimeHandle;

/// How the level of the process's log is changed, from whoever has started that log.
#[derive(Clone)]
pub struct LogControl {
    level: Arc<Mutex<LogLevel>>,
    apply: Arc<dyn Fn(&LogLevel) + Send + Sync>,
}

impl LogControl {
    /// A log that says this much; `apply` has it say as much as it is given.
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
        // Held meanwhile: of two who change it at once, the one that is told last is the one that holds.
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

/// Use cases of the log's level.
#[derive(Clone)]
pub struct Log {
    runtime: RuntimeHandle,
    control: Option<LogControl>,
}

impl Log {
    /// The log of this process; `None` when it is not the server's own.
    pub fn new(runtime: RuntimeHandle, control: Option<LogControl>) -> Self {
        Self { runtime, control }
    }

    /// How much this server says.
    pub fn level(&self, caller: &Caller) -> Result<LogLevel, ServiceError> {
        caller.require(Scope::Admin)?;
        Ok(self.control()?.level())
    }

    /// Has this server say as much as `level` from now on, until it is changed again or the server restarts. The log itself
    /// says who did that: nothing is stored, so that it can be done while storage is away.
    pub fn set_level(&self, caller: &Caller, level: &LogLevel) -> Result<(), ServiceError> {
        caller.require(Scope::Admin)?;
        let control = self.control()?;
        // Whichever of the two levels lets it be said.
        let is_said = tracing::enabled!(Level::WARN);
        let say = || warn!("{} has set the log's level to {level}", caller.name());
        if is_said {
            say();
        }
        control.set(level);
        if !is_said {
            say();
        }
        Ok(())
    }

    /// The server whose log it is.
    pub fn node(&self) -> NodeId {
        self.runtime.node
    }

    fn control(&self) -> Result<&LogControl, ServiceError> {
        self.control.as_ref().ok_or(ServiceError::LogNotOwned)
    }
}
