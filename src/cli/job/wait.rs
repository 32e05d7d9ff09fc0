//! `--wait`: waits until a job has finished.

use std::time::Duration;

use clap::Args;

use super::print;
use super::session::Session;
use crate::cli::api_client::ApiResponse;
use crate::cli::api_client::api_types::Job;
use crate::cli::error::CliError;
use crate::domain::values::time_span::TimeSpan;

/// Delay before the second poll; it increases with each poll.
const MIN_DELAY: Duration = Duration::from_millis(50);
/// Maximum delay.
const MAX_DELAY: Duration = Duration::from_secs(2);

#[derive(Debug, Args)]
pub(super) struct WaitArguments {
    /// Wait until the job has finished; the exit code is 1 unless it completed.
    #[arg(long)]
    wait: bool,
    /// Maximum wait; unlimited by default.
    #[arg(long, value_name = "DURATION", value_parser = TimeSpan::parse, requires = "wait")]
    wait_timeout: Option<TimeSpan>,
}

impl WaitArguments {
    /// Prints the change of the job in `response`; with `--wait`, waits for its end and prints that.
    pub(super) async fn finish(
        &self,
        session: &mut Session<'_>,
        response: &ApiResponse,
        done: &str,
    ) -> Result<(), CliError> {
        if !self.wait {
            return session.print_change(response, done);
        }
        let job: Job = response.read()?;
        if !session.as_json {
            session.print_change(response, done)?;
            session.output.flush()?;
        }
        let (job, response) = match self.wait_timeout {
            None => wait_for(session, &job.id).await?,
            Some(limit) => tokio::time::timeout(limit.to_std(), wait_for(session, &job.id))
                .await
                .map_err(|_| CliError::NotCompleted {
                    id: job.id.clone(),
                    ended: format!("has not finished after {limit}"),
                })??,
        };
        if session.as_json {
            session.output.line(response.text.trim_end())?;
        } else {
            print::details(&job, session.output)?;
        }
        if job.status == "completed" {
            return Ok(());
        }
        Err(CliError::NotCompleted {
            ended: match &job.error {
                Some(error) => format!("ended as {}: {error}", job.status),
                None => format!("ended as {}", job.status),
            },
            id: job.id,
        })
    }
}

async fn wait_for(session: &Session<'_>, id: &str) -> Result<(Job, ApiResponse), CliError> {
    let mut pause = MIN_DELAY;
    loop {
        let response = session.client.get(&["jobs", id], &[]).await?;
        let job: Job = response.read()?;
        if job.is_finished() {
            return Ok((job, response));
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 3 / 2).min(MAX_DELAY);
    }
}
