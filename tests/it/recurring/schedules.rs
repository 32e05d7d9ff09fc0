//! Recurring jobs over REST: created, changed and triggered; each occurrence exactly once.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::client::Client;
use crate::harness::eventually;
use crate::harness::server::{Server, Site, Storage, run_sql};

const CONFIG: &str = r#"
[cluster]
lease_ttl = "00:00:03"

[job_types.DataBackupJob]
handler = "noop"

[job_types.SlowJob]
handler = { command = { program = "sleep", args = ["1.5"] } }
"#;

async fn create(client: &Client, body: Value) -> Value {
    let response = client.post("/jobs/recurring", body).await;
    assert_eq!(response.status, StatusCode::CREATED, "{}", response.text);
    response.json()
}

async fn every_second(client: &Client) -> String {
    let recurring = create(
        client,
        json!({ "type": "DataBackupJob", "cronExpression": "* * * * * *" }),
    )
    .await;
    recurring["id"].as_str().expect("an id").to_owned()
}

/// Due times of the existing occurrences, which must be distinct.
async fn occurrences(client: &Client, id: &str) -> BTreeSet<DateTime<Utc>> {
    let list = client
        .get(&format!("/jobs?recurringJobId={id}&limit=1000"))
        .await
        .json();
    let jobs = list["jobs"].as_array().cloned().unwrap_or_default();
    let mut times = BTreeSet::new();
    for job in &jobs {
        assert_eq!(job["recurringJobId"], *id);
        let detail = client.job(job["id"].as_str().expect("an id")).await;
        let at = detail["occurrenceAt"]
            .as_str()
            .expect("a due time")
            .parse()
            .expect("a time");
        assert!(times.insert(at), "{at} twice");
    }
    times
}

fn path(id: &str) -> String {
    format!("/jobs/recurring/{id}")
}

#[tokio::test]
async fn the_reference_s_daily_backup_is_stored_and_shown_with_its_next_times() {
    let (_site, server) = Server::with_config(CONFIG);
    let client = server.client();
    let body = json!({
        "type": "DataBackupJob", "name": "Daily Backup", "cronExpression": "0 2 * * *",
        "parameters": { "backupType": "incremental", "destination": "s3://backups/" }, "enabled": true
    });
    let response = client.post("/jobs/recurring", body).await;
    assert_eq!(response.status, StatusCode::CREATED, "{}", response.text);
    let created = response.json();
    let id = created["id"].as_str().expect("an id");
    assert_eq!(
        response.header("location"),
        Some(&*format!("/api/tickerq/jobs/recurring/{id}"))
    );
    assert_eq!(response.header("etag"), Some("\"1\""));
    assert_eq!(created["jobId"], *id);
    assert_eq!(created["timeZone"], "UTC");
    assert_eq!(created["misfirePolicy"], "fire_once");
    assert_eq!(created["overlapPolicy"], "allow");
    let next: DateTime<Utc> = created["nextRunAt"].as_str().expect("a time").parse().expect("a time");
    assert_eq!(next.format("%H:%M:%S").to_string(), "02:00:00");
    let next_runs = created["nextRuns"].as_array().expect("times");
    assert_eq!(next_runs.len(), 5);
    assert_eq!(next_runs[0], created["nextRunAt"]);
    assert_eq!(client.get(&path(id)).await.json(), created);
    let list = client.get("/jobs/recurring").await.json();
    assert_eq!((&list["totalCount"], &list["hasMore"]), (&json!(1), &json!(false)));
    assert_eq!(list["recurringJobs"][0], created);
}

#[tokio::test]
async fn a_job_with_a_cron_expression_recurs_on_whichever_route_it_is_posted() {
    let (_site, server) = Server::with_config(CONFIG);
    let client = server.client();
    // All members of the sample of the dashboard API, including its zero delay.
    let body = json!({
        "type": "DataBackupJob", "name": "Backup", "parameters": {}, "priority": "normal", "delay": "00:00:00",
        "maxRetries": 3, "options": { "cronExpression": "@daily", "timeZone": "europe/berlin" }
    });
    let response = client.post("/jobs", body).await;
    assert_eq!(response.status, StatusCode::CREATED, "{}", response.text);
    let created = response.json();
    assert_eq!(created["timeZone"], "Europe/Berlin");
    assert_eq!(created["maxRetries"], 3);
    let location = response.header("location").expect("a location");
    assert!(location.starts_with("/api/tickerq/jobs/recurring/"), "{location}");
}

