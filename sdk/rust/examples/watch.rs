//! Prints live updates: `cargo run --example watch http://localhost:5000 KEY`.

#![expect(clippy::print_stdout, reason = "an example prints what it does")]

use tickerq_client::Client;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().unwrap_or_else(|| "http://localhost:5000".to_owned());
    let client = Client::new(&url, arguments.next().as_deref());
    let mut events = client.subscribe(&["job-status", "system-health"], None);
    while let Some(message) = events.next().await {
        let text = |name: &str| message.data[name].as_str().unwrap_or_default();
        match message.kind.as_str() {
            "job-status-changed" => println!("{} {}", text("jobId"), text("status")),
            "job-progress" => println!("{} is at {} %", text("jobId"), message.data["progress"]["percent"]),
            "disconnected" => println!("{}; reconnecting", text("reason")),
            other => println!("{other}"),
        }
    }
}
