//! `tickerq node`: the servers that share the storage.

use clap::{Args, Subcommand};
use serde::Serialize;

use super::api_client;
use super::api_client::api_types::{Node, NodeList};
use super::api_client::{ApiResponse, Client, ClientArguments};
use super::error::CliError;
use super::output::Output;
use super::output::table::{Column, Table};

#[derive(Debug, Args)]
pub(super) struct NodeArguments {
    #[command(subcommand)]
    command: NodeCommand,
    #[command(flatten, next_help_heading = "Server")]
    pub(super) client: ClientArguments,
}

#[derive(Debug, Subcommand)]
enum NodeCommand {
    /// List the servers that share the storage.
    #[command(after_help = "Examples:
  tickerq node list
  tickerq node list --json --server https://jobs.example.com")]
    List,
    /// Drain a node: start no new jobs; running ones continue.
    #[command(after_help = "Examples:
  tickerq node drain worker-1")]
    Drain(NodeArgument),
    /// Resume a draining node.
    #[command(after_help = "Examples:
  tickerq node resume worker-1")]
    Resume(NodeArgument),
}

#[derive(Debug, Args)]
struct NodeArgument {
    /// The node's id, or the name of a node that is not lost.
    node: String,
}

#[derive(Serialize)]
struct NoFields {}

pub(super) fn run(arguments: NodeArguments, output: &mut Output) -> Result<(), CliError> {
    let NodeArguments { command, client } = arguments;
    let as_json = client.json;
    let client = Client::new(&client)?;
    let response = api_client::block_on(request(&client, &command))?;
    if as_json {
        return output.line(response.text.trim_end());
    }
    match command {
        NodeCommand::List => print_nodes(&response.read()?, output),
        NodeCommand::Drain(_) | NodeCommand::Resume(_) => {
            let Node { id, name, status, .. } = response.read()?;
            output.line(&format!("node {name} ({id}) is {status}"))
        }
    }
}

async fn request(client: &Client, command: &NodeCommand) -> Result<ApiResponse, CliError> {
    let (NodeArgument { node }, action) = match command {
        NodeCommand::List => return client.get(&["nodes"], &[]).await,
        NodeCommand::Drain(node) => (node, "drain"),
        NodeCommand::Resume(node) => (node, "resume"),
    };
    let NodeList { nodes } = client.get(&["nodes"], &[]).await?.read()?;
    let named: Vec<&Node> = nodes
        .iter()
        .filter(|known| known.name == *node && known.status != "lost")
        .collect();
    let id = match *named {
        [known] => known.id.as_str(),
        [] => node.as_str(),
        [..] => {
            return Err(CliError::Usage(format!(
                "{} nodes have the name {node}; give the id of one",
                named.len()
            )));
        }
    };
    client.post(&["nodes", id, action], &NoFields {}).await
}

fn print_nodes(NodeList { nodes }: &NodeList, output: &mut Output) -> Result<(), CliError> {
    let mut table = Table::new(&[
        Column::fixed("ID"),
        Column::fixed("NAME"),
        Column::fixed("STATUS"),
        Column::fixed("RUNNING"),
        Column::optional("ROLES", 2),
        Column::optional("STARTED", 1),
    ]);
    for node in nodes {
        table.push([
            node.id.clone(),
            node.name.clone(),
            node.status.clone(),
            node.running_jobs.to_string(),
            node.roles.join(","),
            node.started_at.clone().unwrap_or_default(),
        ]);
    }
    output.table(&table, "")
}
