//! `tickerq queue`: queues of a running server.

use clap::{Args, Subcommand};
use serde::Serialize;

use super::api_client;
use super::api_client::api_types::{ClearedQueue, Queue, QueueExplanation, QueueList};
use super::api_client::{ApiResponse, Client, ClientArguments};
use super::error::CliError;
use super::output;
use super::output::Output;
use super::output::table::{Column, Table};
use crate::api::contract::request::queue::ClearRequest;
use crate::domain::values::name::QueueName;

#[derive(Debug, Args)]
pub(super) struct QueueArguments {
    #[command(subcommand)]
    command: QueueCommand,
    #[command(flatten, next_help_heading = "Server")]
    pub(super) client: ClientArguments,
}

#[derive(Debug, Subcommand)]
enum QueueCommand {
    /// List all queues with their counts.
    #[command(after_help = "Examples:
  tickerq queue list
  tickerq queue list --overview
  tickerq queue list --json --server https://jobs.example.com")]
    List(ListArguments),
    /// Explain why the pending jobs of a queue do not run.
    #[command(after_help = "Examples:
  tickerq queue explain mail")]
    Explain(NameArgument),
    /// Pause a queue: start no more jobs; running ones continue.
    #[command(after_help = "Examples:
  tickerq queue pause mail")]
    Pause(NameArgument),
    /// Resume a paused queue.
    #[command(after_help = "Examples:
  tickerq queue resume mail")]
    Resume(NameArgument),
    /// Delete pending jobs, failed jobs, or both, from a queue, after confirmation.
    #[command(after_help = "Examples:
  tickerq queue clear mail
  tickerq queue clear mail --pending --failed --yes")]
    Clear(ClearArguments),
    /// Delete a queue that is not configured and has no unfinished jobs.
    #[command(after_help = "Examples:
  tickerq queue delete old-imports")]
    Delete(NameArgument),
}

#[derive(Debug, Args)]
struct NameArgument {
    /// The queue.
    #[arg(value_parser = QueueName::parse)]
    name: QueueName,
}

#[derive(Debug, Args)]
struct ListArguments {
    /// Print due, later and retrying jobs, capacity and pauses.
    #[arg(long)]
    overview: bool,
}

#[derive(Debug, Args)]
struct ClearArguments {
    /// The queue.
    #[arg(value_parser = QueueName::parse)]
    name: QueueName,
    /// Delete pending jobs; the default unless --failed is given.
    #[arg(long)]
    pending: bool,
    /// Delete failed jobs.
    #[arg(long)]
    failed: bool,
    /// Delete without confirmation.
    #[arg(long, short)]
    yes: bool,
}

#[derive(Serialize)]
struct NoFields {}

