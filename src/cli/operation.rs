//! `tickerq operation`: bulk operations of a running server.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::api_client;
use super::api_client::api_types::{Operation, OperationList, OperationPreview};
use super::api_client::{ApiResponse, Client, ClientArguments};
use super::error::CliError;
use super::output;
use super::output::Output;
use super::output::table::{Column, Table};
use crate::api::contract::field_values::{Object, Parsed, PriorityValue};
use crate::api::contract::request::operation::{OperationPreviewRequest, OperationSpec, OperationStartRequest};
use crate::domain::job::priority::Priority;
use crate::domain::values::id::OperationId;
use crate::domain::values::name::QueueName;
use crate::domain::values::time_span::TimeSpan;

/// Interval at which the progress is read.
const POLL: Duration = Duration::from_millis(500);

#[derive(Debug, Args)]
pub(super) struct OperationArguments {
    #[command(subcommand)]
    command: OperationCommand,
    #[command(flatten, next_help_heading = "Server")]
    pub(super) client: ClientArguments,
}

#[derive(Debug, Subcommand)]
enum OperationCommand {
    /// Cancel the jobs that a filter selects, or end an operation by its id.
    #[command(after_help = "Examples:
  tickerq operation cancel --filter 'status:pending type:ReportJob'
  tickerq operation cancel 01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55")]
    Cancel(CancelArguments),
    /// Retry failed and cancelled jobs.
    #[command(after_help = "Examples:
  tickerq operation retry --filter 'status:failed type:ReportJob' --reset-retry-count")]
    Retry(RetryArguments),
    /// Make pending jobs due, and requeue finished ones.
    #[command(after_help = "Examples:
  tickerq operation execute --filter 'status:pending queue:reports' --priority high")]
    Execute(ExecuteArguments),
    /// Delete finished jobs with their history.
    #[command(after_help = "Examples:
  tickerq operation delete --filter 'status:cancelled type:ReportJob' --yes")]
    Delete(FilterArguments),
    /// Move pending jobs to a queue.
    #[command(after_help = "Examples:
  tickerq operation move slow --filter 'type:ReportJob'")]
    Move(MoveArguments),
    /// Set the priority of pending jobs.
    #[command(after_help = "Examples:
  tickerq operation priority low --filter 'type:ReportJob'")]
    Priority(PriorityArguments),
    /// Restore what an operation has changed.
    #[command(after_help = "Examples:
  tickerq operation undo 01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55")]
    Undo(IdArgument),
    /// Stop an operation until it is resumed.
    Pause(IdArgument),
    /// Continue a paused operation.
    Resume(IdArgument),
    /// Show an operation.
    Show(IdArgument),
    /// List operations, newest first.
    List(ListArguments),
}

#[derive(Debug, Args)]
struct StartArguments {
    /// Start without confirmation.
    #[arg(long, short)]
    yes: bool,
    /// Time before the first step, in which the operation can be cancelled.
    #[arg(long, value_name = "DURATION", value_parser = TimeSpan::parse)]
    grace: Option<TimeSpan>,
    /// A note.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// Print the started operation without waiting for its end.
    #[arg(long)]
    no_wait: bool,
}

#[derive(Debug, Args)]
struct FilterArguments {
    /// The filter, in the filter language: `status:failed type:ReportJob`.
    #[arg(long, value_name = "FILTER", required_unless_present = "all")]
    filter: Option<String>,
    /// Select all jobs.
    #[arg(long, conflicts_with = "filter")]
    all: bool,
    #[command(flatten)]
    start: StartArguments,
}

#[derive(Debug, Args)]
struct CancelArguments {
    /// The operation to end, instead of a filter.
    #[arg(value_parser = OperationId::parse, conflicts_with_all = ["filter", "all"])]
    id: Option<OperationId>,
    /// The filter, in the filter language: `status:pending type:ReportJob`.
    #[arg(long, value_name = "FILTER", required_unless_present_any = ["all", "id"])]
    filter: Option<String>,
    /// Select all jobs.
    #[arg(long, conflicts_with = "filter")]
    all: bool,
    #[command(flatten)]
    start: StartArguments,
}

#[derive(Debug, Args)]
struct RetryArguments {
    /// Grant all retries again.
    #[arg(long)]
    reset_retry_count: bool,
    #[command(flatten)]
    filter: FilterArguments,
}

#[derive(Debug, Args)]
struct ExecuteArguments {
    /// New priority: low, normal, high or critical.
    #[arg(long, value_parser = Priority::parse)]
    priority: Option<Priority>,
    #[command(flatten)]
    filter: FilterArguments,
}

