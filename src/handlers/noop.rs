//! A handler that does nothing, for smoke tests and benchmarks.

use async_trait::async_trait;

use super::job_handler::{JobContext, JobHandler};
use crate::domain::job::outcome::Failure;
use crate::domain::values::json::Json;

/// Completes every job immediately, without a result.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoopHandler;

#[async_trait]
impl JobHandler for NoopHandler {
    async fn run(&self, _context: JobContext) -> Result<Option<Json>, Failure> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::NoopHandler;
    use crate::handlers::JobHandler;
    use crate::handlers::sample_job::context;

    #[tokio::test]
    async fn it_completes_without_a_result() {
        assert_eq!(NoopHandler.run(context("{}")).await, Ok(None));
    }
}
