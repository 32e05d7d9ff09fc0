//! `/metrics/…`: system and job metrics, compared with the jobs and attempts themselves.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::client::Client;
use crate::harness::eventually;
use crate::harness::server::{Server, Site, Storage};

const TYPES: &str = r#"
[cluster]
lease_ttl = "00:00:03"
[job_types.Noop]
handler = "noop"
[job_types.Fails]
max_retries = 1
retry_delay = "00:00:00.010"
handler = { command = { program = "sh", args = ["-c", "echo \"no route to host 10.0.0.$$\" >&2; exit 1"] } }
[job_types.Waits]
handler = { command = { program = "sh", args = ["-c", "sleep 0.05"] } }
[[queues]]
name = "mail"
concurrency = 3
"#;

/// Every job in full with its attempts.
async fn all_jobs(client: &Client) -> Vec<Value> {
    let list = client.get("/jobs?limit=1000").await.json();
    let mut jobs = Vec::new();
    for job in list["jobs"].as_array().expect("jobs") {
        let id = job["id"].as_str().expect("an id");
        jobs.push(client.get(&format!("/jobs/{id}")).await.json());
    }
    jobs
}

async fn all_have_ended(client: &Client) {
    eventually("all jobs have ended", || async {
        let list = client.get("/jobs?status=pending,running").await.json();
        (list["totalCount"] == 0).then_some(())
    })
    .await;
}

fn span(text: &Value) -> TimeDelta {
    let text = text.as_str().expect("a duration");
    tickerq::domain::values::time_span::TimeSpan::parse(text)
        .expect("a duration")
        .to_delta()
}

fn close(found: &Value, expected: f64) {
    let found = found.as_f64().expect("a number");
    assert!(
        (found - expected).abs() <= 0.05 + f64::EPSILON,
        "{found} for {expected}"
    );
}

/// Recounts the metrics of one type or of all from the jobs.
struct Recount {
    completed: usize,
    failed_attempts: usize,
    failed_jobs: usize,
    cancelled: usize,
    run: TimeDelta,
}

fn recount(jobs: &[Value], is_meant: impl Fn(&Value) -> bool) -> Recount {
    let jobs: Vec<&Value> = jobs.iter().filter(|job| is_meant(job)).collect();
    let attempts: Vec<&Value> = jobs
        .iter()
        .flat_map(|job| job["executionHistory"].as_array().expect("a history"))
        .collect();
    let of = |status: &str| attempts.iter().filter(|attempt| attempt["status"] == status).count();
    let jobs_of = |status: &str| jobs.iter().filter(|job| job["status"] == status).count();
    let run = attempts
        .iter()
        .filter(|attempt| attempt["status"] == "completed" || attempt["status"] == "failed")
        .map(|attempt| span(&attempt["duration"]))
        .sum();
    Recount {
        completed: of("completed"),
        failed_attempts: of("failed"),
        failed_jobs: jobs_of("failed"),
        cancelled: jobs_of("cancelled"),
        run,
    }
}

async fn numbers_are_those_of(client: &Client, jobs: &[Value]) {
    let performance = client.get("/metrics/performance").await.json();
    let all = recount(jobs, |_| true);
    let summary = &performance["summary"];
    assert_eq!(summary["successfulJobs"], all.completed);
    assert_eq!(summary["failedJobs"], all.failed_jobs);
    assert_eq!(summary["cancelledJobs"], all.cancelled);
    assert_eq!(summary["failedAttempts"], all.failed_attempts);
    assert_eq!(summary["totalJobs"], all.completed + all.failed_jobs);
    close(
        &summary["successRate"],
        all.completed as f64 / (all.completed + all.failed_jobs) as f64 * 100.0,
    );
    let executions = i32::try_from(all.completed + all.failed_attempts).expect("few");
    let off = span(&summary["averageExecutionTime"]) - all.run / executions;
    assert!(off.abs() <= TimeDelta::microseconds(1), "{off}");
    // All of the last hours, and therefore in the trend of the last days.
    let trends = performance["trends"].as_array().expect("trends");
    assert_eq!(trends.len(), 7);
    let executed: u64 = trends
        .iter()
        .map(|day| day["jobsExecuted"].as_u64().expect("a number"))
        .sum();
    assert_eq!(summary["totalJobs"], executed);
    let filtered = client.get("/metrics/performance?queue=mail").await.json();
    let mail = recount(jobs, |job| job["queue"] == "mail");
    assert_eq!(filtered["summary"]["successfulJobs"], mail.completed);

    let analytics = client.get("/metrics/job-types").await.json();
    let types = analytics["jobTypes"].as_array().expect("types");
    let mut seen: BTreeMap<&str, &Value> = BTreeMap::new();
    for of_type in types {
        let name = of_type["type"].as_str().expect("a type");
        seen.insert(name, of_type);
        let expected = recount(jobs, |job| job["type"] == name);
        let executions = expected.completed + expected.failed_attempts;
        assert_eq!(of_type["totalExecutions"], executions, "{name}");
        assert_eq!(of_type["failedJobs"], expected.failed_jobs, "{name}");
        if executions > 0 {
            close(
                &of_type["successRate"],
                expected.completed as f64 / executions as f64 * 100.0,
            );
            let off = span(&of_type["averageExecutionTime"]) - expected.run / i32::try_from(executions).expect("few");
            assert!(off.abs() <= TimeDelta::microseconds(1), "{off}");
        }
    }
    let reasons = seen["Fails"]["failureReasons"].as_array().expect("reasons");
    let failed = recount(jobs, |job| job["type"] == "Fails").failed_attempts;
    assert_eq!(reasons.len(), 1, "numbers are folded: {reasons:?}");
    assert_eq!(
        (&reasons[0]["reason"], &reasons[0]["count"]),
        (&json!("exited with status #: no route to host #"), &json!(failed))
    );
    close(&reasons[0]["percentage"], 100.0);
}

