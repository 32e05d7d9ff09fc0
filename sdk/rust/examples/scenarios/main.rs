//! The scenarios of `sdk/README.md`.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a scenario fails by panicking and prints its progress"
)]

mod operations;

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tickerq_client::domain::job::priority::Priority;
use tickerq_client::domain::job::status::JobStatus;
use tickerq_client::domain::values::id::JobId;
use tickerq_client::domain::values::time_span::TimeSpan;
use tickerq_client::{
    Client, ClientOptions, Error, JobContext, JobError, JobFilter, Json, NewJob, NewRecurringJob, Worker,
};

const KEY: &str = "all-all-all-all-all";

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["all", url, flaky] => all(url, flaky).await,
        ["watch", url, rest @ ..] => watch(url, rest).await,
        ["work", url, name] => work(url, name).await,
        other => panic!("all <url> <flaky url>, watch <url> or work <url> <name>; not {other:?}"),
    }
}

/// The log output, as text.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

async fn all(url: &str, flaky: &str) {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || writer.clone());
    subscriber.init();
    let client = Client::new(url, Some(KEY));
    schedule_read_wait(&client).await;
    lists_and_pages(&client).await;
    idempotency(&client).await;
    steer(&client).await;
    recurring_jobs(&client).await;
    queues(&client).await;
    metrics_nodes_and_records(&client).await;
    operations::changes(&client).await;
    operations::webhook_endpoints(&client, url).await;
    every_error_has_its_variant(&client, url).await;
    a_lost_response_does_no_harm(&client, flaky).await;
    live_updates(&client).await;
    a_worker(&client, url, &log).await;
    println!("all scenarios passed");
}

fn impatient(url: &str, key: &str) -> Client {
    let options = ClientOptions {
        retries: 0,
        ..ClientOptions::default()
    };
    Client::with_options(url, Some(key), options)
}

async fn schedule_read_wait(client: &Client) {
    let parameters = json!({ "to": "ann", "list": [1, 2.5, null] });
    let new = NewJob {
        name: Some("Welcome".to_owned()),
        delay: Some(TimeSpan::from_millis(50)),
        ..NewJob::of_type("NoopJob").parameters(&parameters)
    };
    let job = client.schedule(new).await.expect("a job");
    assert_eq!(job.parameters, parameters);
    let done = client.wait_for_job(job.id).await.expect("its end");
    assert_eq!((done.status, done.execution_history.len()), (JobStatus::Completed, 1));
    let failing = client.schedule(NewJob::of_type("FailingJob")).await.expect("a job");
    let failed = client.wait_for_job(failing.id).await.expect("its end");
    assert_eq!(failed.status, JobStatus::Failed);
    println!("ok schedule, read, wait");
}

async fn lists_and_pages(client: &Client) {
    let jobs = vec![NewJob::of_type("PageJob").queue("pages"); 5];
    let made = client.schedule_all(&jobs).await.expect("jobs");
    let filter = JobFilter {
        statuses: vec![JobStatus::Pending, JobStatus::Running],
        queue: Some("pages".to_owned()),
        limit: Some(2),
        ..JobFilter::default()
    };
    let page = client.jobs(&filter).await.expect("a page");
    assert_eq!((page.jobs.len(), page.total_count, page.has_more), (2, 5, true));
    let mut found = Vec::new();
    let each = |job: tickerq_client::JobItem| {
        found.push(job.id);
        true
    };
    client.all_jobs(&filter, each).await.expect("all pages");
    assert_eq!(found, made.jobs.iter().rev().map(|job| job.id).collect::<Vec<_>>());
    let [warning] = made.jobs[0].warnings.as_slice() else {
        panic!("a job without a handler has a warning: {made:?}")
    };
    assert!(warning.contains("PageJob"), "{warning}");
    let first = client.job(made.jobs[0].id).await.expect("a job");
    assert_eq!(&first.warnings, &made.jobs[0].warnings);
    println!("ok lists and pages");
}