#[derive(Debug, Args)]
struct MoveArguments {
    /// The new queue.
    #[arg(value_parser = QueueName::parse)]
    queue: QueueName,
    #[command(flatten)]
    filter: FilterArguments,
}

#[derive(Debug, Args)]
struct PriorityArguments {
    /// The new priority: low, normal, high or critical.
    #[arg(value_parser = Priority::parse)]
    priority: Priority,
    #[command(flatten)]
    filter: FilterArguments,
}

#[derive(Debug, Args)]
struct IdArgument {
    /// The operation.
    #[arg(value_parser = OperationId::parse)]
    id: OperationId,
}

#[derive(Debug, Args)]
struct ListArguments {
    /// Maximum number of operations.
    #[arg(long, default_value_t = 20)]
    limit: u32,
}

#[derive(Serialize)]
struct NoFields {}

pub(super) fn run(arguments: OperationArguments, output: &mut Output) -> Result<(), CliError> {
    let OperationArguments { command, client } = arguments;
    let as_json = client.json;
    let client = Client::new(&client)?;
    let mut session = Session {
        client,
        as_json,
        output,
    };
    let spec = OperationSpec::default;
    match command {
        OperationCommand::Cancel(CancelArguments { id: Some(id), .. }) => session.change(id, "cancel"),
        OperationCommand::Cancel(CancelArguments {
            id: None,
            filter,
            all,
            start,
        }) => session.operate("cancel", spec(), FilterArguments { filter, all, start }),
        OperationCommand::Retry(RetryArguments {
            reset_retry_count,
            filter,
        }) => {
            let spec = OperationSpec {
                reset_retry_count: Some(reset_retry_count),
                ..spec()
            };
            session.operate("retry", spec, filter)
        }
        OperationCommand::Execute(ExecuteArguments { priority, filter }) => {
            let spec = OperationSpec {
                priority: priority.map(PriorityValue),
                ..spec()
            };
            session.operate("execute", spec, filter)
        }
        OperationCommand::Delete(filter) => session.operate("delete", spec(), filter),
        OperationCommand::Move(MoveArguments { queue, filter }) => {
            let spec = OperationSpec {
                queue: Some(Parsed(queue)),
                ..spec()
            };
            session.operate("move", spec, filter)
        }
        OperationCommand::Priority(PriorityArguments { priority, filter }) => {
            let spec = OperationSpec {
                priority: Some(PriorityValue(priority)),
                ..spec()
            };
            session.operate("priority", spec, filter)
        }
        OperationCommand::Undo(IdArgument { id }) => session.change(id, "undo"),
        OperationCommand::Pause(IdArgument { id }) => session.change(id, "pause"),
        OperationCommand::Resume(IdArgument { id }) => session.change(id, "resume"),
        OperationCommand::Show(IdArgument { id }) => {
            let id = id.to_string();
            let response = api_client::block_on(session.client.get(&["operations", &id], &[]))?;
            session.print(&response)
        }
        OperationCommand::List(ListArguments { limit }) => session.list(limit),
    }
}

struct Session<'a> {
    client: Client,
    as_json: bool,
    output: &'a mut Output,
}

