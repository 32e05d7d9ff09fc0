//! The program of README.md; `tests/it/sdk/readme.rs` compares them.

#![expect(clippy::print_stdout, reason = "an example prints what it does")]

use std::time::Duration;

use serde_json::json;
use tickerq_client::domain::values::time_span::TimeSpan;
use tickerq_client::{Client, Error, JobContext, JobError, NewJob, Worker, verify_webhook};

#[derive(serde::Deserialize)]
struct Greet {
    name: String,
}

async fn greet(Greet { name }: Greet, context: JobContext) -> Result<String, JobError> {
    if context.job.attempt == 1 {
        // The next attempt starts 1.5 s later.
        return Err(JobError::retry_after("not yet", TimeSpan::from_millis(1_500)));
    }
    context.progress(50.0, Some("thinking"));
    context.log("info", format!("greeting {name}"));
    Ok(format!("hello {name}"))
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let url = std::env::args().nth(1).unwrap_or("http://localhost:5000".to_owned());
    // The second argument is an API key or a token; a server without authentication needs none.
    let client = Client::new(&url, None);

    // Run jobs of a type. `start` waits for a server that is not reachable yet.
    let worker = Worker::new(client.clone(), "greeter");
    let worker = worker.handle("GreetJob", greet).start().await?;

    // Subscribe to live updates. The subscription reconnects by itself.
    let mut events = client.subscribe(&["job-status"], Some(json!({ "type": "GreetJob" })));
    let watching = tokio::spawn(async move {
        while let Some(message) = events.next().await {
            println!("{} {}", message.kind, message.data["status"]);
        }
    });

    // Schedule a job and wait until it has finished.
    let new = NewJob {
        max_retries: Some(3),
        ..NewJob::of_type("GreetJob").parameters(&json!({ "name": "Ann" }))
    };
    let job = client.schedule(new).await?;
    let done = client.wait_for_job(job.id).await?;
    println!("{} {:?}", done.status, done.result); // completed Some("hello Ann")

    // Verify a webhook: the exact bytes of the body, and the header `X-TickerQ-Signature`.
    let signature = "sha256=733ae5122573f3ff45cad4406d879b88326cf5308d1d53c50e6efde0fa6036e1";
    println!("{}", verify_webhook(br#"{"a":1}"#, signature, "webhook-secret-key")); // true

    // Stop: the worker finishes its jobs and closes the subscriptions of its client.
    worker.stop(Duration::from_secs(30)).await?;
    watching.await.ok();
    Ok(())
}
