//! Limits of queues: workers, concurrency of types, order, pending jobs, rates, and the number of queues.

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::client::Client;
use crate::harness::eventually;
use crate::harness::latch::{Latch, Visit};
use crate::harness::server::{Server, Site, Storage};

const NOOP: &str = "[job_types.Noop]\nhandler = \"noop\"\n";

async fn count(client: &Client, queue: &str, of: &str) -> Value {
    client.queue(queue).await[of].clone()
}

#[tokio::test]
async fn a_queue_runs_as_many_jobs_at_once_as_it_has_workers() {
    let mut latch = Latch::open().await;
    let (_site, server) = Server::with_config(&format!(
        "[job_types.Work]\n{}\n[[queues]]\nname = \"narrow\"\nconcurrency = 2\n",
        latch.handler()
    ));
    let client = server.client();
    let jobs: Vec<Value> = (0..8).map(|_| json!({ "type": "Work", "queue": "narrow" })).collect();
    assert_eq!(client.post("/jobs/batch", json!(jobs)).await.status, 201);
    let mut inside = vec![latch.visit().await, latch.visit().await];
    assert_eq!(count(&client, "narrow", "pendingJobs").await, 6);
    assert_eq!(count(&client, "narrow", "runningJobs").await, 2);
    for _ in 0..6 {
        inside.remove(0).complete();
        inside.push(latch.visit().await);
    }
    inside.into_iter().for_each(Visit::complete);
    eventually("all jobs are done", || async {
        (count(&client, "narrow", "completedJobs").await == 8).then_some(())
    })
    .await;
    assert_eq!(latch.peak(), 2);
}

#[tokio::test]
async fn a_type_runs_as_many_jobs_at_once_as_it_may_in_all_queues_together() {
    let mut latch = Latch::open().await;
    let (_site, server) = Server::with_config(&format!("{NOOP}[job_types.Work]\nconcurrency = 2\n{}", latch.handler()));
    let client = server.client();
    let jobs: Vec<Value> = (0..9)
        .map(|number| json!({ "type": "Work", "queue": (["a", "b", "c"][number % 3]) }))
        .collect();
    assert_eq!(client.post("/jobs/batch", json!(jobs)).await.status, 201);
    let mut inside = vec![latch.visit().await, latch.visit().await];
    // The limit of this type does not block other types.
    for queue in ["a", "b", "c"] {
        let job = client.create(json!({ "type": "Noop", "queue": queue })).await;
        let done = client.wait_finished(job["id"].as_str().expect("an id")).await;
        assert_eq!(done["status"], "completed");
    }
    assert!(latch.visit_that_came().is_none());
    for _ in 0..7 {
        inside.remove(0).complete();
        inside.push(latch.visit().await);
    }
    inside.into_iter().for_each(Visit::complete);
    eventually("all jobs are done", || async {
        (client.get("/jobs?type=Work&status=completed").await.json()["totalCount"] == 9).then_some(())
    })
    .await;
    assert_eq!(latch.peak(), 2);
}

#[tokio::test]
async fn the_most_urgent_job_is_started_first_then_the_oldest() {
    let mut latch = Latch::open().await;
    let (_site, server) = Server::with_config(&format!(
        "[job_types.Work]\n{}\n[[queues]]\nname = \"one\"\nconcurrency = 1\n",
        latch.handler()
    ));
    let client = server.client();
    assert_eq!(client.post_empty("/queues/one/pause").await.status, 200);
    for (number, priority) in ["low", "normal", "critical", "high", "normal", "critical", "low", "high"]
        .iter()
        .enumerate()
    {
        let job = json!({ "type": "Work", "queue": "one", "priority": priority, "name": number.to_string() });
        client.create(job).await;
    }
    assert_eq!(client.post_empty("/queues/one/resume").await.status, 200);
    let mut order = Vec::new();
    for _ in 0..8 {
        let visit = latch.visit().await;
        order.push(visit.json()["name"].as_str().expect("a name").to_owned());
        visit.complete();
    }
    assert_eq!(order, ["2", "5", "3", "7", "1", "4", "0", "6"]);
}

