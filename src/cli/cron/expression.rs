//! The expression of a subcommand, and its time zone.

use clap::Args;

use crate::domain::cron::CronExpression;
use crate::domain::values::time_zone::TimeZoneName;

/// The common arguments.
#[derive(Debug, Args)]
pub(super) struct ExpressionArguments {
    /// The expression, as one argument: five fields, six with seconds first, or a macro such as @daily.
    #[arg(value_name = "EXPRESSION", value_parser = CronExpression::parse)]
    pub(super) expression: CronExpression,
    /// The time zone of the expression, such as Europe/Berlin.
    #[arg(long, value_name = "ZONE", default_value_t, value_parser = TimeZoneName::parse)]
    pub(super) time_zone: TimeZoneName,
}