impl Session<'_> {
    /// Previews an operation, requests confirmation, starts it and shows its progress.
    fn operate(&mut self, kind: &str, spec: OperationSpec, filter: FilterArguments) -> Result<(), CliError> {
        let FilterArguments { filter, all, start } = filter;
        let StartArguments {
            yes,
            grace,
            note,
            no_wait,
        } = start;
        let request = OperationPreviewRequest {
            kind: Some(kind.to_owned()),
            filter,
            all: all.then_some(true),
            spec: Some(Object(spec)),
        };
        let response = api_client::block_on(self.client.post(&["operations", "preview"], &request))?;
        let preview: OperationPreview = response.read()?;
        if !self.as_json {
            self.print_preview(&preview)?;
            self.output.flush()?;
        }
        if !yes && !output::confirm(&prompt(kind, &preview))? {
            return Err(CliError::NotStarted);
        }
        let request = OperationStartRequest {
            token: Some(preview.token),
            grace: grace.map(Parsed),
            note,
        };
        let response = api_client::block_on(self.client.post(&["operations"], &request))?;
        let started: Operation = response.read()?;
        if no_wait {
            return self.print(&response);
        }
        let response = self.follow(&started.id)?;
        self.print(&response)?;
        let ended: Operation = response.read()?;
        if ended.status == "completed" {
            return Ok(());
        }
        Err(CliError::OperationEnded {
            id: ended.id,
            status: ended.status,
        })
    }

    /// Shows the progress until the operation has ended or is paused.
    fn follow(&mut self, id: &str) -> Result<ApiResponse, CliError> {
        let mut printed = None;
        loop {
            let response = api_client::block_on(self.client.get(&["operations", id], &[]))?;
            let operation: Operation = response.read()?;
            if !matches!(operation.status.as_str(), "pending" | "running") {
                return Ok(response);
            }
            let now = (operation.status.clone(), operation.done, operation.skipped);
            if !self.as_json && printed.as_ref() != Some(&now) {
                self.output.line(&progress(&operation))?;
                self.output.flush()?;
                printed = Some(now);
            }
            std::thread::sleep(POLL);
        }
    }

    fn change(&mut self, id: OperationId, change: &str) -> Result<(), CliError> {
        let id = id.to_string();
        let response = api_client::block_on(self.client.post(&["operations", &id, change], &NoFields {}))?;
        self.print(&response)
    }

    fn list(&mut self, limit: u32) -> Result<(), CliError> {
        let query = [("limit", limit.to_string())];
        let response = api_client::block_on(self.client.get(&["operations"], &query))?;
        if self.as_json {
            return self.output.line(response.text.trim_end());
        }
        let OperationList { operations } = response.read()?;
        let mut table = Table::new(&[
            Column::fixed("ID"),
            Column::fixed("KIND"),
            Column::fixed("STATUS"),
            Column::fixed("DONE"),
            Column::fixed("TOTAL"),
            Column::optional("SKIPPED", 2),
            Column::optional("BY", 1),
            Column::shrinks("FILTER", 12),
        ]);
        for operation in operations {
            table.push([
                operation.id,
                operation.kind,
                operation.status,
                operation.done.to_string(),
                operation.total.to_string(),
                operation.skipped.to_string(),
                operation.requested_by,
                operation.filter,
            ]);
        }
        self.output.table(&table, "")
    }

    fn print(&mut self, response: &ApiResponse) -> Result<(), CliError> {
        if self.as_json {
            return self.output.line(response.text.trim_end());
        }
        let operation: Operation = response.read()?;
        self.output.line(&progress(&operation))?;
        for skipped in &operation.skipped_by {
            self.output
                .line(&format!("  {} skipped: {}", skipped.count, skipped.message))?;
        }
        match &operation.error {
            Some(error) => self.output.line(&format!("  {error}")),
            None => Ok(()),
        }
    }

    fn print_preview(&mut self, preview: &OperationPreview) -> Result<(), CliError> {
        let newest = if preview.is_split_exact {
            String::new()
        } else {
            format!(" (of the newest {})", preview.counted)
        };
        let total = number(preview.total, preview.is_exact);
        self.output.line(&format!("{total} jobs match: {}", preview.filter))?;
        for (name, counts) in [
            ("status", &preview.by_status),
            ("type", &preview.by_type),
            ("queue", &preview.by_queue),
        ] {
            let counts: Vec<String> = counts
                .iter()
                .take(10)
                .map(|(name, count)| format!("{name} {count}"))
                .collect();
            if !counts.is_empty() {
                self.output
                    .line(&format!("  by {name}{newest}: {}", counts.join(", ")))?;
            }
        }
        for skipped in &preview.skipped {
            let count = number(skipped.count, skipped.is_exact.unwrap_or(true));
            self.output
                .line(&format!("  {count} are skipped: {}", skipped.message))?;
        }
        for warning in &preview.warnings {
            output::warning(warning);
        }
        Ok(())
    }
}

fn prompt(kind: &str, preview: &OperationPreview) -> String {
    let undo = if preview.undo == "inverse" {
        "can be undone"
    } else {
        "can't be undone"
    };
    let total = number(preview.total, preview.is_exact);
    format!("Start '{kind}' for {total} jobs ({undo})?")
}

/// A number of jobs, which may be a lower bound.
fn number(count: u64, is_exact: bool) -> String {
    if is_exact {
        count.to_string()
    } else {
        format!("at least {count}")
    }
}

/// An operation in a line.
fn progress(operation: &Operation) -> String {
    let Operation {
        id,
        kind,
        status,
        done,
        skipped,
        total,
        ..
    } = operation;
    format!("{kind} {id} is {status}: {done} of {total} jobs changed, {skipped} skipped")
}