#[tokio::test]
async fn a_queue_rejects_jobs_beyond_its_limit_of_pending_jobs() {
    let (_site, server) = Server::with_config(&format!("{NOOP}[[queues]]\nname = \"small\"\nmax_pending = 5\n"));
    let client = server.client();
    let job = json!({ "type": "Waits", "queue": "small" });
    // Of twenty concurrent requests the limit accepts its exact number.
    let responses = join_all((0..20).map(|_| client.post("/jobs", job.clone()))).await;
    let (made, refused): (Vec<_>, Vec<_>) = responses
        .into_iter()
        .partition(|response| response.status == StatusCode::CREATED);
    assert_eq!(made.len(), 5);
    for response in refused {
        let problem = response.problem(503);
        assert_eq!(problem["type"], "urn:tickerq:problem:busy");
        assert_eq!(
            problem["detail"],
            "queue 'small' has reached its limit of 5 pending jobs; try again later"
        );
        assert!(
            response
                .header("retry-after")
                .is_some_and(|wait| wait.parse::<u64>().is_ok_and(|wait| wait > 0))
        );
    }
    assert_eq!(count(&client, "small", "pendingJobs").await, 5);
    client
        .post("/jobs/batch", json!([job, { "type": "Waits" }]))
        .await
        .problem(503);
    assert_eq!(
        client.get("/jobs?queue=default").await.json()["totalCount"],
        0,
        "a batch is stored whole or not"
    );
    client.create(json!({ "type": "Waits" })).await;
    // Each way out of `pending` frees capacity.
    let id = made[0].json()["id"].as_str().expect("an id").to_owned();
    client.post_empty(&format!("/jobs/{id}/cancel")).await;
    client.post("/jobs/batch", json!([job, job])).await.problem(503);
    client.create(job.clone()).await;
    client.post("/jobs", job).await.problem(503);
}

#[tokio::test]
async fn a_full_queue_rejects_no_request_that_creates_nothing() {
    let (_site, server) = Server::with_config(&format!("{NOOP}[[queues]]\nname = \"small\"\nmax_pending = 2\n"));
    let client = server.client();
    let keyed = |key: &str, body: &Value| {
        client
            .request(Method::POST, "/jobs")
            .header("idempotency-key", key)
            .json(body)
    };
    let job = json!({ "type": "Waits", "queue": "small" });
    let unique = json!({ "type": "Waits", "queue": "small", "uniqueKey": "nightly" });
    let first = client.send(keyed("first", &job)).await;
    assert_eq!(first.status, StatusCode::CREATED);
    let nightly = client.create(unique.clone()).await;
    client.post("/jobs", job.clone()).await.problem(503);
    let again = client.send(keyed("first", &job)).await;
    assert_eq!(
        (again.status, again.json()["id"].clone()),
        (StatusCode::CREATED, first.json()["id"].clone())
    );
    let existing = client.post("/jobs", unique.clone()).await;
    assert_eq!(
        (existing.status, existing.json()["id"].clone()),
        (StatusCode::OK, nightly["id"].clone())
    );
    client.send(keyed("other", &job)).await.problem(503);
    client.post("/jobs/batch", json!([unique, job])).await.problem(503);
    assert_eq!(count(&client, "small", "pendingJobs").await, 2);
}

async fn concurrent_requests_create_no_more_queues_than_allowed(storage: Storage) {
    let site = Site::new(
        storage,
        &format!("{NOOP}[jobs]\nmax_queues = 3\nnew_queues_per_caller = \"100/h\"\n"),
    );
    let server = site.start();
    let client = server.client();
    let queues: Vec<String> = (0..60).map(|number| format!("q{number}")).collect();
    let responses = join_all(
        queues
            .iter()
            .map(|queue| client.post("/jobs", json!({ "type": "Waits", "queue": queue }))),
    )
    .await;
    let created = responses
        .iter()
        .filter(|response| response.status == StatusCode::CREATED);
    assert_eq!(created.count(), 3);
    // The rejected ones do not count against the caller's limit of new queues.
    for _ in 0..100 {
        client
            .post("/jobs", json!({ "type": "Waits", "queue": "one-more" }))
            .await
            .problem(400);
    }
    let listed = client.get("/queues").await.json();
    assert_eq!(listed["queues"].as_array().map(Vec::len), Some(4), "{listed}");
}

