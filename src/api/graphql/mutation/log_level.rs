//! Log level of this server.

use async_graphql::{Context, Object, Result};

use crate::api::graphql::context::{caller, services};
use crate::api::graphql::errors;
use crate::api::graphql::types::log_level::LogLevel;
use crate::log_level::LogLevel as Level;

#[derive(Default)]
pub(super) struct LogMutations;

#[Object]
impl LogMutations {
    /// Sets the log level of the server that responds until it is changed again or the server restarts. Requires the
    /// admin scope.
    async fn set_log_level(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "`off`, `error`, `warn`, `info`, `debug` or `trace`, or directives such as `info,tickerq=debug`."
        )]
        level: String,
    ) -> Result<Option<LogLevel>> {
        let level = Level::parse(&level).map_err(|error| errors::invalid("level", &error.to_string()))?;
        let log = &services(ctx)?.log;
        log.set_level(caller(ctx)?, &level).await?;
        Ok(Some(LogLevel::new(&level, log.node())))
    }
}