#[tokio::test]
async fn a_request_with_an_idempotency_key_makes_one_recurring_job() {
    let (_site, server) = Server::with_config(CONFIG);
    let client = server.client();
    let post = || async {
        let request = client
            .request(Method::POST, "/jobs/recurring")
            .header("Idempotency-Key", "once")
            .json(&json!({ "type": "DataBackupJob", "cronExpression": "@daily" }));
        client.send(request).await
    };
    let (first, second) = (post().await, post().await);
    assert_eq!(first.json(), second.json());
    assert_eq!(second.header("idempotency-replayed"), Some("true"));
    assert_eq!(client.get("/jobs/recurring").await.json()["totalCount"], 1);
}

#[tokio::test]
async fn errors_of_a_schedule_name_the_allowed_values() {
    let (_site, server) = Server::with_config(CONFIG);
    let client = server.client();
    let cases = [
        (json!({ "cronExpression": "61 * * * *" }), "#/cronExpression"),
        (json!({ "cronExpression": "0 0 31 2 *" }), "#/cronExpression"),
        (json!({ "cronExpression": "@reboot" }), "#/cronExpression"),
        (json!({ "cronExpression": 5 }), "#/cronExpression"),
        (json!({}), "#/cronExpression"),
        (
            json!({ "cronExpression": "@daily", "timeZone": "Mars/Olympus" }),
            "#/timeZone",
        ),
        (
            json!({ "cronExpression": "@daily", "misfirePolicy": "pray" }),
            "#/misfirePolicy",
        ),
        (json!({ "cronExpression": "@daily", "catchUpMax": 0 }), "#/catchUpMax"),
        (json!({ "cronExpression": "@daily", "catchUpMax": 5 }), "#/catchUpMax"),
        (
            json!({ "cronExpression": "@daily", "misfirePolicy": "skip", "catchUpMax": 5 }),
            "#/catchUpMax",
        ),
        (
            json!({ "cronExpression": "@daily", "overlapPolicy": "maybe" }),
            "#/overlapPolicy",
        ),
        (json!({ "cronExpression": "@daily", "delay": "00:00:01" }), "#/delay"),
        (json!({ "cronExpression": "@daily", "uniqueKey": "a" }), "#/uniqueKey"),
        (
            json!({ "cronExpression": "@daily", "startsAt": "2030-01-02T00:00:00Z", "endsAt": "2030-01-01T00:00:00Z" }),
            "#/endsAt",
        ),
        (
            json!({ "cronExpression": "@daily", "endsAt": "2020-01-01T00:00:00Z" }),
            "#/endsAt",
        ),
        (
            json!({ "cronExpression": "0 12 1 * *", "startsAt": "2030-01-02T00:00:00Z", "endsAt": "2030-01-31T00:00:00Z" }),
            "#/endsAt",
        ),
    ];
    for (mut body, pointer) in cases {
        body["type"] = json!("DataBackupJob");
        let problem = client.post("/jobs/recurring", body.clone()).await.problem(400);
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}: {problem}");
    }
    let problem = client
        .post("/jobs", json!({ "type": "DataBackupJob", "timeZone": "UTC" }))
        .await
        .problem(400);
    assert_eq!(problem["errors"][0]["pointer"], "#/timeZone");
    let problem = client
        .get(&path("01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55"))
        .await
        .problem(404);
    assert_eq!(problem["type"], "urn:tickerq:problem:not-found");
}

