//! Runs jobs of the type GreetJob: `cargo run --example work http://localhost:5000 KEY`.

#![expect(clippy::print_stdout, reason = "an example prints what it does")]

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tickerq_client::{Client, Error, JobContext, JobError, Worker};

#[derive(Deserialize)]
struct Greet {
    name: String,
}

#[derive(Serialize)]
struct Greeted {
    greeting: String,
}

async fn greet(Greet { name }: Greet, context: JobContext) -> Result<Greeted, JobError> {
    context.progress(50.0, Some("thinking of a greeting"));
    context.log("info", format!("greeting {name}"));
    Ok(Greeted {
        greeting: format!("hello {name}"),
    })
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().unwrap_or_else(|| "http://localhost:5000".to_owned());
    let client = Client::new(&url, arguments.next().as_deref());
    let worker = Worker::new(client, "greeter").handle("GreetJob", greet).start().await?;
    println!("working");
    // Without a signal handler there is nothing to wait for.
    tokio::signal::ctrl_c().await.ok();
    worker.stop(Duration::from_secs(30)).await
}
