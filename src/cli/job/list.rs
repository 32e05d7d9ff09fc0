//! `tickerq job list`.

use clap::Args;

use super::print;
use super::priority_argument::priority_parser;
use super::session::Session;
use crate::api::contract::job_order::ListOrder;
use crate::cli::error::CliError;
use crate::domain::job::priority::Priority;
use crate::domain::job::status::JobStatus;
use crate::domain::values::name::{JobType, QueueName};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tickerq job list
  tickerq job list --status failed,cancelled --queue mail --from 2030-01-01
  tickerq job list --filter 'type:Email* error:timeout attempts:>3 finished:>=-1h'
  tickerq job list --type EmailNotificationJob --limit 1000 --json")]
pub(super) struct ListArguments {
    /// Only these statuses: pending, running, completed, failed, cancelled.
    #[arg(long, value_delimiter = ',', value_parser = JobStatus::parse)]
    status: Vec<JobStatus>,
    /// Only jobs of this type.
    #[arg(long = "type", value_name = "TYPE", value_parser = JobType::parse)]
    job_type: Option<JobType>,
    /// Only jobs of this queue.
    #[arg(long, value_parser = QueueName::parse)]
    queue: Option<QueueName>,
    /// Only jobs of this priority.
    #[arg(long, value_parser = priority_parser(), ignore_case = true)]
    priority: Option<Priority>,
    /// Only jobs with this text in their name or type, or the job whose id it is.
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Only jobs created at this time or later: a date, or a time such as 2030-01-31T08:00:00Z.
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Only jobs created at this time or earlier; a date means its end.
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Only jobs that match this filter, such as 'type:Email* attempts:>3 finished:>=-1h'.
    #[arg(long, value_name = "FILTER")]
    filter: Option<String>,
    /// Order: created, due, finished or duration, with - for the greatest first; -created by default.
    #[arg(long, allow_hyphen_values = true, value_parser = parse_order)]
    order: Option<String>,
    /// Maximum number of jobs.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// Number of jobs to skip.
    #[arg(long, default_value_t = 0)]
    offset: u64,
}

impl ListArguments {
    /// The jobs that match a filter.
    pub(super) const fn of_filter(filter: String, limit: u32, offset: u64) -> Self {
        Self {
            status: Vec::new(),
            job_type: None,
            queue: None,
            priority: None,
            search: None,
            from: None,
            to: None,
            filter: Some(filter),
            order: None,
            limit,
            offset,
        }
    }
}

fn parse_order(text: &str) -> Result<String, String> {
    ListOrder::parse(text).map(|_| text.to_owned())
}

pub(super) async fn run(arguments: &ListArguments, session: &mut Session<'_>) -> Result<(), CliError> {
    let ListArguments {
        status,
        job_type,
        queue,
        priority,
        search,
        from,
        to,
        filter,
        order,
        limit,
        offset,
    } = arguments;
    let statuses: Vec<&str> = status.iter().map(|status| status.as_str()).collect();
    let filters = [
        ("status", Some(statuses.join(",")).filter(|text| !text.is_empty())),
        ("type", job_type.as_ref().map(ToString::to_string)),
        ("queue", queue.as_ref().map(ToString::to_string)),
        ("priority", priority.map(|priority| priority.as_str().to_owned())),
        ("search", search.clone()),
        ("from", from.clone()),
        ("to", to.clone()),
        ("filter", filter.clone()),
        ("order", order.clone()),
        ("limit", Some(limit.to_string())),
        ("offset", Some(offset.to_string()).filter(|_| *offset > 0)),
    ];
    let query: Vec<(&str, String)> = filters
        .into_iter()
        .filter_map(|(name, value)| value.map(|value| (name, value)))
        .collect();
    let response = session.client.get(&["jobs"], &query).await?;
    if session.as_json {
        return session.output.line(response.text.trim_end());
    }
    print::list(&response.read()?, *offset, session.output)
}
