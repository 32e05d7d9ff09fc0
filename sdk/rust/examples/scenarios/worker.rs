//! A worker: its attempts, results and end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tickerq_client::domain::job::status::JobStatus;
use tickerq_client::domain::values::id::JobId;
use tickerq_client::domain::values::time_span::TimeSpan;
use tickerq_client::{Client, JobContext, JobError, Json, NewJob, Worker};

use crate::{KEY, Log, operations};

async fn hold(_: Value, context: JobContext) -> Result<(), JobError> {
    context.cancellation.cancelled().await;
    Err(JobError::new("requested to stop"))
}

async fn running(client: &Client, id: JobId) {
    while client.job(id).await.expect("a job").status != JobStatus::Running {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub(crate) async fn a_worker(client: &Client, url: &str, log: &Log) {
    let attempts = Arc::new(AtomicU32::new(0));
    let worker = Worker::new(client.clone(), "scenario")
        .concurrency(5)
        .queues(["work"])
        .heartbeat_every(Duration::from_millis(100))
        .handle("Greet", |parameters: Value, context: JobContext| async move {
            let greeting = format!("hello {}", parameters["name"].as_str().unwrap_or("you"));
            context.progress(50.0, Some("half"));
            context.log("info", greeting.clone());
            Ok(json!({ "greeting": greeting }))
        })
        .handle("Flaky", move |(): (), _: JobContext| {
            let number = attempts.fetch_add(1, Ordering::Relaxed);
            async move {
                if number == 0 {
                    Err(JobError::new("not yet"))
                } else {
                    Ok(())
                }
            }
        })
        .handle("Broken", |_: Value, _: JobContext| async {
            Err::<(), _>(JobError::permanent("never"))
        })
        .handle("Panics", |_: Value, _: JobContext| async {
            if true { panic!("a mistake") } else { Ok(()) }
        })
        .handle("Later", |_: Value, context: JobContext| async move {
            if context.job.attempt == 1 {
                Err(JobError::retry_after("not yet", TimeSpan::from_millis(1_500)))
            } else {
                Ok(())
            }
        })
        .handle("Patient", hold)
        .handle("Verbatim", |parameters: Json, context: JobContext| async move {
            context.log("info", parameters.as_str());
            Ok(parameters)
        })
        .handle("Traced", |_: Value, context: JobContext| async move {
            let job = &context.job;
            Ok(json!([job.trace_parent.get(..35), job.trace_state, job.baggage]))
        })
        .start()
        .await
        .expect("a worker");
    let known = client.workers().await.expect("workers");
    let known = known.iter().find(|known| known.id == worker.id()).expect("it is known");
    assert_eq!((known.name.as_str(), known.types.len()), ("scenario", 8));
    assert_eq!(client.worker(&known.id).await.expect("it").name, "scenario");
    let schedule = |new: NewJob| async move { client.schedule(new.queue("work")).await.expect("a job").id };
    let run = |new: NewJob| async move {
        let id = schedule(new).await;
        client.wait_for_job(id).await.expect("its end")
    };
    let greeted = run(NewJob::of_type("Greet").parameters(&json!({ "name": "Ann" }))).await;
    assert_eq!(greeted.result.unwrap_or_default(), json!({ "greeting": "hello Ann" }));
    assert_eq!(greeted.progress.map(|progress| progress.percent), Some(50.0));
    assert_eq!(greeted.log[0].message, "hello Ann");
    assert_eq!(greeted.execution_history[0].worker.as_deref(), Some("scenario"));
    operations::verbatim(client).await;
    operations::traced(client, url, KEY).await;
    let soon = |job_type: &str| NewJob {
        retry_delay: Some(TimeSpan::from_millis(50)),
        max_retries: Some(1),
        ..NewJob::of_type(job_type)
    };
    let flaky = run(soon("Flaky")).await;
    assert_eq!((flaky.status, flaky.attempt), (JobStatus::Completed, 2), "{flaky:?}");
    let broken = run(soon("Broken")).await;
    assert_eq!(
        (broken.status, broken.attempt, broken.error.as_deref()),
        (JobStatus::Failed, 1, Some("never"))
    );
    let logged = String::from_utf8_lossy(&log.0.lock().expect("no panic")).into_owned();
    let line = format!("attempt 1 of job {} (Broken) failed: never", broken.id);
    assert!(logged.contains(&line), "{logged}");
    operations::retried_later(
        client,
        schedule(NewJob {
            retry_delay: Some(TimeSpan::from_secs(60)),
            ..soon("Later")
        })
        .await,
    )
    .await;
    let panics = run(soon("Panics")).await;
    assert_eq!((panics.status, panics.attempt), (JobStatus::Failed, 2));
    let patient = schedule(NewJob::of_type("Patient")).await;
    running(client, patient).await;
    client.cancel_job(patient).await.expect("requested");
    assert_eq!(
        client.wait_for_job(patient).await.expect("its end").status,
        JobStatus::Cancelled
    );
    let timed = run(NewJob {
        timeout: Some(TimeSpan::from_millis(300)),
        max_retries: Some(0),
        ..NewJob::of_type("Patient")
    })
    .await;
    assert!(
        timed
            .error
            .as_deref()
            .is_some_and(|error| error.starts_with("timed out after")),
        "{timed:?}"
    );
    let many = vec![NewJob::of_type("Greet").queue("work").parameters(&json!({})); 50];
    for job in client.schedule_all(&many).await.expect("jobs").jobs {
        let done = client.wait_for_job(job.id).await.expect("its end");
        assert_eq!(done.status, JobStatus::Completed);
    }
    // One that runs when the worker stops is requeued.
    let mut events = client.subscribe(&["job-status"], None);
    events.next().await.expect("it is connected");
    let back = schedule(NewJob::of_type("Patient")).await;
    running(client, back).await;
    let id = worker.id();
    worker.stop(Duration::from_millis(50)).await.expect("it leaves");
    let pending = client.job(back).await.expect("a job");
    assert_eq!((pending.status, pending.retry_count), (JobStatus::Pending, 0));
    let known = client.workers().await.expect("workers");
    assert!(known.iter().all(|known| known.id != id));
    // The subscriptions of its client are closed.
    while events.next().await.is_some() {}
    println!("ok a worker");
}

pub(crate) async fn work(url: &str, name: &str) {
    tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(std::io::stderr)
        .init();
    let mut terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).expect("a signal");
    let by = name.to_owned();
    let worker = Worker::new(Client::new(url, Some(KEY)), name)
        .handle("RemoteJob", move |parameters: Value, context: JobContext| {
            let by = by.clone();
            async move {
                println!("running {} {}", context.job.job_id, context.job.attempt);
                let hangs = parameters["hang"] == true && context.job.attempt == 1;
                tokio::time::sleep(if hangs {
                    Duration::from_secs(600)
                } else {
                    Duration::from_millis(500)
                })
                .await;
                Ok(json!({ "by": by }))
            }
        })
        .handle("UnwritableJob", |_: Value, _: JobContext| async {
            Ok(BTreeMap::from([((1, 2), "keys of JSON are text")]))
        })
        .handle("ProgressJob", |_: Value, context: JobContext| async move {
            context.progress(-3.0, None);
            for number in 0..300 {
                context.log("loud", format!("line {number}"));
            }
            for _ in 0..45 {
                context.progress(f64::NAN, None);
                context.progress(150.0, Some("too much"));
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Ok(())
        })
        .handle("AgainJob", |_: Value, context: JobContext| async move {
            if context.job.attempt == 1 {
                return Err(JobError::new("not yet"));
            }
            tokio::time::sleep(Duration::from_secs(6)).await;
            Ok(())
        })
        .handle("FarJob", |_: Value, _: JobContext| async {
            Err::<(), _>(JobError::retry_after("later", TimeSpan::from_secs(i64::MAX)))
        })
        .start();
    // Dropping the start ends the wait for a server.
    tokio::select! {
        worker = worker => {
            let worker = worker.expect("a worker");
            terminated.recv().await;
            worker.stop(Duration::from_secs(30)).await.expect("it leaves");
        }
        _ = terminated.recv() => {}
    }
    println!("stopped");
}
