//! Occurrences: each due time has one, over restarts, nodes and failures.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use rustix::process::Signal;
use serde_json::json;

use super::schedules::{CONFIG, create, path};
use crate::harness::client::Client;
use crate::harness::eventually;
use crate::harness::server::{Server, Site, Storage, run_sql};

async fn every_second(client: &Client) -> String {
    let recurring = create(
        client,
        json!({ "type": "DataBackupJob", "cronExpression": "* * * * * *" }),
    )
    .await;
    recurring["id"].as_str().expect("an id").to_owned()
}

/// Due times of the existing occurrences, which must be distinct.
pub(super) async fn occurrences(client: &Client, id: &str) -> BTreeSet<DateTime<Utc>> {
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