async fn recounting(storage: Storage) {
    let site = Site::new(storage, TYPES);
    let server = site.start();
    let client = server.client();
    for number in 0..30 {
        let job_type = ["Noop", "Fails", "Waits"][number % 3];
        let queue = ["default", "mail"][number % 2];
        client.create(json!({ "type": job_type, "queue": queue })).await;
    }
    let later = client.create(json!({ "type": "Noop", "delay": "01:00:00" })).await;
    let id = later["id"].as_str().expect("an id");
    client.post(&format!("/jobs/{id}/cancel"), json!({})).await.json();
    // It is killed in between and restarted.
    server.kill();
    let server = site.start();
    let client = server.client();
    all_have_ended(&client).await;
    let jobs = all_jobs(&client).await;
    assert_eq!(jobs.len(), 31);
    numbers_are_those_of(&client, &jobs).await;

    let system = client.get("/metrics/system").await.json();
    assert_eq!(
        (&system["totalJobs"], &system["queueLength"], &system["activeWorkers"]),
        (&json!(31), &json!(0), &json!(0))
    );
    // The rollups remain when jobs are deleted.
    let before = client.get("/metrics/performance").await.json();
    for job in &jobs {
        let id = job["id"].as_str().expect("an id");
        let deleted = client
            .send(client.request(Method::DELETE, &format!("/jobs/{id}")))
            .await;
        assert_eq!(deleted.status, StatusCode::NO_CONTENT);
    }
    let after = client.get("/metrics/performance").await.json();
    assert_eq!(after["summary"], before["summary"]);
    let list = client.get("/jobs").await.json();
    assert_eq!(list["totalCount"], 0);
}

#[tokio::test]
async fn metrics_equal_a_recount_of_the_jobs_on_sqlite() {
    recounting(Storage::Sqlite).await;
}

#[tokio::test]
async fn metrics_equal_a_recount_of_the_jobs_on_postgresql() {
    recounting(Storage::Postgres).await;
}

#[tokio::test]
async fn the_shapes_are_those_of_the_reference() {
    let site = Site::new(Storage::Sqlite, TYPES);
    let server = site.start();
    let client = server.client();
    client.create(json!({ "type": "Noop" })).await;
    client.create(json!({ "type": "Fails" })).await;
    all_have_ended(&client).await;
    let time = |value: insta::internals::Content, _: insta::internals::ContentPath<'_>| {
        let text = value.as_str().expect("a time");
        text.parse::<DateTime<Utc>>().expect("a time");
        "[a time]"
    };
    let system = client.get("/metrics/system").await.json();
    insta::assert_json_snapshot!("metrics_system", system, {
        ".timestamp" => insta::dynamic_redaction(time),
        ".memoryUsage.used" => "[size]",
        ".memoryUsage.available" => "[size]",
        ".memoryUsage.percentage" => "[percentage]",
        ".cpuUsage.percentage" => "[percentage]",
        ".cpuUsage.cores" => "[count]",
    });
    let yesterday = Utc::now().date_naive() - TimeDelta::days(1);
    let days = format!("from={yesterday}&to={}&granularity=day", yesterday + TimeDelta::days(1));
    let performance = client.get(&format!("/metrics/performance?{days}")).await.json();
    insta::assert_json_snapshot!("metrics_performance", performance, {
        ".period.from" => insta::dynamic_redaction(time),
        ".period.to" => insta::dynamic_redaction(time),
        ".summary.averageExecutionTime" => "[span]",
        ".summary.averageWaitTime" => "[span]",
        ".summary.executionTime.p50" => "[span]",
        ".summary.executionTime.p95" => "[span]",
        ".summary.executionTime.p99" => "[span]",
        ".summary.waitTime.p50" => "[span]",
        ".summary.waitTime.p95" => "[span]",
        ".summary.waitTime.p99" => "[span]",
        // The jobs may have finished before or after a full hour or midnight.
        ".summary.throughput.peakJobsPerHour" => "[count]",
        ".summary.throughput.jobsPerDay" => "[count]",
        ".trends[0].date" => "[date]",
        ".trends[1].date" => "[date]",
        ".trends[1].averageExecutionTime" => "[span]",
    });
    let types = client.get(&format!("/metrics/job-types?from={yesterday}")).await.json();
    insta::assert_json_snapshot!("metrics_job_types", types, {
        ".period.from" => insta::dynamic_redaction(time),
        ".period.to" => insta::dynamic_redaction(time),
        ".jobTypes[].averageExecutionTime" => "[span]",
        ".jobTypes[].averageWaitTime" => "[span]",
        ".jobTypes[].executionTime.p50" => "[span]",
        ".jobTypes[].executionTime.p95" => "[span]",
        ".jobTypes[].executionTime.p99" => "[span]",
        ".jobTypes[].waitTime.p50" => "[span]",
        ".jobTypes[].waitTime.p95" => "[span]",
        ".jobTypes[].waitTime.p99" => "[span]",
    });
}

