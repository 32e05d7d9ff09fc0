//! The scenarios of `sdk/README.md`.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a scenario fails by panicking and prints its progress"
)]

mod operations;
mod worker;

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tickerq_client::domain::job::priority::Priority;
use tickerq_client::domain::job::status::JobStatus;
use tickerq_client::domain::values::time_span::TimeSpan;
use tickerq_client::{Client, ClientOptions, Error, JobFilter, NewJob, NewRecurringJob};

const KEY: &str = "all-all-all-all-all";

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["all", url, flaky] => all(url, flaky).await,
        ["watch", url, rest @ ..] => watch(url, rest).await,
        ["work", url, name] => worker::work(url, name).await,
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
    changes_of_jobs(&client).await;
    recurring_jobs(&client).await;
    queues(&client).await;
    metrics_nodes_and_records(&client).await;
    operations::bulk_operations(&client).await;
    operations::changes(&client).await;
    operations::webhook_endpoints(&client, url).await;
    every_error_has_its_variant(&client, url).await;
    a_lost_response_does_no_harm(&client, flaky).await;
    live_updates(&client).await;
    worker::a_worker(&client, url, &log).await;
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

async fn changes_of_jobs(client: &Client) {
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
    println!("ok changes of jobs");
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
    let preview = client
        .preview_schedule("0 2 * * *", vec![("count", "3".to_owned())])
        .await;
    assert_eq!(preview.expect("a preview").times.len(), 3);
    let upcoming = client.upcoming(Vec::new()).await.expect("due times");
    assert!(upcoming.total_count >= 1);
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
        .schedule(NewJob::of_type("OtherJob").queue("managed"))
        .await
        .expect("a job");
    let queues = client.queues().await.expect("queues");
    assert!(queues.iter().any(|queue| queue.name == "managed"));
    assert_eq!(client.pause_queue("managed").await.expect("paused").status, "paused");
    let queues = client.queues_with_overview().await.expect("queues");
    let overview = queues.into_iter().find(|queue| queue.name == "managed");
    let overview = overview.and_then(|queue| queue.overview).expect("its state");
    assert_eq!((overview.due_jobs, overview.paused_at.is_some()), (Some(1), true));
    let held = client.explain_queue("managed").await.expect("an explanation").reasons;
    assert_eq!((held.len(), held[0].jobs), (1, 1));
    let filter = JobFilter {
        queue: Some("managed".to_owned()),
        explain: Some(true),
        ..JobFilter::default()
    };
    let listed = client.jobs(&filter).await.expect("a list").jobs;
    let of_list = listed[0].explanation.as_ref().expect("an explanation");
    assert_eq!(of_list.reasons[0].code, held[0].code);
    let of_job = client.explain_job(listed[0].id).await.expect("an explanation");
    assert_eq!(&of_job, of_list);
    assert_eq!(client.resume_queue("managed").await.expect("resumed").status, "running");
    assert_eq!(
        client
            .clear_queue("managed", true, false)
            .await
            .expect("cleared")
            .cleared_pending,
        1
    );
    assert_eq!(client.queue("managed").await.expect("a queue").pending_jobs, 0);
    client.delete_queue("managed").await.expect("deleted");
    let gone = client.queue("managed").await;
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
    assert!(
        !client
            .activity(Vec::new())
            .await
            .expect("a time series")
            .points
            .is_empty()
    );
    client.durations(Vec::new()).await.expect("durations");
    let failures = client.failures(of_type("FailingJob")).await.expect("failures");
    let failure = client.failure(&failures[0].fingerprint, Vec::new()).await;
    assert_eq!(failure.expect("a failure").reason, failures[0].reason);
    let facets = client.count_jobs("type", of_type("FailingJob")).await.expect("facets");
    assert_eq!(facets[0].values[0].value, "FailingJob");
    assert!(
        client
            .me()
            .await
            .expect("the caller")
            .scopes
            .iter()
            .any(|scope| scope == "tickerq:admin")
    );
    assert!(!client.server().await.expect("the server").features.is_empty());
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
