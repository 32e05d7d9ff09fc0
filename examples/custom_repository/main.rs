//! A server with custom storage: jobs are stored in a SQLite file, and another system is notified of every
//! stored job.
//!
//! ```sh
//! cargo run --example custom_repository
//! curl -d '{"type": "GreetJob", "parameters": "Ada"}' -H 'content-type: application/json' \
//!     http://127.0.0.1:5000/api/tickerq/jobs
//! ```

mod notifying;

use std::error::Error;
use std::sync::Arc;

use tickerq::Server;
use tickerq::domain::job::Job;
use tickerq::domain::job::outcome::Failure;
use tickerq::handlers::{JobContext, in_process};
use tickerq::storage::sea::{SeaOptions, SeaRepository};
use tokio::sync::mpsc;

use self::notifying::NotifyingRepository;

/// Capacity of the notification channel; further ones are dropped.
const CAPACITY: usize = 10_000;

/// Placeholder for a call to another system.
async fn notify_external_system(job: Arc<Job>) {
    eprintln!("saved: job {} is {} (revision {})", job.id, job.status, job.revision);
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (sender, mut receiver) = mpsc::channel(CAPACITY);
    tokio::spawn(async move {
        while let Some(job) = receiver.recv().await {
            notify_external_system(job).await;
        }
    });
    let database = SeaRepository::connect(SeaOptions::new("sqlite:custom_repository.db")).await?;
    database.migrate_up().await?;
    let hook = move |job: &Arc<Job>| {
        if let Err(missed) = sender.try_send(Arc::clone(job)) {
            eprintln!("dropped the notification of job {}: {missed}", job.id);
        }
    };
    let repository = NotifyingRepository::new(Arc::new(database), Box::new(hook));

    let greet =
        in_process::function(|_: JobContext, name: String| async move { Ok::<_, Failure>(format!("hello {name}")) });
    let server = Server::builder()
        .repository(Arc::new(repository))
        .handler("GreetJob", greet)
        .start()
        .await?;
    eprintln!("listening on {:?}; Ctrl+C stops", server.addresses());
    tokio::signal::ctrl_c().await?;
    server.stop().await;
    Ok(())
}
