//! `/metrics/activity` and `/metrics/durations`: series and distributions, compared with the jobs themselves.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::harness::client::Client;
use crate::harness::eventually;
use crate::harness::server::{Site, Storage};

const TYPES: &str = r#"
[job_types.Noop]
handler = "noop"
[job_types.Fails]
max_retries = 1
retry_delay = "00:00:00.010"
handler = { command = { program = "sh", args = ["-c", "exit 1"] } }
[[queues]]
name = "mail"
"#;

const COUNTS: [&str; 6] = ["created", "started", "completed", "failed", "retried", "cancelled"];

fn counts(of: &Value) -> [u64; 6] {
    COUNTS.map(|count| of[count].as_u64().unwrap_or_else(|| panic!("{count} of {of}")))
}

/// The sum of the points of a series. It equals the total.
fn sum(series: &Value) -> [u64; 6] {
    let mut sum = [0; 6];
    for point in series["points"].as_array().expect("points") {
        for (sum, count) in sum.iter_mut().zip(counts(point)) {
            *sum += count;
        }
    }
    assert_eq!(sum, counts(&series["total"]), "{series}");
    sum
}

fn times(series: &Value) -> Vec<DateTime<Utc>> {
    let points = series["points"].as_array().expect("points");
    let time = |point: &Value| point["at"].as_str().expect("a time").parse().expect("a time");
    points.iter().map(time).collect()
}

async fn activity(client: &Client, query: &str) -> Value {
    let response = client.get(&format!("/metrics/activity?{query}")).await;
    let status = response.status;
    let body = response.json();
    assert_eq!(status, 200, "{query}: {body}");
    body
}

async fn all_have_ended(client: &Client, cancelled: &str) {
    client
        .post(&format!("/jobs/{cancelled}/cancel"), json!({}))
        .await
        .json();
    eventually("all jobs have ended", || async {
        let list = client.get("/jobs?status=pending,running").await.json();
        (list["totalCount"] == 0).then_some(())
    })
    .await;
}

