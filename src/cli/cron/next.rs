//! `tickerq cron next`.

use chrono::{DateTime, SecondsFormat, Utc};
use clap::Args;

use super::expression::ExpressionArguments;
use crate::cli::error::CliError;
use crate::cli::output::Output;
use crate::cli::output::time::parse_time;
use crate::domain::values::time_span::TimeSpan;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tickerq cron next '0 2 * * *'
  tickerq cron next '30 2 * * *' --time-zone Europe/Berlin --after 2026-03-28T12:00:00Z --count 3
  tickerq cron next '*/10 * * * * *' --count 6      # every 10 seconds
  tickerq cron next @daily --time-zone America/New_York")]
pub(super) struct NextArguments {
    #[command(flatten)]
    expression: ExpressionArguments,
    /// Start after this time, such as 2030-01-31T08:00:00Z, or this long from now, such as 7d [default: now]
    #[arg(long, value_name = "TIME", value_parser = parse_after)]
    after: Option<After>,
    /// Number of run times
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    count: u32,
}

/// The start.
#[derive(Clone, Copy, Debug)]
enum After {
    Time(DateTime<Utc>),
    FromNow(TimeSpan),
}

fn parse_after(text: &str) -> Result<After, String> {
    match TimeSpan::parse(text) {
        Ok(span) if span.is_negative() || span > TimeSpan::LONGEST => Err(format!(
            "{span} is out of range; allowed is 00:00:00 to {}",
            TimeSpan::LONGEST
        )),
        Ok(span) => Ok(After::FromNow(span)),
        Err(_) => parse_time(text).map(After::Time),
    }
}

pub(super) fn run(arguments: &NextArguments, output: &mut Output) -> Result<(), CliError> {
    let NextArguments {
        expression: ExpressionArguments { expression, time_zone },
        after,
        count,
    } = arguments;
    let mut last = match after {
        Some(After::Time(time)) => *time,
        Some(After::FromNow(span)) => now() + span.to_delta(),
        None => now(),
    };
    for _ in 0..*count {
        last = expression.next_after(*time_zone, last).ok_or_else(|| {
            CliError::Usage(format!(
                "'{expression}' has no run time after {} in {time_zone}: the calendar ends with the year 2100",
                text(last)
            ))
        })?;
        output.line(&text(last))?;
    }
    Ok(())
}

fn text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a command without a server has no other clock, and ends before it could be set"
)]
fn now() -> DateTime<Utc> {
    Utc::now()
}