#[tokio::test]
async fn concurrent_requests_create_no_more_queues_than_allowed_on_sqlite() {
    concurrent_requests_create_no_more_queues_than_allowed(Storage::Sqlite).await;
}

#[tokio::test]
async fn concurrent_requests_create_no_more_queues_than_allowed_on_postgresql() {
    concurrent_requests_create_no_more_queues_than_allowed(Storage::Postgres).await;
}

#[tokio::test]
async fn a_queue_starts_no_more_jobs_than_its_rate() {
    let (_site, server) = Server::with_config(&format!("{NOOP}[[queues]]\nname = \"slow\"\nrate_limit = \"20/s\"\n"));
    let client = server.client();
    let jobs: Vec<Value> = (0..30).map(|_| json!({ "type": "Noop", "queue": "slow" })).collect();
    assert_eq!(client.post("/jobs/batch", json!(jobs)).await.status, 201);
    eventually("all jobs are done", || async {
        (count(&client, "slow", "completedJobs").await == 30).then_some(())
    })
    .await;
    let list = client.get("/jobs?limit=30").await.json();
    let mut starts: Vec<DateTime<Utc>> = list["jobs"]
        .as_array()
        .expect("jobs")
        .iter()
        .map(|job| {
            DateTime::parse_from_rfc3339(job["executedAt"].as_str().expect("a time"))
                .expect("RFC 3339")
                .to_utc()
        })
        .collect();
    starts.sort_unstable();
    // A bucket of twenty that gains a token every 50 ms.
    for (number, start) in starts.iter().enumerate().skip(20) {
        let least = TimeDelta::milliseconds(50 * (i64::try_from(number).expect("small") - 19));
        assert!(
            *start - starts[0] >= least - TimeDelta::milliseconds(1),
            "start {number} came after {}",
            *start - starts[0]
        );
    }
}

#[tokio::test]
async fn polls_without_jobs_use_no_tokens_of_a_rate_limit() {
    // Ten an hour: if polls took tokens, the first job would wait six minutes.
    // With fewer tokens than workers one poll may hold all tokens while another group of types waits for one.
    let config = format!(
        "{NOOP}[[queues]]\nname = \"rare\"\nrate_limit = \"10/h\"\nconcurrency = 10\n\
         [[queues]]\nname = \"rarer\"\nrate_limit = \"3/h\"\nconcurrency = 10\n"
    );
    let (_site, server) = Server::with_config(&config);
    let client = server.client();
    for queue in ["rare", "rarer"] {
        for delay in ["00:00:00", "00:00:00.2", "00:00:00.4"] {
            let job = json!({ "type": "Noop", "queue": queue, "delay": delay });
            let id = client.create(job).await["id"].as_str().expect("an id").to_owned();
            client.wait_for(&id, &["completed"]).await;
        }
    }
}