#[tokio::test]
async fn a_period_is_read_as_the_reference_writes_it() {
    let site = Site::new(Storage::Sqlite, TYPES);
    let server = site.start();
    let client = server.client();
    let period = async |query: &str| {
        let response = client.get(&format!("/metrics/performance?{query}")).await.json();
        let days = response["trends"].as_array().expect("trends").len();
        let [from, to] = ["from", "to"].map(|end| response["period"][end].as_str().expect("a time").to_owned());
        (from, to, days, response["trends"][0]["date"].clone())
    };
    let owned = |from: &str, to: &str, days, first: &str| (from.to_owned(), to.to_owned(), days, json!(first));
    assert_eq!(
        period("from=2024-01-01&to=2024-01-15").await,
        owned("2024-01-01T00:00:00Z", "2024-01-15T23:59:59Z", 15, "2024-01-01")
    );
    assert_eq!(
        period("from=2024-03-30&to=2024-04-01&timeZone=Europe/Berlin").await,
        owned("2024-03-29T23:00:00Z", "2024-04-01T21:59:59Z", 3, "2024-03-30")
    );
    assert_eq!(
        period("from=2024-01-01&to=2024-01-01&timeZone=Asia/Kathmandu").await,
        owned("2023-12-31T18:15:00Z", "2024-01-01T18:14:59Z", 1, "2024-01-01")
    );
    assert_eq!(
        period("from=2024-01-01&to=2024-01-01&timeZone=Asia/Kathmandu&granularity=hour").await,
        owned(
            "2023-12-31T18:15:00Z",
            "2024-01-01T18:14:59Z",
            24,
            "2024-01-01T00:00:00+05:45"
        )
    );
    assert_eq!(
        period("from=2024-01-01T10:07:00Z&to=2024-01-01T11:59:00Z&granularity=day&queue=undefined").await,
        owned("2024-01-01T10:00:00Z", "2024-01-01T11:59:59Z", 1, "2024-01-01")
    );
}

#[tokio::test]
async fn an_invalid_period_is_rejected_with_the_parameter() {
    let site = Site::new(Storage::Sqlite, TYPES);
    let server = site.start();
    let client = server.client();
    for (query, parameter, detail) in [
        ("from=2024-01-02&to=2024-01-01", "from", "later than to"),
        ("from=2020-01-01&to=2024-01-01", "from", "400 days"),
        (
            "from=2024-01-01&to=2024-01-20&granularity=hour",
            "granularity",
            "14 days",
        ),
        ("granularity=week", "granularity", "hour and day"),
        ("timeZone=Berlin", "timeZone", "Europe/Berlin"),
        ("from=yesterday", "from", "neither a date"),
        ("queue=a%20b", "queue", "a queue's name"),
        ("since=2024-01-01", "since", "since"),
    ] {
        let response = client.get(&format!("/metrics/performance?{query}")).await;
        let problem = response.problem(400);
        let text = problem.to_string();
        assert!(text.contains(detail), "{query}: {text}");
        assert_eq!(problem["errors"][0]["parameter"], parameter, "{query}: {text}");
    }
}

#[tokio::test]
async fn trends_are_daily_by_default() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    let hour_ago = (chrono::Utc::now() - TimeDelta::hours(1)).format("%Y-%m-%dT%H:%M:%SZ");
    for period in [format!("from={hour_ago}"), "from=2024-01-01&to=2024-01-01".to_owned()] {
        let trends = client.get(&format!("/metrics/performance?{period}")).await.json()["trends"].clone();
        for trend in trends.as_array().expect("trends") {
            assert_eq!(
                trend["date"].as_str().map(str::len),
                Some("2024-01-01".len()),
                "{trend}"
            );
        }
        let hours = format!("/metrics/performance?{period}&granularity=hour");
        let trends = client.get(&hours).await.json()["trends"].clone();
        assert!(
            trends[0]["date"].as_str().is_some_and(|date| date.contains('T')),
            "{trends}"
        );
    }
}
