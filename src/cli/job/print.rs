//! Display of jobs.

use crate::cli::api_client::api_types::{Attempt, Job, JobList, LogLine};
use crate::cli::error::CliError;
use crate::cli::output::Output;
use crate::cli::output::table::{Column, Table};

/// Maximum length of a text in a table.
const CELL_LENGTH_MAX: usize = 60;

/// Status and queue of a job.
pub(super) fn summary(job: &Job) -> String {
    match &job.queue {
        Some(queue) => format!("{} in queue {queue}", job.status),
        None => job.status.clone(),
    }
}

/// A page of jobs as a table.
pub(super) fn list(list: &JobList, offset: u64, output: &mut Output) -> Result<(), CliError> {
    let JobList {
        jobs,
        total_count,
        has_more,
    } = list;
    if jobs.is_empty() {
        return output.line("no jobs");
    }
    let mut table = Table::new(&[
        Column::fixed("ID"),
        Column::shrinks("TYPE", 10),
        Column::fixed("STATUS"),
        Column::shrinks("QUEUE", 6),
        Column::optional("PRIORITY", 1),
        Column::optional("CREATED", 4),
        Column::optional("DURATION", 3),
        Column::optional("RETRIES", 2),
        Column::shrinks("ERROR", 5),
    ]);
    for job in jobs {
        table.push([
            job.id.clone(),
            cell(job.job_type.as_deref()),
            job.status.clone(),
            cell(job.queue.as_deref()),
            cell(job.priority.as_deref()),
            cell(job.created_at.as_deref()),
            cell(job.duration.as_deref()),
            format!("{}/{}", job.retry_count, job.max_retries),
            // A job that failed once and then completed keeps its error.
            cell(job.error.as_deref().filter(|_| job.status != "completed")),
        ]);
    }
    output.table(&table, "")?;
    let count = u64::try_from(jobs.len()).unwrap_or(u64::MAX);
    if *has_more {
        let next = offset.saturating_add(count);
        output.line(&format!("{count} of {total_count} jobs; more with --offset {next}"))
    } else {
        output.line(&format!("{count} of {total_count} jobs"))
    }
}

/// The details of a job.
pub(super) fn details(job: &Job, output: &mut Output) -> Result<(), CliError> {
    let retries = format!("{} of {}", job.retry_count, job.max_retries);
    // The remote worker of the latest attempt.
    let worker = job
        .execution_history
        .last()
        .and_then(|attempt| attempt.worker.as_deref());
    let progress = job.progress.as_ref().map(|progress| match &progress.message {
        Some(message) => format!("{} % ({message})", progress.percent),
        None => format!("{} %", progress.percent),
    });
    let fields = [
        ("id", Some(job.id.as_str())),
        ("type", job.job_type.as_deref()),
        ("name", job.name.as_deref()),
        ("status", Some(job.status.as_str())),
        ("queue", job.queue.as_deref()),
        ("priority", job.priority.as_deref()),
        ("created", job.created_at.as_deref()),
        ("run at", job.run_at.as_deref()),
        ("started", job.executed_at.as_deref()),
        ("finished", job.completed_at.as_deref()),
        ("duration", job.duration.as_deref()),
        ("timeout", job.timeout.as_deref()),
        ("retries", Some(retries.as_str())),
        ("unique key", job.unique_key.as_deref()),
        ("worker", worker),
        ("progress", progress.as_deref()),
        ("error", job.error.as_deref()),
    ];
    let warnings = job.warnings.iter().map(|warning| ("warning", Some(warning.as_str())));
    for (name, value) in fields.into_iter().chain(warnings) {
        if let Some(value) = value {
            output.line(&format!("{name:<11} {value}"))?;
        }
    }
    let blocks = [
        ("error detail", job.error_detail.clone()),
        (
            "parameters",
            job.parameters.as_deref().map(|json| json.get().to_owned()),
        ),
        ("result", job.result.as_deref().map(|json| json.get().to_owned())),
    ];
    for (name, text) in blocks {
        if let Some(text) = text {
            output.line(name)?;
            text.lines().try_for_each(|line| output.line(&format!("  {line}")))?;
        }
    }
    if !job.log.is_empty() {
        output.line("log")?;
        job.log.iter().try_for_each(|line| {
            let LogLine {
                attempt,
                at,
                level,
                message,
            } = line;
            output.line(&format!("  {at} #{attempt} {level:<7} {message}"))
        })?;
    }
    if job.execution_history.is_empty() {
        return Ok(());
    }
    output.line("attempts")?;
    history(&job.execution_history, output)
}

fn history(attempts: &[Attempt], output: &mut Output) -> Result<(), CliError> {
    let mut columns = vec![
        Column::fixed("#"),
        Column::fixed("STATUS"),
        Column::optional("STARTED", 1),
        Column::optional("DURATION", 2),
    ];
    let is_remote = attempts.iter().any(|attempt| attempt.worker.is_some());
    if is_remote {
        columns.push(Column::shrinks("WORKER", 8));
    }
    columns.push(Column::shrinks("ERROR", 20));
    let mut table = Table::new(&columns);
    for attempt in attempts {
        let mut cells = vec![
            attempt.attempt.to_string(),
            attempt.status.clone(),
            cell(attempt.started_at.as_deref()),
            cell(attempt.duration.as_deref()),
        ];
        if is_remote {
            cells.push(cell(attempt.worker.as_deref()));
        }
        cells.push(cell(attempt.error.as_deref()));
        table.push(cells);
    }
    output.table(&table, "  ")
}

/// A text in one short line.
fn cell(text: Option<&str>) -> String {
    let text = text.unwrap_or_default();
    let line = text.lines().next().unwrap_or_default();
    let short: String = line.chars().take(CELL_LENGTH_MAX).collect();
    if short.len() < text.len() {
        format!("{short}…")
    } else {
        short
    }
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn a_cell_is_one_short_line() {
        assert_eq!(cell(None), "");
        assert_eq!(cell(Some("a\nb")), "a…");
        assert_eq!(cell(Some(&"ä".repeat(61))), format!("{}…", "ä".repeat(60)));
        assert_eq!(cell(Some(&"ä".repeat(60))), "ä".repeat(60));
    }
}
