//! Use cases of the server's numbers.

use std::sync::Arc;

use super::error::ServiceError;
use crate::domain::caller::{Caller, Scope};
use crate::domain::health::Health;
use crate::domain::metrics::SystemMetrics;
use crate::runtime::RuntimeHandle;
use crate::runtime::sampler::{ReadHealth, ReadSystem};

/// Use cases of the server's numbers.
#[derive(Clone)]
pub struct Metrics {
    runtime: RuntimeHandle,
}

impl Metrics {
    /// The numbers of this runtime.
    pub fn new(runtime: RuntimeHandle) -> Self {
        Self { runtime }
    }

    /// The server in numbers: no older than a second, however often it is asked.
    pub async fn system(&self, caller: &Caller) -> Result<Arc<SystemMetrics>, ServiceError> {
        caller.require(Scope::Read)?;
        match self.runtime.sampler.send(ReadSystem).await {
            Ok(metrics) => Ok(metrics?),
            Err(_) => Err(away()),
        }
    }

    /// How the server was when its health was last looked at, and why.
    pub async fn health(&self, caller: &Caller) -> Result<Health, ServiceError> {
        caller.require(Scope::Read)?;
        self.runtime.sampler.send(ReadHealth).await.map_err(|_| away())
    }
}

fn away() -> ServiceError {
    ServiceError::Unavailable {
        reason: "the sampler has stopped".to_owned(),
    }
}
