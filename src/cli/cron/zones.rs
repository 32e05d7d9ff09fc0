//! `tickerq cron zones`.

use clap::Args;

use crate::cli::error::CliError;
use crate::cli::output::Output;
use crate::domain::values::time_zone::ZoneDatabase;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tickerq cron zones
  tickerq cron zones --list
  TICKERQ_TIME_ZONES__FOLDER=/usr/share/zoneinfo tickerq cron zones")]
pub(super) struct ZonesArguments {
    /// Print the names of all zones, one per line
    #[arg(long)]
    list: bool,
}

pub(super) fn run(&ZonesArguments { list }: &ZonesArguments, output: &mut Output) -> Result<(), CliError> {
    let database = ZoneDatabase::current();
    if list {
        return database.names().try_for_each(|name| output.line(name));
    }
    output.line(&format!(
        "IANA time zone database {}, {} zones ({})",
        database.version(),
        database.names().count(),
        database.origin()
    ))
}
