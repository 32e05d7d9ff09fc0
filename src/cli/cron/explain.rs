//! `tickerq cron explain`.

use clap::Args;

use super::expression::ExpressionArguments;
use crate::cli::error::CliError;
use crate::cli::output::Output;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tickerq cron explain '0 2 * * *'
  tickerq cron explain '*/15 9-17 * * MON-FRI' --time-zone Europe/Berlin
  tickerq cron explain '0 0 13 * FRI'
  tickerq cron explain '0 12 * nov-feb sat-sun'")]
pub(super) struct ExplainArguments {
    #[command(flatten)]
    expression: ExpressionArguments,
}

pub(super) fn run(arguments: &ExplainArguments, output: &mut Output) -> Result<(), CliError> {
    let ExplainArguments {
        expression: ExpressionArguments { expression, time_zone },
    } = arguments;
    output.line(&format!("It runs {}, in {time_zone}.", expression.describe()))?;
    for warning in expression.warnings() {
        output.line(&format!("Warning: {warning}"))?;
    }
    match expression.describe_clock_changes(*time_zone) {
        Some(sentence) => output.line(sentence),
        None => Ok(()),
    }
}
