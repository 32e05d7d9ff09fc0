//! `--priority`: the priority of a job, in any case.

use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::domain::job::priority::{InvalidPriority, Priority};

/// Parses one of the names of priorities.
pub(in crate::cli) fn priority_parser() -> impl TypedValueParser<Value = Priority> {
    let mut names = Priority::BY_URGENCY.map(Priority::as_str);
    names.reverse();
    let parse = |name: String| -> Result<Priority, InvalidPriority> { Priority::parse(&name) };
    PossibleValuesParser::new(names).try_map(parse)
}
