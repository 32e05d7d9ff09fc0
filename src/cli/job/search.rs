//! `tickerq job search`.

use clap::Args;

use super::list;
use super::session::Session;
use crate::cli::error::CliError;

#[derive(Debug, Args)]
#[command(after_help = "Terms:
  status:failed,cancelled   type:Email*   -queue:bulk   name:report   priority:>=high   recurring:none
  error:timeout   attempts:>3   retries:0   duration:>10s   worker:mail-1   \"a text in names and types\"
  created:2030-01-31   due:..2030-01-31   started:>=-1h   finished:-2h..-1h

All terms must hold. A comma is \"or\", a minus excludes, a star ends the start of a text.

Examples:
  tickerq job search 'status:failed type:Email* error:timeout'
  tickerq job search 'status:completed duration:>10s finished:>=-1h' --limit 1000 --json")]
pub(super) struct SearchArguments {
    /// Terms of the filter, in one argument.
    #[arg(value_name = "FILTER", allow_hyphen_values = true)]
    filter: String,
    /// Maximum number of jobs.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// Number of jobs to skip.
    #[arg(long, default_value_t = 0)]
    offset: u64,
}

pub(super) async fn run(arguments: SearchArguments, session: &mut Session<'_>) -> Result<(), CliError> {
    let SearchArguments { filter, limit, offset } = arguments;
    let list = list::ListArguments::of_filter(filter, limit, offset);
    list::run(&list, session).await
}
