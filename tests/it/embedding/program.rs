//! Programs that embed the server: start on plain tokio, scheduling, and progress reports.

use std::sync::Arc;
use std::time::Duration;

use actix_web::{App, HttpServer};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tickerq::Builder;
use tickerq::Server;
use tickerq::domain::access::caller::Caller;
use tickerq::domain::job::outcome::Failure;
use tickerq::domain::job::priority::Priority;
use tickerq::handlers::{JobContext, LogLevel, in_process};
use tickerq::service::JobRequestError;
use tickerq::storage::memory::MemoryRepository;
use tickerq::storage::query::RecurringPage;
use tokio::sync::Notify;

use crate::harness::client::Client;
use crate::harness::eventually;
use crate::harness::socket::Socket;

async fn double(_: JobContext, number: i64) -> Result<i64, Failure> {
    Ok(number * 2)
}

fn builder() -> Builder {
    Server::builder()
        .repository(Arc::new(MemoryRepository::new()))
        .listen("127.0.0.1:0".parse().expect("an address"))
        .handler("DoubleJob", in_process::function(double))
}

fn client_of(server: &Server) -> Client {
    Client::new(&format!("http://{}", server.addresses()[0]))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_starts_and_stops_under_tokio_main() {
    let server = builder().start().await.expect("the server starts");
    let client = client_of(&server);
    let job = server.schedule("DoubleJob", &21).await.expect("the job is stored");
    assert_eq!(client.wait_finished(&job.id.to_string()).await["result"], 42);
    // Live updates are actors, too.
    let mut socket = Socket::open(&format!("http://{}", server.addresses()[0]), "/ws").await;
    socket.subscribe(json!(["job-status"]), Value::Null).await;
    let again = client.create(json!({ "type": "DoubleJob", "parameters": 1 })).await;
    assert_eq!(socket.next_of("job-status-changed").await["data"]["jobId"], again["id"]);
    client.wait_finished(again["id"].as_str().expect("an id")).await;
    server.stop().await;

    // A second server after the first: each has its own actix system.
    let server = builder().start().await.expect("the server starts again");
    server.stop().await;
}

#[tokio::test]
async fn a_single_threaded_tokio_program_may_drop_the_server() {
    let server = builder().start().await.expect("the server starts");
    let client = client_of(&server);
    client.create(json!({ "type": "DoubleJob", "parameters": 1 })).await;
    drop(server);
    let taken = Server::builder()
        .listen(
            "256.0.0.1:1"
                .parse()
                .unwrap_or_else(|_| "192.0.2.1:1".parse().expect("an address")),
        )
        .repository(Arc::new(MemoryRepository::new()))
        .start()
        .await;
    assert!(taken.is_err(), "an address of another machine is an error, not a panic");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_facades_run_in_a_tokio_programs_own_http_server() {
    let tickerq = builder().embed().await.expect("it starts");
    let facades = tickerq.facades();
    let http = HttpServer::new(move || App::new().configure(|routes| facades.configure(routes)))
        .workers(1)
        .disable_signals()
        .bind("127.0.0.1:0")
        .expect("a free port");
    let url = format!("http://{}", http.addrs()[0]);
    let http = http.run();
    let handle = http.handle();
    let serving = tokio::spawn(http);

    let client = Client::new(&url);
    let mut socket = Socket::open(&url, "/ws").await;
    socket.subscribe(json!(["job-status"]), Value::Null).await;
    let job = client.create(json!({ "type": "DoubleJob", "parameters": 4 })).await;
    assert_eq!(socket.next_of("job-status-changed").await["data"]["jobId"], job["id"]);
    let id = job["id"].as_str().expect("an id");
    assert_eq!(client.wait_finished(id).await["result"], 8);
    let query = format!("{{ job(id: \"{id}\") {{ status }} }}");
    assert_eq!(
        crate::graphql::data_of(&client, &query).await["job"]["status"],
        "COMPLETED"
    );
    tickerq.stop().await;
    handle.stop(true).await;
    serving.await.expect("it ends").expect("it ends well");
}

#[actix_web::test]
async fn a_program_schedules_a_job_without_caller_names_or_json() {
    let server = builder().start().await.expect("the server starts");
    let client = client_of(&server);
    let at: DateTime<Utc> = "2099-01-01T00:00:00Z".parse().expect("a time");
    let scheduled = server
        .jobs()
        .request("DoubleJob")
        .parameters(&7)
        .name("Twice seven")
        .queue("numbers")
        .priority(Priority::High)
        .run_at(at)
        .max_retries(9)
        .timeout(Duration::from_secs(90))
        .unique_key("seven")
        .schedule()
        .await
        .expect("the job is stored");
    assert!(scheduled.is_new);
    let job = client.job(&scheduled.job.id.to_string()).await;
    for (field, value) in [
        ("name", json!("Twice seven")),
        ("queue", json!("numbers")),
        ("priority", json!("high")),
        ("runAt", json!("2099-01-01T00:00:00Z")),
        ("maxRetries", json!(9)),
        ("timeout", json!("00:01:30")),
        ("uniqueKey", json!("seven")),
        ("parameters", json!(7)),
    ] {
        assert_eq!(job[field], value, "{field}");
    }
    let again = server.jobs().request("DoubleJob").unique_key("seven").schedule().await;
    let again = again.expect("the job is there");
    assert_eq!((again.is_new, again.job.id), (false, scheduled.job.id));

    let later = server
        .jobs()
        .request("DoubleJob")
        .delay(Duration::from_secs(3600))
        .schedule()
        .await;
    assert!(later.expect("the job is stored").job.due_at > Utc::now() + Duration::from_secs(3000));
    let wrong = server
        .schedule("Double Job", &1)
        .await
        .expect_err("a name with a space");
    assert!(matches!(wrong, JobRequestError::Name(_)), "{wrong}");
    let wrong = server.jobs().request("DoubleJob").delay(Duration::MAX).schedule().await;
    let wrong = wrong
        .map(|scheduled| scheduled.job.id)
        .expect_err("a delay without an end");
    assert!(wrong.to_string().starts_with("delay is too long"), "{wrong}");
    let page = RecurringPage { limit: 10, offset: 0 };
    let list = server.recurring().list(&Caller::local(), page).await;
    assert!(list.expect("a list").recurring_jobs.is_empty());
    server.stop().await;
}

#[actix_web::test]
async fn a_handlers_progress_and_log_lines_are_part_of_the_running_job() {
    let go_on = Arc::new(Notify::new());
    let handler = in_process::function_with(
        Arc::clone(&go_on),
        |go_on: Arc<Notify>, context: JobContext, (): ()| async move {
            context.progress_with(12.5, "page 1 of 8");
            context.log(LogLevel::Info, "opened");
            go_on.notified().await;
            for page in 1..=500_u32 {
                context.progress(f64::from(page) / 5.0);
                context.log(LogLevel::Debug, &format!("page {page}"));
            }
            Ok::<_, Failure>(())
        },
    );
    let server = builder()
        .handler("PagesJob", handler)
        .start()
        .await
        .expect("the server starts");
    let client = client_of(&server);
    let job = server.schedule("PagesJob", &()).await.expect("the job is stored");
    let id = job.id.to_string();
    let running = eventually("the first report is stored", || async {
        let job = client.job(&id).await;
        job.get("log").is_some().then_some(job)
    })
    .await;
    assert_eq!(running["status"], "running");
    assert_eq!(
        running["progress"],
        json!({ "attempt": 1, "percent": 12.5, "message": "page 1 of 8" })
    );
    let line = &running["log"][0];
    assert_eq!(
        (&line["attempt"], &line["level"], &line["message"]),
        (&json!(1), &json!("info"), &json!("opened"))
    );
    go_on.notify_one();
    let done = client.wait_finished(&id).await;
    assert_eq!(done["progress"]["percent"], 100.0, "the last report precedes the end");
    let log = done["log"].as_array().expect("log lines");
    assert_eq!(log.len(), 200, "a job keeps its last lines");
    assert_eq!(log[199]["message"], "page 500");
    server.stop().await;
}
