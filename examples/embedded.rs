//! A server within a program: Rust functions run its jobs, each given its parameters as a type of its own.
//!
//! ```sh
//! cargo run --example embedded
//! curl -d '{"type": "ResizeJob", "parameters": {"width": 640, "height": 480}}' -H 'content-type: application/json' \
//!     http://127.0.0.1:5000/api/tickerq/jobs
//! ```

use std::error::Error;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tickerq::Server;
use tickerq::domain::job::outcome::Failure;
use tickerq::handlers::{JobContext, LogLevel, in_process};

/// What a job is given. Parameters that do not fit fail it for good, and its error names the field that is wrong.
#[derive(Deserialize)]
struct Resize {
    width: u32,
    height: u32,
}

/// What it answers: the job's result.
#[derive(Serialize)]
struct Resized {
    pixels: u64,
}

/// An error of the program's own is retried as the job says. A [`Failure`] says for itself whether a retry is worth it.
#[derive(Debug, thiserror::Error)]
#[error("the image server is busy")]
struct Busy;

async fn resize(context: JobContext, image: Resize) -> Result<Resized, Failure> {
    if image.width == 0 || image.height == 0 {
        return Err(Failure::permanent("an image of no size"));
    }
    context.log(LogLevel::Info, &format!("attempt {}", context.job.attempt));
    Ok(Resized {
        pixels: u64::from(image.width) * u64::from(image.height),
    })
}

async fn upload(context: JobContext, (): ()) -> Result<&'static str, Busy> {
    if context.job.attempt == 1 {
        return Err(Busy);
    }
    Ok("uploaded by the second attempt")
}

/// Runs for a minute, reports its progress, and stops when the job is cancelled.
async fn watch(context: JobContext, (): ()) -> Result<u32, Failure> {
    for seconds in 0..60 {
        context.progress_with(f64::from(seconds) / 0.6, &format!("second {seconds} of 60"));
        tokio::select! {
            () = context.cancellation.cancelled() => return Err(Failure::permanent("stopped")),
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
    }
    Ok(60)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = Server::builder()
        .database_url("sqlite:embedded.db")
        .listen("127.0.0.1:5000".parse()?)
        .handler("ResizeJob", in_process::function(resize))
        .handler("UploadJob", in_process::function(upload))
        .handler("WatchJob", in_process::function(watch))
        .start()
        .await?;
    // The program schedules jobs without the network.
    server.schedule("UploadJob", &()).await?;
    let watch = server.jobs().request("WatchJob").delay(Duration::from_secs(5));
    watch.unique_key("watch").schedule().await?;
    tokio::signal::ctrl_c().await?;
    server.stop().await;
    Ok(())
}