#[tokio::test]
async fn it_is_patched_replaced_disabled_enabled_and_deleted() {
    let (_site, server) = Server::with_config(CONFIG);
    let client = server.client();
    let created = create(
        &client,
        json!({ "type": "DataBackupJob", "cronExpression": "0 2 * * *", "priority": "high", "misfirePolicy": "catch_up" }),
    )
    .await;
    let id = created["id"].as_str().expect("an id").to_owned();
    assert_eq!(created["catchUpMax"], 100);
    let send = |method: Method, body: Value, if_match: &'static str| {
        let request = client
            .request(method, &path(&id))
            .header("If-Match", if_match)
            .json(&body);
        let client = client.clone();
        async move { client.send(request).await }
    };
    let patched = send(
        Method::PATCH,
        json!({ "timeZone": "America/New_York", "catchUpMax": 7 }),
        "\"1\"",
    )
    .await;
    assert_eq!(patched.status, StatusCode::OK, "{}", patched.text);
    let patched = patched.json();
    assert_eq!(
        (&patched["timeZone"], &patched["catchUpMax"]),
        (&json!("America/New_York"), &json!(7))
    );
    assert_eq!(
        (&patched["priority"], &patched["cronExpression"]),
        (&json!("high"), &json!("0 2 * * *"))
    );
    assert_ne!(patched["nextRunAt"], created["nextRunAt"]);
    assert_eq!(
        send(Method::PATCH, json!({ "name": "x" }), "\"1\"").await.status,
        StatusCode::PRECONDITION_FAILED
    );
    send(Method::PATCH, json!({}), "\"2\"").await.problem(400);
    let replaced = send(
        Method::PUT,
        json!({ "type": "DataBackupJob", "cronExpression": "@hourly" }),
        "\"2\"",
    )
    .await;
    assert_eq!(replaced.status, StatusCode::OK, "{}", replaced.text);
    let replaced = replaced.json();
    assert_eq!(
        (&replaced["timeZone"], &replaced["priority"]),
        (&json!("UTC"), &json!("normal"))
    );
    let disabled = client.post_empty(&format!("{}/disable", path(&id))).await.json();
    assert_eq!(
        (&disabled["enabled"], &disabled["nextRunAt"]),
        (&json!(false), &json!(null))
    );
    let enabled = client.post_empty(&format!("{}/enable", path(&id))).await.json();
    assert_eq!(enabled["enabled"], true);
    assert!(enabled["nextRunAt"].is_string());
    assert_eq!(
        client.send(client.request(Method::DELETE, &path(&id))).await.status,
        StatusCode::NO_CONTENT
    );
    client.get(&path(&id)).await.problem(404);
}

#[tokio::test]
async fn a_trigger_makes_one_occurrence_now_and_execute_does_the_same() {
    let (_site, server) = Server::with_config(CONFIG);
    let client = server.client();
    let created = create(
        &client,
        json!({ "type": "DataBackupJob", "cronExpression": "@yearly", "enabled": false, "parameters": { "n": 1 } }),
    )
    .await;
    let id = created["id"].as_str().expect("an id").to_owned();
    for action in [format!("{}/trigger", path(&id)), format!("/jobs/{id}/execute")] {
        let response = client.post_empty(&action).await;
        assert!(response.status.is_success(), "{}", response.text);
        let job = response.json();
        assert_eq!(job["recurringJobId"], *id);
        let job = client.wait_finished(job["id"].as_str().expect("an id")).await;
        assert_eq!(
            (&job["status"], &job["parameters"]),
            (&json!("completed"), &json!({ "n": 1 }))
        );
    }
    assert_eq!(occurrences(&client, &id).await.len(), 2);
}

#[tokio::test]
async fn each_second_has_one_occurrence_and_it_starts_when_it_is_due() {
    let (_site, server) = Server::with_config(CONFIG);
    let client = server.client();
    let id = every_second(&client).await;
    let times = eventually("there are four occurrences", || async {
        let times = occurrences(&client, &id).await;
        (times.len() >= 4).then_some(times)
    })
    .await;
    let times: Vec<DateTime<Utc>> = times.into_iter().collect();
    for pair in times.windows(2) {
        assert_eq!(pair[1] - pair[0], TimeDelta::seconds(1), "{times:?}");
    }
    let read = client.get(&path(&id)).await.json();
    let last: DateTime<Utc> = read["lastRunAt"].as_str().expect("a time").parse().expect("a time");
    assert!(last >= times[3]);
}