#[tokio::test]
async fn new_queues_are_limited_but_configured_ones_are_always_created() {
    let (_site, server) = Server::with_config(
        "[jobs]\nnew_queues_per_caller = \"5000/h\"\n[[queues]]\nname = \"configured\"\n[job_types.Report]\nqueue = \"reports\"\n",
    );
    let client = server.client();
    let in_queue = |number: usize| json!({ "type": "Waits", "queue": format!("q{number}") });
    client.create(json!({ "type": "Waits" })).await;
    let too_many: Vec<Value> = (0..1_002).map(in_queue).collect();
    let problem = client.post("/jobs/batch", json!(too_many)).await.problem(400);
    assert_eq!(problem["errors"][0]["pointer"], "#/1000/queue");
    assert_eq!(
        problem["detail"],
        "queue 'q1000' would exceed the limit of 1000 queues ([jobs] max_queues); use an existing queue, or delete one \
         that is not used"
    );
    let many: Vec<Value> = (0..1_000).map(in_queue).collect();
    assert_eq!(
        client.post("/jobs/batch", json!(many)).await.status,
        StatusCode::CREATED
    );
    let problem = client
        .post("/jobs", json!({ "type": "Waits", "options": { "queue": "one-more" } }))
        .await
        .problem(400);
    assert_eq!(problem["errors"][0]["pointer"], "#/options/queue");
    let job = client.create(in_queue(7)).await;
    let path = format!("/jobs/{}", job["id"].as_str().expect("an id"));
    let problem = client
        .send(
            client
                .request(Method::PATCH, &path)
                .json(&json!({ "queue": "one-more" })),
        )
        .await
        .problem(400);
    assert_eq!(problem["errors"][0]["pointer"], "#/queue");
    for job in [
        json!({ "type": "Waits" }),
        json!({ "type": "Report" }),
        json!({ "type": "Waits", "queue": "configured" }),
    ] {
        client.create(job).await;
    }
    assert_eq!(
        client.get("/queues").await.json()["queues"].as_array().map(Vec::len),
        Some(1_003)
    );
}

#[tokio::test]
async fn the_limit_of_pending_jobs_holds_for_all_ways_to_create_jobs_together() {
    let (_site, server) = Server::with_config(&format!("{NOOP}[[queues]]\nname = \"small\"\nmax_pending = 5\n"));
    let client = server.client();
    let schedule = json!({ "type": "Waits", "queue": "small", "cronExpression": "0 0 1 1 *" });
    let schedule = client.create(schedule).await;
    let id = schedule["id"].as_str().expect("an id");
    let (trigger, execute) = (format!("/jobs/recurring/{id}/trigger"), format!("/jobs/{id}/execute"));
    let job = json!({ "type": "Waits", "queue": "small" });
    let over_graphql = |field: &str| json!({ "query": format!("mutation {{ {field} }}") });
    let triggered = over_graphql(&format!("triggerRecurringJob(id: \"{id}\") {{ id }}"));
    let scheduled = over_graphql("scheduleJob(input: { type: \"Waits\", queue: \"small\" }) { job { id } }");
    let rest = (0..6).flat_map(|_| {
        [
            client.post("/jobs", job.clone()),
            client.post("/jobs/batch", json!([job])),
            client.post(&trigger, json!({})),
            client.post(&execute, json!({})),
        ]
    });
    let graphql = (0..6).flat_map(|_| [client.graphql(&triggered), client.graphql(&scheduled)]);
    let (rest, graphql) = tokio::join!(join_all(rest), join_all(graphql));
    let made = rest.iter().filter(|response| response.status.is_success()).count()
        + graphql
            .iter()
            .filter(|response| response.get("errors").is_none())
            .count();
    assert_eq!(made, 5);
    for response in rest.iter().filter(|response| !response.status.is_success()) {
        assert_eq!(response.problem(503)["type"], "urn:tickerq:problem:busy");
    }
    assert_eq!(count(&client, "small", "pendingJobs").await, 5);
}

#[tokio::test]
async fn remote_workers_keep_to_the_rate_of_a_queue() {
    let (_site, server) = Server::with_config(
        "[job_types.Far]\nhandler = \"remote\"\n[[queues]]\nname = \"slow\"\nrate_limit = \"5/h\"\n",
    );
    let client = server.client();
    let jobs: Vec<Value> = (0..30).map(|_| json!({ "type": "Far", "queue": "slow" })).collect();
    assert_eq!(client.post("/jobs/batch", json!(jobs)).await.status, 201);
    let mut leases = Vec::new();
    for number in 0..4 {
        let declaration = json!({ "name": format!("far-{number}"), "types": ["Far"] });
        let worker = client.post("/workers", declaration).await.json();
        leases.push(format!("/workers/{}/lease", worker["id"].as_str().expect("an id")));
    }
    // Concurrently and in sequence: five start, then one every twelve minutes.
    for round in 0..3 {
        let responses = leases.iter().cycle().take(8).map(|lease| {
            let client = &client;
            async move { client.post(lease, json!({ "max": 3 })).await }
        });
        let leased: usize = join_all(responses)
            .await
            .iter()
            .map(|response| response.json()["jobs"].as_array().map_or(0, Vec::len))
            .sum();
        assert_eq!(leased, if round == 0 { 5 } else { 0 }, "round {round}");
    }
    assert_eq!(count(&client, "slow", "runningJobs").await, 5);
}

