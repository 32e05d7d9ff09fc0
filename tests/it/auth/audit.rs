//! Audit records of changes.

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tickerq::domain::access::audit::{AuditAction, AuditOutcome, AuditRecord, AuditTarget};
use tickerq::domain::access::caller::Caller;
use tickerq::domain::job::Job;
use tickerq::domain::job::new_job::{JobDefaults, NewJob};
use tickerq::domain::values::id::{AuditId, JobId};
use tickerq::domain::values::name::{JobType, QueueName};
use tickerq::storage::change::{Applied, Change, ChangeError, JobChange, MaintenanceChange, QueueChange};
use tickerq::storage::commit::{AuditEntry, Commit};
use tickerq::storage::query::{AuditFilter, AuditPage};
use tickerq::storage::repository::JobStore;
use tickerq::storage::sea::{SeaOptions, SeaRepository};

use crate::harness::client::Client;
use crate::harness::server::{Server, Site, Storage, new_postgres_database};

const CONFIG: &str = r#"
[job_types.NoopJob]
handler = "noop"
[[api.keys]]
name = "billing"
key = "tq_billing-key-for-tests"
scopes = ["tickerq:read", "tickerq:write"]
[[api.keys]]
name = "operator"
key = "tq_operator-key-for-tests"
scopes = ["tickerq:read", "tickerq:write", "tickerq:admin"]
"#;

struct Callers {
    billing: Client,
    operator: Client,
}

fn callers(server: &Server) -> Callers {
    let client = server.client();
    Callers {
        billing: client.with_token("tq_billing-key-for-tests"),
        operator: client.with_token("tq_operator-key-for-tests"),
    }
}

async fn records(operator: &Client, query: &str) -> Vec<Value> {
    let response = operator.get(&format!("/audit{query}")).await;
    assert_eq!(response.status, StatusCode::OK, "{}", response.text);
    response.json()["records"].as_array().expect("records").clone()
}

/// A record without its variable parts.
fn summary(record: &Value) -> String {
    format!(
        "{} {} {} {} {} {}",
        record["actor"]["name"].as_str().expect("a name"),
        record["action"].as_str().expect("an action"),
        record["queue"].as_str().unwrap_or("-"),
        record["jobs"],
        record["outcome"].as_str().expect("an outcome"),
        if record["jobId"].is_null() { "-" } else { "job" }
    )
}

async fn every_change_of_a_recurring_job(operator: &Client) {
    let nightly = json!({"type": "Unknown", "queue": "night", "cronExpression": "0 2 * * *"});
    let recurring = operator.post("/jobs/recurring", nightly).await;
    assert_eq!(recurring.status, StatusCode::CREATED, "{}", recurring.text);
    let id = recurring.json()["id"].as_str().expect("an id").to_owned();
    let of = |rest: &str| format!("/jobs/recurring/{id}{rest}");
    let patch = operator
        .request(Method::PATCH, &of(""))
        .json(&json!({"priority": "high"}));
    assert_eq!(operator.send(patch).await.status, StatusCode::OK);
    // It is already disabled the second time.
    for action in ["/disable", "/disable", "/enable", "/trigger"] {
        let response = operator.post_empty(&of(action)).await;
        assert!(response.status.is_success(), "{action}: {}", response.text);
    }
    operator.post_empty(&format!("/jobs/{id}/execute")).await;
    let deleted = operator.send(operator.request(Method::DELETE, &of(""))).await;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT);
}

