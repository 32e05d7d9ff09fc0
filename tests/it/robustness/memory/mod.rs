//! Memory that a server holds for its callers is bounded: responses while they are built and sent, and bodies while
//! they arrive.

mod bodies;
mod leases;
mod responses;

use std::fs;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::harness::client::{ApiResponse, Client};
use crate::harness::server::Server;

pub(super) const MB: usize = 1_000_000;

/// The greatest memory that a server has had, in bytes.
fn peak(server: &Server) -> usize {
    figure(server, "VmHWM:")
}

/// A figure of a server's memory, in bytes.
pub(super) fn figure(server: &Server, name: &str) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("the server runs");
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<usize>().ok());
    kib.expect("a number of kB") << 10
}

/// Creates jobs with parameters of 1 MB that nothing runs.
async fn create_large_jobs(client: &Client, count: usize) {
    let parameters = "x".repeat(MB - 2);
    for _ in 0..count {
        client
            .create(json!({"type": "Unhandled", "parameters": parameters}))
            .await;
    }
}

async fn graphql(client: &Client, body: &Value) -> ApiResponse {
    client.send(client.at_root(Method::POST, "/graphql").json(body)).await
}

async fn connect(server: &Server) -> TcpStream {
    let address = server.url.trim_start_matches("http://");
    TcpStream::connect(address).await.expect("a connection")
}
