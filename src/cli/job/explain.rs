//! `tickerq job explain`.

use clap::Args;

use super::id_argument::IdArgument;
use super::session::Session;
use crate::cli::api_client::api_types::{Explanation, StartEstimate, WaitReason};
use crate::cli::error::CliError;
use crate::cli::output::Output;
use crate::cli::output::table::{Column, Table};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tickerq job explain 01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55
  tickerq job explain 01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55 --json | jq -r .summary")]
pub(super) struct ExplainArguments {
    #[command(flatten)]
    job: IdArgument,
}

pub(super) async fn run(arguments: &ExplainArguments, session: &mut Session<'_>) -> Result<(), CliError> {
    let id = arguments.job.id.to_string();
    let response = session.client.get(&["jobs", &id, "explain"], &[]).await?;
    if session.as_json {
        return session.output.line(response.text.trim_end());
    }
    print(&id, &response.read()?, session.output)
}

fn print(id: &str, explanation: &Explanation, output: &mut Output) -> Result<(), CliError> {
    let Explanation {
        state,
        reasons,
        estimate,
    } = explanation;
    output.line(&format!("job {id} is {state}"))?;
    let mut table = Table::new(&[
        Column::fixed("REASON"),
        Column::optional("SINCE", 1),
        Column::optional("UNTIL", 2),
        Column::shrinks("MESSAGE", 30),
    ]);
    for reason in reasons {
        let WaitReason {
            code,
            message,
            since,
            until,
            remedy: _,
        } = reason;
        table.push([
            code.clone(),
            since.clone().unwrap_or_default(),
            until.clone().unwrap_or_default(),
            message.clone(),
        ]);
    }
    output.table(&table, "")?;
    for reason in reasons {
        if let Some(remedy) = &reason.remedy {
            output.line(&format!("{}: {remedy}", reason.code))?;
        }
    }
    match estimate {
        Some(StartEstimate { starts_at, basis }) => output.line(&format!("starts at about {starts_at} ({basis})")),
        None => Ok(()),
    }
}
