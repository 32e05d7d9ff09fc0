//! `tickerq job create`.

use std::io::Read;

use chrono::{DateTime, Utc};
use clap::Args;
use serde_json::value::RawValue;

use super::priority_argument::priority_parser;
use super::session::Session;
use super::wait::WaitArguments;
use crate::api::contract::field_values::{Parsed, PriorityValue, RetryCount};
use crate::api::contract::request::job::JobRequest;
use crate::cli::error::CliError;
use crate::cli::output::time::parse_time;
use crate::domain::job::priority::Priority;
use crate::domain::values::name::{JobName, JobType, QueueName, Tag, UniqueKey};
use crate::domain::values::time_span::TimeSpan;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tickerq job create EmailNotificationJob --parameters '{\"to\": \"ann@example.com\"}'
  tickerq job create Report --parameters @report.json --queue reports --priority high
  tickerq job create Report --delay 00:05:00 --max-retries 0
  make-parameters | tickerq job create Import --parameters - --wait")]
pub(super) struct CreateArguments {
    /// Type of the job, which selects its handler.
    #[arg(value_name = "TYPE", value_parser = JobType::parse)]
    job_type: JobType,
    /// Parameters of the job: JSON, @FILE, or - for standard input.
    #[arg(short, long, value_name = "JSON", allow_hyphen_values = true)]
    parameters: Option<String>,
    /// Display name of the job; its type by default.
    #[arg(long, value_parser = JobName::parse)]
    name: Option<JobName>,
    /// Queue of the job.
    #[arg(long, value_parser = QueueName::parse)]
    queue: Option<QueueName>,
    /// Priority of the job.
    #[arg(long, value_parser = priority_parser(), ignore_case = true)]
    priority: Option<Priority>,
    /// Delay before it is due, such as 5m, 00:05:00 or PT5M.
    #[arg(long, value_name = "DURATION", value_parser = TimeSpan::parse, conflicts_with = "run_at")]
    delay: Option<TimeSpan>,
    /// Due time, such as 2030-01-31T08:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    run_at: Option<DateTime<Utc>>,
    /// Maximum number of retries.
    #[arg(long, value_name = "NUMBER")]
    max_retries: Option<u32>,
    /// Timeout of an attempt.
    #[arg(long, value_name = "DURATION", value_parser = TimeSpan::parse)]
    timeout: Option<TimeSpan>,
    /// Unique key: no second job is created while one with this key is unfinished.
    #[arg(long, value_name = "KEY", value_parser = UniqueKey::parse)]
    unique_key: Option<UniqueKey>,
    /// Tag by which the job is found; may be repeated.
    #[arg(long = "tag", value_name = "TAG", value_parser = Tag::parse)]
    tags: Vec<Tag>,
    #[command(flatten)]
    wait: WaitArguments,
}

pub(super) async fn run(arguments: CreateArguments, session: &mut Session<'_>) -> Result<(), CliError> {
    let CreateArguments {
        job_type,
        parameters,
        name,
        queue,
        priority,
        delay,
        run_at,
        max_retries,
        timeout,
        unique_key,
        tags,
        wait,
    } = arguments;
    let parameters = parameters.as_deref().map(read_parameters).transpose()?;
    let request = JobRequest {
        job_type: Some(Parsed(job_type)),
        name: name.map(Parsed),
        queue: queue.map(Parsed),
        parameters: parameters.as_deref(),
        priority: priority.map(PriorityValue),
        delay: delay.map(Parsed),
        run_at: run_at.map(Parsed),
        max_retries: max_retries.map(RetryCount),
        timeout: timeout.map(Parsed),
        unique_key: unique_key.map(Parsed),
        tags: (!tags.is_empty()).then(|| tags.into_iter().map(Parsed).collect()),
        ..JobRequest::default()
    };
    let response = session.client.post(&["jobs"], &request).await?;
    // With a unique key it may be the existing job.
    let done = if response.is_new() { "created" } else { "found" };
    wait.finish(session, &response, done).await
}

/// The JSON of the argument, a file or standard input, byte for byte.
pub(in crate::cli) fn read_parameters(argument: &str) -> Result<Box<RawValue>, CliError> {
    let (place, text) = match argument.strip_prefix('@') {
        Some(file) => (file, std::fs::read_to_string(file)),
        None if argument == "-" => {
            let mut text = String::new();
            (
                "standard input",
                std::io::stdin().lock().read_to_string(&mut text).map(|_| text),
            )
        }
        None => ("the argument", Ok(argument.to_owned())),
    };
    let text = text.map_err(|error| CliError::Usage(format!("--parameters: can't read {place}: {error}")))?;
    serde_json::from_str(&text).map_err(|error| CliError::Usage(format!("--parameters: {place} is not JSON: {error}")))
}

#[cfg(test)]
mod tests {
    use super::read_parameters;

    #[test]
    fn parameters_are_passed_on_as_they_were_written() {
        let json = r#"{"b": 1.10, "a": 12345678901234567890123}"#;
        assert_eq!(read_parameters(json).unwrap().get(), json);
        let error = read_parameters("{a: 1}").unwrap_err().to_string();
        assert!(
            error.starts_with("--parameters: the argument is not JSON: key must be a string"),
            "{error}"
        );
        let error = read_parameters("@no/such/file").unwrap_err().to_string();
        assert!(error.starts_with("--parameters: can't read no/such/file: "), "{error}");
    }
}