async fn series_are_those_of_the_jobs(storage: Storage) {
    let site = Site::new(storage, TYPES);
    let server = site.start();
    let client = server.client();
    for queue in ["default", "mail", "mail"] {
        client.create(json!({ "type": "Noop", "queue": queue })).await;
    }
    client.create(json!({ "type": "Fails" })).await;
    let later = client.create(json!({ "type": "Noop", "delay": "01:00:00" })).await;
    all_have_ended(&client, later["id"].as_str().expect("an id")).await;

    // Created, started, completed, failed, retried and cancelled ones, the same at each step.
    let (all, of_mail) = ([5, 5, 3, 1, 1, 1], [2, 2, 2, 0, 0, 0]);
    for step in ["5s", "1m", "15m", "1h", "1d"] {
        let series = activity(&client, &format!("step={step}")).await;
        assert_eq!(series["step"], step);
        assert_eq!(sum(&series), all, "{step}: {series}");
        let mail = activity(&client, &format!("step={step}&queue=mail")).await;
        assert_eq!(sum(&mail), of_mail, "{step}: {mail}");
        let empty = activity(&client, &format!("step={step}&queue=unknown")).await;
        assert_eq!(sum(&empty), [0; 6]);
        assert_eq!(times(&empty).len(), times(&series).len(), "zeros, no gaps");
        let measured = series["points"].as_array().expect("points").iter();
        let measured: Vec<&Value> = measured.filter(|point| point["started"] != 0).collect();
        for point in &measured {
            assert!(point["waitP50"].is_string() && point["waitP99"].is_string(), "{point}");
        }
        assert!(!measured.is_empty());
        let silent = &empty["points"][0];
        assert!(silent["waitP50"].is_null() && silent["runP95"].is_null(), "{silent}");
    }
    let by_type = activity(&client, "step=15m&type=Fails").await;
    assert_eq!(sum(&by_type), [1, 2, 0, 1, 1, 0]);
    let by_default = activity(&client, "").await;
    assert_eq!(by_default["step"], "5s");
    let starts = times(&by_default);
    assert!(starts.len() >= 720, "an hour has {} points", starts.len());
    assert!(starts.windows(2).all(|pair| pair[1] - pair[0] == TimeDelta::seconds(5)));

    let durations = client.get("/metrics/durations?queue=mail").await.json();
    for measure in ["run", "wait"] {
        let buckets = durations[measure].as_array().expect("buckets");
        let total: u64 = buckets
            .iter()
            .map(|bucket| bucket["count"].as_u64().expect("a count"))
            .sum();
        assert_eq!(total, 2, "{durations}");
        for pair in buckets.windows(2) {
            assert_eq!(pair[0]["to"], pair[1]["from"], "no gaps");
        }
    }

    let query = "{ activity(step: M1, queue: \"mail\") { step timeZone total { created completed } points { at created waitP50 runP95 } }
        durations(queue: \"mail\") { run { from to count } } }";
    let response = client.graphql(&json!({ "query": query })).await;
    let found = &response["data"]["activity"];
    assert_eq!(
        (&found["step"], &found["total"]["created"], &found["total"]["completed"]),
        (&json!("M1"), &json!(2), &json!(2)),
        "{response}"
    );
    assert_eq!(response["data"]["durations"]["run"], durations["run"]);

    // A restart changes nothing.
    server.kill();
    let server = site.start();
    let again = activity(&server.client(), "step=1m").await;
    assert_eq!(sum(&again), all);
}

#[tokio::test]
async fn activity_is_that_of_the_jobs_on_sqlite() {
    series_are_those_of_the_jobs(Storage::Sqlite).await;
}

#[tokio::test]
async fn activity_is_that_of_the_jobs_on_postgresql() {
    series_are_those_of_the_jobs(Storage::Postgres).await;
}

#[tokio::test]
async fn a_series_that_is_too_long_names_the_limit() {
    let site = Site::new(Storage::Sqlite, TYPES);
    let server = site.start();
    let client = server.client();
    let ago = |hours| (Utc::now() - TimeDelta::hours(hours)).to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let problems = [
        (
            format!("step=5s&from={}", ago(3)),
            "step",
            "steps of 5s are limited to 1 hour; request a shorter range, or a longer step",
        ),
        (
            format!("step=5s&from={}&to={}", ago(3), ago(2)),
            "from",
            "steps of 5s are kept for 1 hour; request a later start, or a longer step",
        ),
        (
            format!("step=1m&from={}", ago(50)),
            "step",
            "steps of 1m are limited to 1 day; request a shorter range, or a longer step",
        ),
        (
            format!("step=15m&from={}", ago(24 * 100)),
            "step",
            "steps of 15m are limited to 90 days; request a shorter range, or a longer step",
        ),
        (
            "step=1m&type=Noop".to_owned(),
            "step",
            "steps of 1m are not counted by type; request steps of 15m or longer",
        ),
        (
            format!("from={}&to={}", ago(1), ago(2)),
            "from",
            "from is not before to",
        ),
        (
            "step=2m".to_owned(),
            "step",
            "'2m' is not a step; allowed are 5s, 1m, 15m, 1h and 1d",
        ),
    ];
    for (query, parameter, detail) in problems {
        let response = client.get(&format!("/metrics/activity?{query}")).await;
        assert_eq!(response.status, 400, "{query}");
        let problem = response.json();
        let text = problem.to_string();
        assert!(text.contains(detail), "{query}: {problem}");
        assert!(text.contains(&format!("\"{parameter}\"")), "{query}: {problem}");
    }
}

#[tokio::test]
async fn days_of_a_time_zone_begin_at_its_midnight() {
    let site = Site::new(Storage::Sqlite, TYPES);
    let server = site.start();
    let client = server.client();
    // Two days of a clock change are in every 400 days.
    let series = activity(&client, "step=1d&timeZone=Europe/Berlin&from=2026-03-28&to=2026-03-30").await;
    if Utc::now() > "2026-04-01T00:00:00Z".parse::<DateTime<Utc>>().expect("a time") {
        let hours: Vec<i64> = times(&series)
            .windows(2)
            .map(|pair| (pair[1] - pair[0]).num_hours())
            .collect();
        assert_eq!(hours, [24, 23], "{series}");
        assert_eq!(series["timeZone"], "Europe/Berlin");
    }
}