async fn every_change_is_recorded_on(storage: Storage) {
    let site = Site::new(storage, CONFIG);
    let server = site.start();
    let Callers { billing, operator } = callers(&server);
    let before = Utc::now();
    let waiting = billing.create(json!({"type": "Unknown", "queue": "mail"})).await;
    let id = waiting["id"].as_str().expect("an id").to_owned();
    let of = |rest: &str| format!("/jobs/{id}{rest}");
    let patch = operator
        .send(
            operator
                .request(Method::PATCH, &of(""))
                .json(&json!({"priority": "high"})),
        )
        .await;
    assert_eq!(patch.status, StatusCode::OK, "{}", patch.text);
    operator.post(&of("/execute"), json!({"delay": "01:00:00"})).await;
    operator.post_empty(&of("/cancel")).await;
    // These change nothing and are not recorded.
    operator.post_empty(&of("/cancel")).await.problem(409);
    operator
        .send(
            operator
                .request(Method::PATCH, &of(""))
                .json(&json!({"priority": "low"})),
        )
        .await
        .problem(409);
    operator.post(&of("/retry"), json!({})).await;
    operator.post_empty(&of("/cancel")).await;
    let deleted = operator.send(operator.request(Method::DELETE, &of(""))).await;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT);
    let batch = json!([{"type": "Unknown", "queue": "mail"}, {"type": "Unknown", "queue": "mail"}]);
    billing.post("/jobs/batch", batch).await;
    let batch = json!([{"type": "Unknown", "queue": "mail"}, {"type": "Unknown", "queue": "news"}]);
    billing.post("/jobs/batch", batch).await;
    for action in ["pause", "pause", "resume"] {
        operator.post_empty(&format!("/queues/mail/{action}")).await;
    }
    operator.post_empty("/queues/mail/clear").await;
    operator.post_empty("/queues/mail/clear").await;
    let unique = json!({"type": "Unknown", "uniqueKey": "one"});
    billing.post("/jobs", unique.clone()).await;
    billing.post("/jobs", unique).await;

    every_change_of_a_recurring_job(&operator).await;

    let all = records(&operator, "").await;
    let lines: Vec<String> = all.iter().rev().map(summary).collect();
    assert_eq!(
        lines,
        [
            "billing job.create mail 1 created job",
            "operator job.update mail 1 changed job",
            "operator job.execute mail 1 pending job",
            "operator job.cancel mail 1 cancelled job",
            "operator job.retry mail 1 pending job",
            "operator job.cancel mail 1 cancelled job",
            "operator job.delete mail 1 deleted job",
            "billing job.create mail 2 created -",
            "billing job.create - 2 created -",
            "operator queue.pause mail 0 paused -",
            "operator queue.resume mail 0 resumed -",
            "operator queue.clear mail 3 cleared -",
            "billing job.create default 1 created job",
            "operator recurring.create night 1 created job",
            "operator recurring.update night 1 changed job",
            "operator recurring.disable night 1 changed job",
            "operator recurring.enable night 1 changed job",
            "operator recurring.trigger night 1 created job",
            "operator recurring.trigger night 1 created job",
            "operator recurring.delete night 1 deleted job",
        ]
    );
    for record in &all {
        assert_eq!(record["actor"]["kind"], "key");
        assert_eq!(record["address"], "127.0.0.1");
        let at: DateTime<Utc> = record["at"].as_str().expect("a time").parse().expect("a time");
        assert!(at > before - TimeDelta::milliseconds(1) && at <= Utc::now(), "{at}");
    }
    let of_job = records(&operator, &format!("?jobId={id}")).await;
    assert_eq!(of_job.len(), 7);
    assert!(of_job.iter().all(|record| record["jobId"] == id.as_str()));
    // The record survives the job and the server.
    server.kill();
    let server = site.start();
    let again = records(&callers(&server).operator, "").await;
    assert_eq!(again, all);
}

#[tokio::test]
async fn every_change_is_recorded_in_sqlite() {
    every_change_is_recorded_on(Storage::Sqlite).await;
}

#[tokio::test]
async fn every_change_is_recorded_in_postgresql() {
    every_change_is_recorded_on(Storage::Postgres).await;
}

#[tokio::test]
async fn targets_other_than_jobs_have_fields_of_their_own() {
    let (_site, server) = Server::with_config(CONFIG);
    let Callers { billing, operator } = callers(&server);
    let level = operator
        .request(Method::PUT, "/log-level")
        .json(&json!({ "level": "warn" }));
    let node = operator.send(level).await.json()["nodeId"].clone();
    operator
        .post_empty(&format!("/nodes/{}/drain", node.as_str().expect("an id")))
        .await;
    let declaration = json!({ "name": "w", "types": ["MailJob"] });
    let worker = billing.post("/workers", declaration).await.json()["id"].clone();
    let path = format!("/workers/{}", worker.as_str().expect("an id"));
    // The worker has left already the second time.
    for _ in 0..2 {
        billing.send(billing.request(Method::DELETE, &path)).await;
    }
    let endpoint = json!({ "url": "https://example.com/hook", "events": ["*"] });
    let endpoint = operator.post("/webhooks/endpoints", endpoint).await.json()["id"].clone();
    let recorded = records(&operator, "").await;
    let targets = recorded.iter().rev().map(|record| {
        json!([
            summary(record),
            record["nodeId"],
            record["workerId"],
            record["endpointId"]
        ])
    });
    assert_eq!(
        json!(targets.collect::<Vec<_>>()),
        json!([
            ["operator log-level.set - 0 changed -", node, null, null],
            ["operator node.drain - 0 changed -", node, null, null],
            ["billing worker.register - 0 registered -", null, worker, null],
            ["billing worker.unregister - 0 unregistered -", null, worker, null],
            ["operator webhook.create - 1 created -", null, null, endpoint],
        ])
    );
    for (id, count) in [(&node, 2), (&worker, 2), (&endpoint, 1)] {
        let query = format!("?jobId={}", id.as_str().expect("an id"));
        assert_eq!(records(&operator, &query).await.len(), count, "{query}");
    }
}

