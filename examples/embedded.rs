//! An embedded server: Rust functions with typed parameters run its jobs.
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

/// Parameters of the job. Invalid ones fail it permanently, with an error that names the field.
#[derive(Deserialize)]
struct Resize {
    width: u32,
    height: u32,
}

/// Result of the job.
#[derive(Serialize)]
struct Resized {
    pixels: u64,
}

/// Other errors are retried by the job's policy. A [`Failure`] determines whether it is retried.
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
    // The program schedules jobs directly, without HTTP.
    server.schedule("UploadJob", &()).await?;
    let watch = server.jobs().request("WatchJob").delay(Duration::from_secs(5));
    watch.unique_key("watch").schedule().await?;
    tokio::signal::ctrl_c().await?;
    server.stop().await;
    Ok(())
}
