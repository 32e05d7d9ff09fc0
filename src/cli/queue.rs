//! `tickerq queue`: queues of a running server.

use clap::{Args, Subcommand};
use serde::Serialize;

use super::client::{self, Answer, Client, ClientArguments};
use super::error::CliError;
use super::output::Output;
use super::table::Table;
use super::wire::{ClearedQueue, QueueList};
use crate::domain::name::QueueName;

#[derive(Debug, Args)]
pub(super) struct QueueArguments {
    #[command(subcommand)]
    command: QueueCommand,
    #[command(flatten, next_help_heading = "Server")]
    client: ClientArguments,
}

#[derive(Debug, Subcommand)]
enum QueueCommand {
    /// List all queues with their counts.
    #[command(after_help = "Examples:
  tickerq queue list
  tickerq queue list --json --server https://jobs.example.com")]
    List,
    /// Start no more jobs of a queue; what runs goes on.
    #[command(after_help = "Examples:
  tickerq queue pause mail")]
    Pause(NameArgument),
    /// Start jobs of a paused queue again.
    #[command(after_help = "Examples:
  tickerq queue resume mail")]
    Resume(NameArgument),
    /// Remove pending jobs, failed jobs, or both, from a queue.
    #[command(after_help = "Examples:
  tickerq queue clear mail --pending
  tickerq queue clear mail --pending --failed")]
    Clear(ClearArguments),
}

#[derive(Debug, Args)]
struct NameArgument {
    /// The queue.
    #[arg(value_parser = QueueName::parse)]
    name: QueueName,
}

#[derive(Debug, Args)]
struct ClearArguments {
    /// The queue.
    #[arg(value_parser = QueueName::parse)]
    name: QueueName,
    /// Remove jobs that wait.
    #[arg(long, required_unless_present = "failed")]
    pending: bool,
    /// Remove jobs that failed for good.
    #[arg(long)]
    failed: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ClearRequest {
    clear_pending: bool,
    clear_failed: bool,
}

#[derive(Serialize)]
struct NoFields {}

pub(super) fn run(arguments: QueueArguments, output: &mut Output) -> Result<(), CliError> {
    let QueueArguments { command, client } = arguments;
    let as_json = client.json;
    let client = Client::new(&client)?;
    let answer = client::block_on(ask(&client, &command))?;
    if as_json {
        return output.line(answer.text.trim_end());
    }
    match command {
        QueueCommand::List => print_queues(&answer.read()?, output),
        QueueCommand::Pause(NameArgument { name }) => output.line(&format!("queue {name} is paused")),
        QueueCommand::Resume(NameArgument { name }) => output.line(&format!("queue {name} is running")),
        QueueCommand::Clear(ClearArguments { name, .. }) => {
            let ClearedQueue {
                cleared_pending,
                cleared_failed,
            } = answer.read()?;
            output.line(&format!(
                "queue {name} is cleared: {cleared_pending} pending and {cleared_failed} failed jobs are removed"
            ))
        }
    }
}

async fn ask(client: &Client, command: &QueueCommand) -> Result<Answer, CliError> {
    match command {
        QueueCommand::List => client.get(&["queues"], &[]).await,
        QueueCommand::Pause(NameArgument { name }) => {
            client.post(&["queues", name.as_str(), "pause"], &NoFields {}).await
        }
        QueueCommand::Resume(NameArgument { name }) => {
            client.post(&["queues", name.as_str(), "resume"], &NoFields {}).await
        }
        QueueCommand::Clear(ClearArguments { name, pending, failed }) => {
            let request = ClearRequest {
                clear_pending: *pending,
                clear_failed: *failed,
            };
            client.post(&["queues", name.as_str(), "clear"], &request).await
        }
    }
}

fn print_queues(QueueList { queues }: &QueueList, output: &mut Output) -> Result<(), CliError> {
    let mut table = Table::new(&[
        "NAME",
        "STATUS",
        "PENDING",
        "RUNNING",
        "COMPLETED",
        "FAILED",
        "WORKERS",
        "PER MINUTE",
        "PER HOUR",
    ]);
    for queue in queues {
        table.push([
            queue.name.clone(),
            queue.status.clone(),
            queue.pending_jobs.to_string(),
            queue.running_jobs.to_string(),
            queue.completed_jobs.to_string(),
            queue.failed_jobs.to_string(),
            queue.workers.to_string(),
            queue.throughput.jobs_per_minute.to_string(),
            queue.throughput.jobs_per_hour.to_string(),
        ]);
    }
    table.lines("").iter().try_for_each(|line| output.line(line))
}