#[tokio::test]
async fn records_are_filtered_and_paged() {
    let (_site, server) = Server::with_config(CONFIG);
    let Callers { billing, operator } = callers(&server);
    for _ in 0..7 {
        billing.create(json!({"type": "Unknown"})).await;
    }
    operator.post_empty("/queues/default/pause").await;
    operator.create(json!({"type": "Unknown"})).await;
    for (query, count) in [
        ("?actor=billing", 7),
        ("?actor=operator", 2),
        ("?actor=unknown", 0),
        ("?action=job.create", 8),
        ("?action=queue.pause", 1),
        ("?action=queue.resume", 0),
        ("?actor=operator&action=job.create", 1),
        ("?from=2020-01-01", 9),
        ("?to=2020-01-01", 0),
        ("?from=2999-01-01", 0),
        ("?to=2999-01-01&limit=4", 4),
        ("?actor=null&action=undefined&jobId=", 9),
        ("?jobId=01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55", 0),
    ] {
        assert_eq!(records(&operator, query).await.len(), count, "{query}");
    }
    let mut seen = Vec::new();
    let mut after = String::new();
    loop {
        let page = operator.get(&format!("/audit?limit=4{after}")).await.json();
        let ids: Vec<String> = page["records"]
            .as_array()
            .expect("records")
            .iter()
            .map(|record| record["id"].as_str().expect("an id").to_owned())
            .collect();
        after = format!("&after={}", ids.last().expect("a record"));
        seen.extend(ids);
        if page["hasMore"] == json!(false) {
            break;
        }
    }
    assert_eq!(seen.len(), 9);
    assert!(
        seen.is_sorted_by(|newer, older| newer > older),
        "the newest first, none twice: {seen:?}"
    );
    for (query, parameter) in [
        ("?action=job.creat", "action"),
        ("?jobId=7", "jobId"),
        ("?after=7", "after"),
        ("?from=soon", "from"),
        ("?from=2024-01-02&to=2024-01-01", "from"),
        ("?limit=0", "limit"),
        ("?limit=1001", "limit"),
        ("?who=billing", "who"),
    ] {
        let problem = operator.get(&format!("/audit{query}")).await.problem(400);
        assert_eq!(problem["errors"][0]["parameter"], parameter, "{problem}");
    }
}

#[tokio::test]
async fn clearing_a_long_queue_is_one_record() {
    let (_site, server) = Server::with_config(CONFIG);
    let Callers { operator, .. } = callers(&server);
    let batch: Vec<Value> = (0..1_250)
        .map(|_| json!({"type": "Unknown", "queue": "long"}))
        .collect();
    for _ in 0..2 {
        let response = operator.post("/jobs/batch", json!(batch)).await;
        assert_eq!(response.status, StatusCode::CREATED, "{}", response.text);
    }
    operator.post_empty("/queues/long/clear").await;
    let lines: Vec<String> = records(&operator, "").await.iter().map(summary).collect();
    assert_eq!(
        lines,
        [
            "operator queue.clear long 2500 cleared -",
            "operator job.create long 1250 created -",
            "operator job.create long 1250 created -",
        ]
    );
}

#[tokio::test]
async fn without_authentication_records_are_kept_only_when_configured() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    client.create(json!({"type": "Unknown"})).await;
    assert_eq!(records(&client, "").await, Vec::<Value>::new());

    let (_site, server) = Server::with_config("[audit]\nenable = true\n");
    let client = server.client();
    client.create(json!({"type": "Unknown"})).await;
    let kept = records(&client, "").await;
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0]["actor"], json!({"name": "anonymous", "kind": "anonymous"}));

    let (_site, server) = Server::with_config(&format!("[audit]\nenable = false\n{CONFIG}"));
    let Callers { billing, operator } = callers(&server);
    billing.create(json!({"type": "Unknown"})).await;
    assert_eq!(records(&operator, "").await, Vec::<Value>::new());
    billing.get("/audit").await.problem(403);
}

struct Store {
    repository: SeaRepository,
    _folder: Option<TempDir>,
}

/// An empty storage of each kind.
async fn stores() -> [Store; 2] {
    let folder = tempfile::tempdir().expect("a folder");
    let sqlite = format!("sqlite:{}", folder.path().join("test.db").display());
    let mut stores = Vec::new();
    for (url, folder) in [(sqlite, Some(folder)), (new_postgres_database(""), None)] {
        let repository = SeaRepository::connect(SeaOptions::new(url)).await.expect("a database");
        repository.migrate_up().await.expect("tables");
        stores.push(Store {
            repository,
            _folder: folder,
        });
    }
    stores.try_into().unwrap_or_else(|_| panic!("two storages"))
}