async fn idempotency(client: &Client) {
    let once = |number: i32| NewJob {
        idempotency_key: Some("once".to_owned()),
        ..NewJob::of_type("OtherJob").parameters(&json!({ "n": number }))
    };
    let first = client.schedule(once(1)).await.expect("a job");
    assert_eq!(client.schedule(once(1)).await.expect("the same").id, first.id);
    let refused = client.schedule(once(2)).await;
    assert!(matches!(refused, Err(Error::IdempotencyMismatch(_))), "{refused:?}");
    let batch = vec![NewJob::of_type("OtherJob"); 2];
    let made = client.schedule_all_once(&batch, "batch").await.expect("jobs");
    client.cancel_job(made.jobs[0].id).await.expect("cancelled");
    client.delete_job(made.jobs[0].id).await.expect("deleted");
    let again = client.schedule_all_once(&batch, "batch").await.expect("the other");
    assert_eq!(again.missing, [made.jobs[0].id]);
    assert_eq!((again.jobs.len(), again.jobs[0].id), (1, made.jobs[1].id));
    println!("ok idempotency");
}

async fn steer(client: &Client) {
    let later = NewJob {
        delay: Some(TimeSpan::from_secs(3_600)),
        ..NewJob::of_type("OtherJob")
    };
    let job = client.schedule(later).await.expect("a job");
    let changes = NewJob {
        name: Some("Renamed".to_owned()),
        priority: Some(Priority::Low),
        ..NewJob::default()
    };
    let changed = client
        .update_job(job.id, &changes, Some(job.revision))
        .await
        .expect("a change");
    assert_eq!(changed.name, "Renamed");
    let refused = client.update_job(job.id, &changes, Some(job.revision)).await;
    assert!(matches!(refused, Err(Error::PreconditionFailed(_))), "{refused:?}");
    let executed = client
        .execute_job(job.id, Some(Priority::Critical), None)
        .await
        .expect("due");
    assert_eq!(executed.priority, Priority::Critical);
    assert_eq!(
        client.cancel_job(job.id).await.expect("cancelled").status,
        JobStatus::Cancelled
    );
    assert_eq!(
        client.retry_job(job.id, true).await.expect("again").status,
        JobStatus::Pending
    );
    let refused = client.delete_job(job.id).await;
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
    client.cancel_job(job.id).await.expect("cancelled");
    client.delete_job(job.id).await.expect("deleted");
    let gone = client.job(job.id).await;
    assert!(matches!(gone, Err(Error::NotFound(_))), "{gone:?}");
    let running = client.schedule(NewJob::of_type("SleepJob")).await.expect("a job");
    while client.job(running.id).await.expect("a job").status != JobStatus::Running {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(client.cancel_job(running.id).await.expect("requested").cancel_requested);
    let ended = client.wait_for_job(running.id).await.expect("its end");
    assert_eq!(ended.status, JobStatus::Cancelled);
    println!("ok steer");
}

async fn recurring_jobs(client: &Client) {
    let nightly = NewRecurringJob {
        job_type: Some("NoopJob".to_owned()),
        cron_expression: Some("0 2 * * *".to_owned()),
        time_zone: Some("Europe/Berlin".to_owned()),
        name: Some("Nightly".to_owned()),
        ..NewRecurringJob::default()
    };
    let id = client.schedule_recurring(&nightly).await.expect("a recurring job").id;
    assert_eq!(client.recurring_job(id).await.expect("it").time_zone, "Europe/Berlin");
    assert!(client.recurring_jobs(10, 0).await.expect("a page").total_count >= 1);
    assert!(!client.enable_recurring(id, false).await.expect("disabled").enabled);
    assert!(client.enable_recurring(id, true).await.expect("enabled").enabled);
    let renamed = NewRecurringJob {
        name: Some("Renamed".to_owned()),
        ..NewRecurringJob::default()
    };
    assert_eq!(
        client.update_recurring(id, &renamed).await.expect("changed").name,
        "Renamed"
    );
    let hourly = NewRecurringJob {
        cron_expression: Some("0 * * * *".to_owned()),
        ..nightly
    };
    let replaced = client.replace_recurring(id, &hourly).await.expect("replaced");
    assert_eq!(replaced.cron_expression, "0 * * * *");
    let job = client.trigger_recurring(id).await.expect("an occurrence");
    assert_eq!(job.recurring_job_id, Some(id));
    client.delete_recurring(id).await.expect("deleted");
    let gone = client.recurring_job(id).await;
    assert!(matches!(gone, Err(Error::NotFound(_))), "{gone:?}");
    let declared = NewRecurringJob {
        job_type: Some("NoopJob".to_owned()),
        cron_expression: Some("0 2 * * *".to_owned()),
        ..NewRecurringJob::default()
    };
    let key = "nightly/report";
    let kept = client.put_recurring_by_key(key, &declared).await.expect("created");
    assert_eq!(kept.key.as_deref(), Some(key));
    let again = client.put_recurring_by_key(key, &declared).await.expect("kept");
    assert_eq!(again.id, kept.id);
    assert_eq!(client.recurring_job_by_key(key).await.expect("it").id, kept.id);
    client.delete_recurring_by_key(key).await.expect("deleted");
    let gone = client.recurring_job_by_key(key).await;
    assert!(matches!(gone, Err(Error::NotFound(_))), "{gone:?}");
    println!("ok recurring jobs");
}

async fn queues(client: &Client) {
    client
        .schedule(NewJob::of_type("OtherJob").queue("steered"))
        .await
        .expect("a job");
    let queues = client.queues().await.expect("queues");
    assert!(queues.iter().any(|queue| queue.name == "steered"));
    assert_eq!(client.pause_queue("steered").await.expect("paused").status, "paused");
    let held = client.explain_queue("steered").await.expect("an explanation").reasons;
    assert_eq!((held.len(), held[0].jobs), (1, 1));
    let filter = JobFilter {
        queue: Some("steered".to_owned()),
        explain: Some(true),
        ..JobFilter::default()
    };
    let listed = client.jobs(&filter).await.expect("a list").jobs;
    let of_list = listed[0].explanation.as_ref().expect("an explanation");
    assert_eq!(of_list.reasons[0].code, held[0].code);
    let of_job = client.explain_job(listed[0].id).await.expect("an explanation");
    assert_eq!(&of_job, of_list);
    assert_eq!(client.resume_queue("steered").await.expect("resumed").status, "running");
    assert_eq!(
        client
            .clear_queue("steered", true, false)
            .await
            .expect("cleared")
            .cleared_pending,
        1
    );
    assert_eq!(client.queue("steered").await.expect("a queue").pending_jobs, 0);
    client.delete_queue("steered").await.expect("deleted");
    let gone = client.queue("steered").await;
    assert!(matches!(gone, Err(Error::NotFound(_))), "{gone:?}");
    println!("ok queues");
}

async fn metrics_nodes_and_records(client: &Client) {
    assert_eq!(client.system_metrics().await.expect("metrics").system_health, "healthy");
    let of_type = |name: &str| vec![("type", name.to_owned())];
    let performance = client
        .performance_metrics(of_type("NoopJob,FailingJob"))
        .await
        .expect("numbers");
    assert!(performance.summary.total_jobs >= 2, "{performance:?}");
    let types = client.job_type_metrics(of_type("FailingJob")).await.expect("numbers");
    assert_eq!(types[0].job_type, "FailingJob");
    let nodes = client.nodes().await.expect("nodes");
    assert!(nodes[0].is_self);
    let node = nodes[0].id.as_str();
    assert_eq!(client.drain_node(node).await.expect("drained").status, "draining");
    assert_eq!(client.resume_node(node).await.expect("resumed").status, "live");
    assert_eq!(client.set_log_level("info").await.expect("a level").level, "info");
    assert_eq!(client.log_level().await.expect("a level").level, "info");
    assert_eq!(client.health().await.expect("health").status, "ok");
    let ready = client.readiness().await.expect("readiness");
    assert_eq!(ready.system_health.as_deref(), Some("healthy"));
    let filter = vec![("action", "queue.pause".to_owned()), ("limit", "1".to_owned())];
    assert_eq!(
        client.audit(filter).await.expect("records").records[0].actor.name,
        "all"
    );
    println!("ok metrics, nodes and records");
}

async fn every_error_has_its_variant(client: &Client, url: &str) {
    let body = json!({ "type": "A", "delay": "24:00:00" });
    let post = "POST".parse().expect("a method");
    let wrong = client.request::<Value>(post, "/jobs", Some(&body));
    let Err(Error::Validation(problem)) = wrong.await else {
        panic!("refused")
    };
    assert_eq!(
        (problem.code(), problem.errors[0].pointer.as_deref()),
        ("validation", Some("#/delay"))
    );
    let unknown = Client::new(url, Some("wrong")).queues().await;
    assert!(matches!(unknown, Err(Error::Authentication(_))), "{unknown:?}");
    let reader = Client::new(url, Some("reader-reader-reader"))
        .pause_queue("default")
        .await;
    assert!(matches!(reader, Err(Error::Forbidden(_))), "{reader:?}");
    let large = client
        .schedule(NewJob::of_type("A").parameters(&"x".repeat(200_000)))
        .await;
    assert!(matches!(large, Err(Error::TooLarge(_))), "{large:?}");
    let slow = impatient(url, "slow-slow-slow-slow");
    slow.queues().await.expect("the first");
    let often = slow.queues().await;
    assert!(
        matches!(&often, Err(error @ Error::RateLimited { .. }) if error.retry_after() > Some(Duration::ZERO)),
        "{often:?}"
    );
    let impatient = impatient(url, KEY);
    let full = || NewJob::of_type("OtherJob").queue("full");
    impatient.schedule(full()).await.expect("a job");
    let busy = impatient.schedule(full()).await;
    assert!(
        matches!(&busy, Err(Error::Unavailable { problem, .. }) if problem.code() == "busy"),
        "{busy:?}"
    );
    let unreachable = self::impatient("http://127.0.0.1:1", KEY).queues().await;
    assert!(matches!(unreachable, Err(Error::Connection(_))), "{unreachable:?}");
    println!("ok every error has its variant");
}

async fn a_lost_response_does_no_harm(client: &Client, flaky: &str) {
    let options = ClientOptions {
        retries: 10,
        ..ClientOptions::default()
    };
    let flaky = Client::with_options(flaky, Some(KEY), options);
    let mut ids = Vec::new();
    for number in 0..5 {
        let new = NewJob::of_type("LostJob").parameters(&json!({ "number": number }));
        ids.push(flaky.schedule(new).await.expect("a job").id);
    }
    ids.dedup();
    let filter = JobFilter {
        job_types: vec!["LostJob".to_owned()],
        ..JobFilter::default()
    };
    let found = client.jobs(&filter).await.expect("a page").total_count;
    assert_eq!((ids.len(), found), (5, 5), "each was created once");
    println!("ok a lost response does no harm");
}

async fn live_updates(client: &Client) {
    let mut events = client.subscribe(&["job-status"], Some(json!({ "type": ["NoopJob"] })));
    assert_eq!(events.next().await.expect("a message").kind, "connected");
    let job = client.schedule(NewJob::of_type("NoopJob")).await.expect("a job");
    for status in ["pending", "running", "completed"] {
        let event = events.next().await.expect("a message");
        assert_eq!(
            (event.kind.as_str(), &event.data["jobId"], &event.data["status"]),
            ("job-status-changed", &json!(job.id.to_string()), &json!(status))
        );
    }
    println!("ok live updates");
}

async fn hold(_: Value, context: JobContext) -> Result<(), JobError> {
    context.cancellation.cancelled().await;
    Err(JobError::new("requested to stop"))
}

async fn running(client: &Client, id: JobId) {
    while client.job(id).await.expect("a job").status != JobStatus::Running {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn a_worker(client: &Client, url: &str, log: &Log) {
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

async fn watch(url: &str, rest: &[&str]) {
    let argument = |at: usize| rest.get(at).copied();
    let mut options = ClientOptions::default();
    if let Some(seconds) = argument(2) {
        options.ping_interval = Duration::from_secs(seconds.parse().expect("a number"));
    }
    let client = Client::with_options(url, argument(0).or(Some(KEY)), options);
    let mut events = client.subscribe(&[argument(1).unwrap_or("job-status")], None);
    while let Some(message) = events.next().await {
        let text = |name: &str| message.data[name].as_str().unwrap_or_default().to_owned();
        match message.kind.as_str() {
            kind @ ("connected" | "disconnected") => println!("{kind}"),
            "job-status-changed" => println!("event {} {}", text("jobId"), text("status")),
            _ => {}
        }
    }
    let refusal = events.error().and_then(Error::problem).expect("the reason");
    println!("refused {}", refusal.status);
}

async fn work(url: &str, name: &str) {
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
