//! A server with a storage that implements jobs and queues only: without recurring jobs, remote workers, webhooks and
//! past metrics.
//!
//! ```sh
//! cargo run --example jobs_only_storage
//! curl -d '{"type": "GreetJob", "parameters": "Ada"}' -H 'content-type: application/json' \
//!     http://127.0.0.1:5000/api/tickerq/jobs
//! ```

mod storage;

use std::error::Error;
use std::sync::Arc;

use tickerq::Server;
use tickerq::domain::job::outcome::Failure;
use tickerq::handlers::{JobContext, in_process};

use self::storage::JobsOnlyStorage;

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let greet =
        in_process::function(|_: JobContext, name: String| async move { Ok::<_, Failure>(format!("hello {name}")) });
    let server = Server::builder()
        .repository(Arc::new(JobsOnlyStorage::default()))
        .handler("GreetJob", greet)
        .start()
        .await?;
    eprintln!("listening on {:?}; Ctrl+C stops", server.addresses());
    tokio::signal::ctrl_c().await?;
    server.stop().await;
    Ok(())
}