fn record(at: DateTime<Utc>, random: u128, action: AuditAction, job_id: Option<JobId>) -> AuditRecord {
    AuditRecord {
        target: job_id.map(AuditTarget::Job),
        ..AuditRecord::new(
            AuditId::new(at, random),
            &Caller::local(),
            action,
            AuditOutcome::Created,
        )
    }
}

fn job(random: u128) -> std::sync::Arc<Job> {
    let new = NewJob::of_type(JobType::parse("Unknown").expect("a type"));
    std::sync::Arc::new(new.into_job(&JobDefaults::default(), Utc::now(), random))
}

const ALL: AuditPage = AuditPage {
    limit: 1_000,
    after: None,
};

#[tokio::test]
async fn a_record_shares_the_fate_of_its_change() {
    for Store { repository, .. } in stores().await {
        let (first, second) = (job(1), job(2));
        let insert = |job: &std::sync::Arc<Job>| {
            Change::Job(JobChange::Insert {
                jobs: vec![std::sync::Arc::clone(job)],
                idempotency: None,
            })
        };
        let entry = |change, random, job: &Job| AuditEntry {
            change,
            record: record(Utc::now(), random, AuditAction::JobCreate, Some(job.id)),
        };
        // Two changes with records in one commit; the third job exists already and fails alone.
        let commit = Commit {
            audit: vec![entry(0, 1, &first), entry(1, 2, &second)],
            ..Commit::from([insert(&first), insert(&second)])
        };
        let results = repository.commit(&commit).await.expect("a commit").results;
        assert!(results.iter().all(Result::is_ok), "{results:?}");
        let third = job(3);
        let commit = Commit {
            audit: vec![entry(0, 3, &third), entry(1, 4, &first)],
            ..Commit::from([insert(&third), insert(&first)])
        };
        let results = repository.commit(&commit).await.expect("a commit").results;
        assert!(results[0].is_ok(), "{results:?}");
        assert!(matches!(results[1], Err(ChangeError::Rejected { .. })), "{results:?}");
        // Nothing changes: a running queue is resumed, and a changed job is not deleted.
        let resume = Change::Queue(QueueChange::Set {
            queue: QueueName::default(),
            is_paused: Some(false),
        });
        let stale = std::sync::Arc::new(Job {
            revision: 99,
            ..Job::clone(&first)
        });
        let delete = Change::Job(JobChange::Delete { job: stale });
        let commit = Commit {
            audit: vec![entry(0, 5, &first), entry(1, 6, &first)],
            ..Commit::from([resume, delete])
        };
        let results = repository.commit(&commit).await.expect("a commit").results;
        assert_eq!(results[0], Ok(Applied::QueueSet { changed: false }));
        assert_eq!(results[1], Err(ChangeError::Conflict));
        let kept = repository.audit(&AuditFilter::default(), ALL).await.expect("records");
        let targets = kept.iter().filter_map(|record| record.target);
        let mut jobs: Vec<_> = targets.map(AuditTarget::as_uuid).collect();
        jobs.sort_unstable();
        let mut expected = [first.id, second.id, third.id].map(JobId::as_uuid);
        expected.sort_unstable();
        assert_eq!(jobs, expected);
        assert!(kept.iter().all(|record| record.jobs == 1));
    }
}

#[tokio::test]
async fn old_records_leave_in_steps_the_oldest_first() {
    for Store { repository, .. } in stores().await {
        let start = Utc::now() - TimeDelta::days(100);
        for day in 0..10_u32 {
            let job = job(u128::from(day));
            let insert = Change::Job(JobChange::Insert {
                jobs: vec![job],
                idempotency: None,
            });
            let at = start + TimeDelta::days(i64::from(day) * 10);
            let entry = AuditEntry {
                change: 0,
                record: record(at, u128::from(day), AuditAction::JobCreate, None),
            };
            let commit = Commit {
                audit: vec![entry],
                ..Commit::from([insert])
            };
            repository.commit(&commit).await.expect("a commit");
        }
        let before = start + TimeDelta::days(45);
        let mut removed = Vec::new();
        for _ in 0..3 {
            let results = repository
                .commit(&[Change::Maintenance(MaintenanceChange::PruneAudit { before, limit: 3 })].into())
                .await
                .expect("a commit")
                .results;
            removed.push(results[0].clone().expect("a number"));
        }
        assert_eq!(removed, [Applied::Removed(3), Applied::Removed(2), Applied::Removed(0)]);
        let kept = repository.audit(&AuditFilter::default(), ALL).await.expect("records");
        assert_eq!(kept.len(), 5);
        assert!(kept.iter().all(|record| record.id.at().is_some_and(|at| at > before)));
    }
}