pub(super) fn run(arguments: QueueArguments, output: &mut Output) -> Result<(), CliError> {
    let QueueArguments { command, client } = arguments;
    let as_json = client.json;
    let client = Client::new(&client)?;
    if let QueueCommand::Clear(arguments) = &command
        && !arguments.yes
    {
        let queue = api_client::block_on(client.get(&["queues", arguments.name.as_str()], &[]))?;
        if !output::confirm(&arguments.prompt(&queue.read()?))? {
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
        QueueCommand::List(ListArguments { overview: true }) => print_overview(&response.read()?, output),
        QueueCommand::List(_) => print_queues(&response.read()?, output),
        QueueCommand::Explain(_) => print_explanation(&response.read()?, output),
        QueueCommand::Pause(NameArgument { name }) => output.line(&format!("queue {name} is paused")),
        QueueCommand::Resume(NameArgument { name }) => output.line(&format!("queue {name} is running")),
        QueueCommand::Delete(NameArgument { name }) => output.line(&format!("queue {name} is deleted")),
        QueueCommand::Clear(ClearArguments { name, .. }) => {
            let ClearedQueue {
                cleared_pending,
                cleared_failed,
            } = response.read()?;
            output.line(&format!(
                "queue {name} is cleared: {cleared_pending} pending and {cleared_failed} failed jobs are removed"
            ))
        }
    }
}

async fn request(client: &Client, command: &QueueCommand) -> Result<ApiResponse, CliError> {
    match command {
        QueueCommand::List(ListArguments { overview: true }) => {
            client.get(&["queues"], &[("overview", "true".to_owned())]).await
        }
        QueueCommand::List(_) => client.get(&["queues"], &[]).await,
        QueueCommand::Explain(NameArgument { name }) => client.get(&["queues", name.as_str(), "explain"], &[]).await,
        QueueCommand::Pause(NameArgument { name }) => {
            client.post(&["queues", name.as_str(), "pause"], &NoFields {}).await
        }
        QueueCommand::Resume(NameArgument { name }) => {
            client.post(&["queues", name.as_str(), "resume"], &NoFields {}).await
        }
        QueueCommand::Delete(NameArgument { name }) => client.delete(&["queues", name.as_str()]).await,
        QueueCommand::Clear(arguments) => {
            let request = ClearRequest {
                clear_pending: Some(arguments.clears_pending()),
                clear_failed: Some(arguments.failed),
            };
            client
                .post(&["queues", arguments.name.as_str(), "clear"], &request)
                .await
        }
    }
}

impl ClearArguments {
    const fn clears_pending(&self) -> bool {
        self.pending || !self.failed
    }

    fn prompt(&self, queue: &Queue) -> String {
        let pending = self.clears_pending().then(|| format!("{} pending", queue.pending_jobs));
        let failed = self.failed.then(|| format!("{} failed", queue.failed_jobs));
        let jobs: Vec<String> = pending.into_iter().chain(failed).collect();
        format!("Delete {} jobs of queue {}?", jobs.join(" and "), self.name)
    }
}

fn print_explanation(explanation: &QueueExplanation, output: &mut Output) -> Result<(), CliError> {
    let QueueExplanation { summary, reasons } = explanation;
    output.line(summary)?;
    if reasons.is_empty() {
        return Ok(());
    }
    let mut table = Table::new(&[
        Column::fixed("JOBS"),
        Column::fixed("REASON"),
        Column::shrinks("MESSAGE", 30),
    ]);
    for reason in reasons {
        let about = if reason.is_exact { "" } else { "about " };
        table.push([
            format!("{about}{}", reason.jobs),
            reason.code.clone(),
            reason.message.clone(),
        ]);
    }
    output.table(&table, "")?;
    let mut remedies = reasons
        .iter()
        .filter_map(|reason| Some((&reason.code, reason.remedy.as_ref()?)));
    remedies.try_for_each(|(code, remedy)| output.line(&format!("{code}: {remedy}")))
}

fn print_queues(QueueList { queues }: &QueueList, output: &mut Output) -> Result<(), CliError> {
    let mut table = Table::new(&[
        Column::fixed("NAME"),
        Column::fixed("STATUS"),
        Column::fixed("PENDING"),
        Column::fixed("RUNNING"),
        Column::optional("COMPLETED", 3),
        Column::fixed("FAILED"),
        Column::optional("WORKERS", 4),
        Column::optional("PER MINUTE", 2),
        Column::optional("PER HOUR", 1),
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
    output.table(&table, "")
}

fn print_overview(QueueList { queues }: &QueueList, output: &mut Output) -> Result<(), CliError> {
    let mut table = Table::new(&[
        Column::fixed("NAME"),
        Column::fixed("STATUS"),
        Column::fixed("DUE"),
        Column::fixed("SCHEDULED"),
        Column::fixed("RETRYING"),
        Column::fixed("RUNNING"),
        Column::fixed("CAPACITY"),
        Column::optional("FIRST DUE", 2),
        Column::optional("PAUSED BY", 1),
    ]);
    let count = |count: Option<u64>| count.map_or_else(|| "many".to_owned(), |count| count.to_string());
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    for queue in queues {
        // A former server has no states.
        let overview = queue.overview.clone().unwrap_or_default();
        table.push([
            queue.name.clone(),
            queue.status.clone(),
            count(overview.due_jobs),
            count(overview.scheduled_jobs),
            count(overview.retrying_jobs),
            queue.running_jobs.to_string(),
            overview.capacity.to_string(),
            text(&overview.oldest_due_at),
            text(&overview.paused_by),
        ]);
    }
    output.table(&table, "")
}
