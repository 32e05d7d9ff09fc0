//! The handlers of the configuration.

use std::sync::Arc;

use crate::config::Config;
use crate::config::sections::job_types::handler::HandlerSettings;
use crate::handlers::HandlerRegistry;
use crate::handlers::NoopHandler;
use crate::handlers::command::CommandHandler;
use crate::handlers::http::{HttpClient, HttpClientError, HttpHandler, InvalidHttpHandler};
use crate::runtime::monitoring::job_spans::Traces;
use crate::webhooks::egress_policy::EgressPolicy;

/// A configured handler can't be created.
#[derive(Debug, thiserror::Error)]
pub enum HandlerError {
    /// Its URL or its headers can't be used.
    #[error("job_types.{job_type}.handler.http: {cause}")]
    Http {
        /// The type.
        job_type: String,
        /// The reason.
        cause: InvalidHttpHandler,
    },
    /// The HTTP client can't be created.
    #[error(transparent)]
    Client(#[from] HttpClientError),
}

/// The configured handlers; registered ones take precedence.
pub(super) fn configured(
    config: &Config,
    traces: &Traces,
    registered: HandlerRegistry,
) -> Result<HandlerRegistry, HandlerError> {
    let limits = config.jobs.handler_limits;
    let mut handlers = registered;
    let client = HttpClient::new(EgressPolicy::PRIVATE_ALLOWED)?;
    for settings in &config.job_types {
        let job_type = settings.job_type.clone();
        if settings.remote_workers {
            handlers.allow_remote_workers(job_type.clone());
        }
        if handlers.get(&job_type).is_some() {
            continue;
        }
        match &settings.handler {
            HandlerSettings::Http(options) => {
                let handler = HttpHandler::new(options.clone(), limits, client.clone());
                let handler = handler.map_err(|cause| HandlerError::Http {
                    job_type: job_type.to_string(),
                    cause,
                })?;
                handlers.register(job_type, Arc::new(handler.with_call_reporter(traces.calls())));
            }
            HandlerSettings::Command(options) => {
                handlers.register(job_type, Arc::new(CommandHandler::new(options.clone(), limits)));
            }
            // Only remote workers lease its jobs.
            HandlerSettings::Remote => {}
            HandlerSettings::Noop => handlers.register(job_type, Arc::new(NoopHandler)),
        }
    }
    Ok(handlers)
}