#[tokio::test]
async fn a_lease_without_jobs_uses_no_tokens_of_a_rate_limit() {
    let (_site, server) = Server::with_config(
        "[job_types.Far]\nhandler = \"remote\"\n[[queues]]\nname = \"slow\"\nrate_limit = \"2/h\"\n",
    );
    let client = server.client();
    let worker = client
        .post("/workers", json!({ "name": "far", "types": ["Far"] }))
        .await
        .json();
    let lease = format!("/workers/{}/lease", worker["id"].as_str().expect("an id"));
    for _ in 0..5 {
        let nothing = client.post(&lease, json!({ "max": 10 })).await.json();
        assert_eq!(nothing["jobs"], json!([]));
    }
    for _ in 0..2 {
        client.create(json!({ "type": "Far", "queue": "slow" })).await;
        let one = client.post(&lease, json!({ "max": 1 })).await.json();
        assert_eq!(one["jobs"].as_array().map(Vec::len), Some(1), "{one}");
    }
}

async fn queues_that_are_not_used_make_room(storage: Storage) {
    let site = Site::new(storage, &format!("{NOOP}[jobs]\nmax_queues = 3\n"));
    let server = site.start();
    let client = server.client();
    let in_queue = |name: &str| json!({ "type": "Noop", "queue": name });
    let mut ids = Vec::new();
    for name in ["a", "b", "c"] {
        let job = client.create(in_queue(name)).await;
        ids.push(job["id"].as_str().expect("an id").to_owned());
    }
    for id in &ids {
        client.wait_finished(id).await;
    }
    let problem = client.post("/jobs", in_queue("d")).await.problem(400);
    assert_eq!(
        problem["detail"],
        "queue 'd' would exceed the limit of 3 queues ([jobs] max_queues); use an existing queue, or delete one that is not \
         used"
    );
    assert_eq!(
        client
            .send(client.request(Method::DELETE, &format!("/jobs/{}", ids[0])))
            .await
            .status,
        204
    );
    client.create(in_queue("d")).await;
    let names = |list: Value| -> Vec<String> {
        let queues = list["queues"].as_array().expect("queues").iter();
        queues
            .map(|queue| queue["name"].as_str().expect("a name").to_owned())
            .collect()
    };
    let listed = client.get("/queues").await.json();
    assert_eq!(names(listed), ["b", "c", "d", "default"]);
    // A queue that is paused or that a recurring job names is in use.
    for (name, wanted) in [("b", 204), ("c", 204)] {
        let deleted = client
            .send(client.request(Method::DELETE, &format!("/queues/{name}")))
            .await;
        assert_eq!(deleted.status, wanted, "{}", deleted.text);
    }
    client.create(in_queue("b")).await;
    client
        .create(json!({ "type": "Noop", "queue": "c", "cronExpression": "0 0 1 1 *" }))
        .await;
    let job = client.get(&format!("/jobs/{}", ids[1])).await;
    assert_eq!(
        job.json()["status"],
        "completed",
        "the finished jobs of a deleted queue stay"
    );
    server.stop();
    let server = site.start();
    let client = server.client();
    let job = client.create(in_queue("b")).await;
    client.wait_finished(job["id"].as_str().expect("an id")).await;
}

#[tokio::test]
async fn queues_that_are_not_used_make_room_on_sqlite() {
    queues_that_are_not_used_make_room(Storage::Sqlite).await;
}

#[tokio::test]
async fn queues_that_are_not_used_make_room_on_postgres() {
    queues_that_are_not_used_make_room(Storage::Postgres).await;
}
