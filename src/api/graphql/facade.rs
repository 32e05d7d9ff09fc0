//! State of the GraphQL route: its engine, authenticator and limits.

use std::sync::{Arc, LazyLock};

use super::context::Services;
use super::execution::executor::Engine;
use super::options::GraphQlOptions;
use crate::api::auth::Authenticator;
use crate::api::memory::RequestMemory;
use crate::api::realtime::Realtime;
use crate::service::facade_metrics::operations::Operations;

/// An engine that the first request builds: its schemas take a megabyte, and not all servers receive such requests.
pub(super) type LazyEngine = LazyLock<Engine, Box<dyn FnOnce() -> Engine + Send + Sync>>;

/// The GraphQL facade. All HTTP workers share one.
#[derive(Clone)]
pub(crate) struct GraphQl {
    pub(super) engine: Arc<LazyEngine>,
    pub(super) authenticator: Authenticator,
    pub(super) realtime: Realtime,
    pub(super) memory: RequestMemory,
    pub(super) options: GraphQlOptions,
}

impl GraphQl {
    /// GraphQL over these use cases, for callers that the authenticator accepts. Its connections count with those of
    /// live updates and follow their rules. Its operations are counted.
    pub(crate) fn new(
        services: Services,
        operations: Operations,
        authenticator: Authenticator,
        realtime: Realtime,
        memory: RequestMemory,
        options: GraphQlOptions,
    ) -> Self {
        let responses = memory.responses.clone();
        let engine = LazyEngine::new(Box::new(move || Engine::new(services, operations, responses, &options)));
        Self {
            engine: Arc::new(engine),
            authenticator,
            realtime,
            memory,
            options,
        }
    }
}
