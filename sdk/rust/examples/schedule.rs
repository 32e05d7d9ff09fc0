//! Schedules a job and waits until it has finished: `cargo run --example schedule http://localhost:5000 KEY`.

#![expect(clippy::print_stdout, reason = "an example prints what it does")]

use serde_json::json;
use tickerq_client::domain::job::priority::Priority;
use tickerq_client::{Client, Error, NewJob};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().unwrap_or_else(|| "http://localhost:5000".to_owned());
    let client = Client::new(&url, arguments.next().as_deref());
    let new = NewJob {
        priority: Some(Priority::High),
        max_retries: Some(3),
        ..NewJob::of_type("GreetJob").parameters(&json!({ "name": "Ann" }))
    };
    let job = client.schedule(new).await?;
    let done = client.wait_for_job(job.id).await?;
    let result = done.result.unwrap_or_default();
    println!("{}: {result}, job {}", done.status, done.id);
    Ok(())
}