#[tokio::test]
async fn an_overlapping_occurrence_is_skipped_or_queued_by_policy() {
    let (_site, server) = Server::with_config(CONFIG);
    let client = server.client();
    let make =
        |policy: &'static str| json!({ "type": "SlowJob", "cronExpression": "* * * * * *", "overlapPolicy": policy });
    let skip = create(&client, make("skip")).await["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let queue = create(&client, make("queue")).await["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    eventually("both have had a few occurrences", || async {
        let enough = occurrences(&client, &skip).await.len() >= 3 && occurrences(&client, &queue).await.len() >= 3;
        enough.then_some(())
    })
    .await;
    for id in [&skip, &queue] {
        let open = client
            .get(&format!("/jobs?recurringJobId={id}&status=pending,running"))
            .await
            .json();
        assert!(open["totalCount"].as_u64().is_some_and(|count| count <= 1), "{open}");
    }
    let queued: Vec<DateTime<Utc>> = occurrences(&client, &queue).await.into_iter().collect();
    for pair in queued.windows(2) {
        assert_eq!(pair[1] - pair[0], TimeDelta::seconds(1), "none is left out: {queued:?}");
    }
    let skipped: Vec<DateTime<Utc>> = occurrences(&client, &skip).await.into_iter().collect();
    assert!(
        skipped
            .windows(2)
            .all(|pair| pair[1] - pair[0] >= TimeDelta::seconds(2)),
        "{skipped:?}"
    );
}

#[tokio::test]
async fn after_a_restart_the_schedule_continues_without_duplicate_occurrences() {
    for storage in [Storage::Sqlite, Storage::Postgres] {
        let site = Site::new(storage, CONFIG);
        let server = site.start();
        let id = every_second(&server.client()).await;
        eventually("there are two occurrences", || async {
            (occurrences(&server.client(), &id).await.len() >= 2).then_some(())
        })
        .await;
        server.kill();
        let server = site.start();
        let before = occurrences(&server.client(), &id).await;
        let times = eventually("there are two more", || async {
            let times = occurrences(&server.client(), &id).await;
            (times.len() >= before.len() + 2).then_some(times)
        })
        .await;
        let times: Vec<DateTime<Utc>> = times.into_iter().collect();
        for pair in times.windows(2) {
            assert_eq!(
                pair[1] - pair[0],
                TimeDelta::seconds(1),
                "missed occurrences are created: {times:?}"
            );
        }
    }
}

#[tokio::test]
async fn on_three_nodes_each_occurrence_is_created_once_although_leaders_are_killed_and_stopped() {
    let site = Site::new(Storage::Postgres, CONFIG);
    let mut servers = vec![site.start(), site.start(), site.start()];
    let id = every_second(&servers[0].client()).await;
    let leader = |servers: &[Server]| {
        let clients: Vec<Client> = servers.iter().map(Server::client).collect();
        async move {
            eventually("one leader responds", || async {
                for (number, client) in clients.iter().enumerate() {
                    let nodes = client.get("/nodes").await.json();
                    let leads = nodes["nodes"]
                        .as_array()?
                        .iter()
                        .any(|node| node["isSelf"] == true && node["roles"] == json!(["scheduler"]));
                    if leads {
                        return Some(number);
                    }
                }
                None
            })
            .await
        }
    };
    let wait_for_more = |client: Client, count: usize| {
        let id = id.clone();
        async move {
            let before = occurrences(&client, &id).await.len();
            eventually("there are more occurrences", || async {
                (occurrences(&client, &id).await.len() >= before + count).then_some(())
            })
            .await;
        }
    };
    wait_for_more(servers[0].client(), 2).await;
    let first = leader(&servers).await;
    servers.remove(first).kill();
    wait_for_more(servers[0].client(), 3).await;
    let second = leader(&servers).await;
    let stopped = servers.remove(second);
    stopped.signal(Signal::STOP);
    wait_for_more(servers[0].client(), 3).await;
    stopped.signal(Signal::CONT);
    wait_for_more(servers[0].client(), 2).await;
    // Their distinctness is checked in `occurrences`; none may be missing.
    let times: Vec<DateTime<Utc>> = occurrences(&servers[0].client(), &id).await.into_iter().collect();
    for pair in times.windows(2) {
        assert_eq!(pair[1] - pair[0], TimeDelta::seconds(1), "{times:?}");
    }
    assert!(Duration::from_secs(u64::try_from(times.len()).expect("a number")) > Duration::from_secs(8));
}

#[tokio::test]
async fn an_unreadable_schedule_delays_no_other() {
    let site = Site::new(Storage::Postgres, CONFIG);
    let server = site.start();
    let client = server.client();
    let (broken, sound) = (every_second(&client).await, every_second(&client).await);
    // As a later version might store it.
    let spoil = format!("UPDATE recurring_jobs SET cron = 'when it rains' WHERE id = '{broken}'");
    run_sql(site.database_url(), &spoil);
    let before = occurrences(&client, &sound).await.len();
    eventually("the other one recurs", || async {
        (occurrences(&client, &sound).await.len() >= before + 3).then_some(())
    })
    .await;
    // A new leader checks all of them against its clock.
    assert!(server.stop().success());
    let server = site.start();
    let client = server.client();
    let before = occurrences(&client, &sound).await.len();
    eventually("the other one still recurs", || async {
        (occurrences(&client, &sound).await.len() >= before + 3).then_some(())
    })
    .await;
    let list = client.get("/jobs/recurring?limit=1").await;
    assert_eq!(list.status, StatusCode::OK, "{}", list.text);
    let list = list.json();
    assert_eq!(
        (&list["totalCount"], list["recurringJobs"].as_array().map(Vec::len)),
        (&json!(2), Some(1)),
        "{list}"
    );
    let lines = server.log().lines().filter(|line| line.contains(&broken)).count();
    assert_eq!(lines, 1, "it is logged once: {}", server.log());
}

async fn many_triggers_at_once(storage: Storage) {
    let site = Site::new(storage, "");
    let server = site.start();
    let client = server.client();
    let schedule = json!({ "type": "Waits", "cronExpression": "0 0 1 1 *" });
    let id = client.create(schedule).await["id"].as_str().expect("an id").to_owned();
    let paths = [format!("/jobs/recurring/{id}/trigger"), format!("/jobs/{id}/execute")];
    let triggers = (0..40).map(|number| client.post(&paths[number % 2], json!({})));
    let changes = (0..20).map(|number| {
        let request = client.request(Method::PATCH, &format!("/jobs/recurring/{id}"));
        client.send(request.json(&json!({ "name": format!("name {number}") })))
    });
    let (triggered, changed) = tokio::join!(join_all(triggers), join_all(changes));
    for response in triggered {
        assert!(response.status.is_success(), "{}", response.text);
    }
    for response in changed {
        assert_eq!(response.status, 200, "{}", response.text);
    }
    let list = client.get(&format!("/jobs?recurringJobId={id}&limit=100")).await.json();
    assert_eq!(list["totalCount"], 40, "{list}");
    // A conditional request gets its revision or is rejected.
    let revision = client
        .get(&format!("/jobs/recurring/{id}"))
        .await
        .header("etag")
        .expect("an ETag")
        .to_owned();
    let tagged = (0..10).map(|_| {
        let request = client.request(Method::POST, &paths[0]).header("if-match", &revision);
        client.send(request.json(&json!({})))
    });
    let statuses: Vec<u16> = join_all(tagged)
        .await
        .iter()
        .map(|response| response.status.as_u16())
        .collect();
    assert_eq!(
        statuses.iter().filter(|status| **status < 300).count(),
        1,
        "{statuses:?}"
    );
    assert_eq!(
        statuses.iter().filter(|status| **status == 412).count(),
        9,
        "{statuses:?}"
    );
}

#[tokio::test]
async fn many_triggers_and_changes_at_once_all_succeed_on_sqlite() {
    many_triggers_at_once(Storage::Sqlite).await;
}

#[tokio::test]
async fn many_triggers_and_changes_at_once_all_succeed_on_postgres() {
    many_triggers_at_once(Storage::Postgres).await;
}
