//! `tickerq recurring`: recurring jobs by their keys.

use clap::{Args, Subcommand};

use super::api_client;
use super::api_client::api_types::RecurringJob;
use super::api_client::{ApiResponse, Client, ClientArguments};
use super::error::CliError;
use super::job;
use super::output;
use super::output::Output;
use crate::api::contract::field_values::{Parsed, PriorityValue, RetryCount};
use crate::api::contract::request::job::JobRequest;
use crate::domain::cron::CronExpression;
use crate::domain::job::priority::Priority;
use crate::domain::values::name::{JobName, JobType, QueueName, RecurringKey};
use crate::domain::values::time_span::TimeSpan;
use crate::domain::values::time_zone::TimeZoneName;

#[derive(Debug, Args)]
pub(super) struct RecurringArguments {
    #[command(subcommand)]
    command: RecurringCommand,
    #[command(flatten, next_help_heading = "Server")]
    pub(super) client: ClientArguments,
}

#[derive(Debug, Subcommand)]
enum RecurringCommand {
    /// Create or replace the recurring job with a key.
    #[command(after_help = "Examples:
  tickerq recurring put --key nightly-backup BackupJob '0 2 * * *' --time-zone Europe/Berlin
  tickerq recurring put --key report ReportJob @daily --parameters @report.json --queue reports")]
    Put(PutArguments),
    /// Show the recurring job with a key.
    #[command(after_help = "Examples:
  tickerq recurring get --key nightly-backup
  tickerq recurring get --key nightly-backup --json")]
    Get(KeyArgument),
    /// Delete the recurring job with a key; its occurrences remain.
    #[command(after_help = "Examples:
  tickerq recurring delete --key nightly-backup --yes")]
    Delete(DeleteArguments),
}

#[derive(Debug, Args)]
struct KeyArgument {
    /// Key of the recurring job.
    #[arg(long, value_parser = RecurringKey::parse)]
    key: RecurringKey,
}

#[derive(Debug, Args)]
struct DeleteArguments {
    #[command(flatten)]
    key: KeyArgument,
    /// Delete without confirmation.
    #[arg(long, short)]
    yes: bool,
}

#[derive(Debug, Args)]
struct PutArguments {
    #[command(flatten)]
    key: KeyArgument,
    /// Type of its jobs, which selects their handler.
    #[arg(value_name = "TYPE", value_parser = JobType::parse)]
    job_type: JobType,
    /// Schedule, as one argument: five fields, six with seconds first, or a macro such as @daily.
    #[arg(value_name = "EXPRESSION", value_parser = CronExpression::parse)]
    cron_expression: CronExpression,
    /// Time zone of the expression, such as Europe/Berlin.
    #[arg(long, value_name = "ZONE", value_parser = TimeZoneName::parse)]
    time_zone: Option<TimeZoneName>,
    /// Parameters of its jobs: JSON, @FILE, or - for standard input.
    #[arg(short, long, value_name = "JSON", allow_hyphen_values = true)]
    parameters: Option<String>,
    /// Display name; its type by default.
    #[arg(long, value_parser = JobName::parse)]
    name: Option<JobName>,
    /// Queue of its jobs.
    #[arg(long, value_parser = QueueName::parse)]
    queue: Option<QueueName>,
    /// Priority of its jobs.
    #[arg(long, value_parser = job::priority_parser(), ignore_case = true)]
    priority: Option<Priority>,
    /// Maximum number of retries of a job.
    #[arg(long, value_name = "NUMBER")]
    max_retries: Option<u32>,
    /// Timeout of an attempt.
    #[arg(long, value_name = "DURATION", value_parser = TimeSpan::parse)]
    timeout: Option<TimeSpan>,
    /// Create no jobs until it is enabled.
    #[arg(long)]
    disabled: bool,
}

pub(super) fn run(arguments: RecurringArguments, output: &mut Output) -> Result<(), CliError> {
    let RecurringArguments { command, client } = arguments;
    let as_json = client.json;
    let client = Client::new(&client)?;
    if let RecurringCommand::Delete(DeleteArguments { key, yes: false }) = &command {
        let found: RecurringJob = api_client::block_on(client.get(&path(&key.key), &[]))?.read()?;
        let prompt = format!("Delete the recurring job {} ({})?", key.key, found.name);
        if !output::confirm(&prompt)? {
            return Err(CliError::NotConfirmed);
        }
    }
    let response = api_client::block_on(request(&client, &command))?;
    if as_json {
        let text = response.text.trim_end();
        // The response to a deletion has no body.
        return if text.is_empty() { Ok(()) } else { output.line(text) };
    }
    match command {
        RecurringCommand::Put(PutArguments { key, .. }) => {
            let done = if response.is_new() { "created" } else { "updated" };
            let stored: RecurringJob = response.read()?;
            output.line(&format!("recurring job {} ({}) is {done}", key.key, stored.id))?;
            print(&stored, output)
        }
        RecurringCommand::Get(KeyArgument { key }) => {
            let stored: RecurringJob = response.read()?;
            output.line(&format!("recurring job {key} ({})", stored.id))?;
            print(&stored, output)
        }
        RecurringCommand::Delete(DeleteArguments { key, .. }) => {
            output.line(&format!("recurring job {} is deleted", key.key))
        }
    }
}

fn path(key: &RecurringKey) -> [&str; 4] {
    ["jobs", "recurring", "by-key", key.as_str()]
}

async fn request(client: &Client, command: &RecurringCommand) -> Result<ApiResponse, CliError> {
    match command {
        RecurringCommand::Put(arguments) => {
            let PutArguments {
                key: KeyArgument { key },
                job_type,
                cron_expression,
                time_zone,
                parameters,
                name,
                queue,
                priority,
                max_retries,
                timeout,
                disabled,
            } = arguments;
            let parameters = parameters.as_deref().map(job::read_parameters).transpose()?;
            let request = JobRequest {
                job_type: Some(Parsed(job_type.clone())),
                cron_expression: Some(Parsed(cron_expression.clone())),
                enabled: Some(!disabled),
                time_zone: time_zone.map(Parsed),
                parameters: parameters.as_deref(),
                name: name.clone().map(Parsed),
                queue: queue.clone().map(Parsed),
                priority: priority.map(PriorityValue),
                max_retries: max_retries.map(RetryCount),
                timeout: timeout.map(Parsed),
                ..JobRequest::default()
            };
            client.put(&path(key), &request).await
        }
        RecurringCommand::Get(KeyArgument { key }) => client.get(&path(key), &[]).await,
        RecurringCommand::Delete(DeleteArguments { key, .. }) => client.delete(&path(&key.key)).await,
    }
}

/// The details, one per line.
fn print(stored: &RecurringJob, output: &mut Output) -> Result<(), CliError> {
    let RecurringJob {
        id: _,
        name,
        job_type,
        cron_expression,
        description,
        time_zone,
        enabled,
        next_run_at,
        last_run_at,
        warnings,
    } = stored;
    let enabled = if *enabled { "yes" } else { "no" };
    let schedule = format!("{cron_expression} ({description})");
    let lines = [
        ("name", Some(name)),
        ("type", Some(job_type)),
        ("schedule", Some(&schedule)),
        ("time zone", Some(time_zone)),
        ("next run", next_run_at.as_ref()),
        ("last run", last_run_at.as_ref()),
    ];
    for (label, value) in lines {
        if let Some(value) = value {
            output.line(&format!("{label:<10} {value}"))?;
        }
    }
    output.line(&format!("{:<10} {enabled}", "enabled"))?;
    warnings
        .iter()
        .try_for_each(|warning| output.line(&format!("warning: {warning}")))
}
