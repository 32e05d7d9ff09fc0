//! GraphQL mutations: single jobs, jobs of a filter, recurring jobs and queues, and their scopes.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{NOOP, data_of, execute, refused};
use crate::harness::client::Client;
use crate::harness::eventually;
use crate::harness::latch::Latch;
use crate::harness::server::{Server, Site, Storage};

#[tokio::test]
async fn a_mutation_that_fails_leaves_the_others_their_results() {
    let (_site, server) = Server::with_config("");
    let query = "mutation { a: pauseQueue(name: \"default\") { status } b: cancelJob(id: \"x\") { id } c: resumeQueue(name: \"default\") { status } }";
    let response = execute(&server.client(), query, json!({})).await;
    assert_eq!(
        response["data"],
        json!({"a": {"status": "PAUSED"}, "b": null, "c": {"status": "RUNNING"}})
    );
    assert_eq!(response["errors"][0]["path"], json!(["b"]));
}

#[tokio::test]
async fn a_job_is_steered_from_its_creation_to_its_end() {
    let mut latch = Latch::open().await;
    let (_site, server) = Server::with_config(&format!("[job_types.Call]\nmax_retries = 0\n{}", latch.handler()));
    let client = server.client();
    let mutate = async |what: &str| data_of(&client, &format!("mutation {{ it: {what} }}")).await["it"].clone();
    let made = mutate("scheduleJob(input: {type: \"Call\", delay: \"01:00:00\"}) { job { id status revision } }").await;
    let id = made["job"]["id"].as_str().expect("an id").to_owned();
    assert_eq!(made["job"]["status"], "PENDING");
    let changed = mutate(&format!("updateJob(id: \"{id}\", input: {{name: \"B\", priority: LOW}}, expectedRevision: 1) {{ name priority revision }}")).await;
    assert_eq!(changed, json!({"name": "B", "priority": "LOW", "revision": 2}));
    mutate(&format!("executeJob(id: \"{id}\", priority: CRITICAL) {{ id }}")).await;
    latch.visit().await.respond("400 Bad Request", "no");
    client.wait_for(&id, &["failed"]).await;
    let again = mutate(&format!(
        "retryJob(id: \"{id}\", resetRetryCount: true) {{ status retryCount attempts {{ status }} }}"
    ))
    .await;
    assert_eq!(
        again,
        json!({"status": "PENDING", "retryCount": 0, "attempts": [{"status": "FAILED"}]})
    );
    let visit = latch.visit().await;
    client.wait_for(&id, &["running"]).await;
    let running = data_of(&client, &format!("{{ job(id: \"{id}\") {{ attempts {{ number status completedAt }} }} jobs {{ nodes {{ attempts {{ number status completedAt }} }} }} }}")).await;
    assert_eq!(
        running["job"]["attempts"][1],
        json!({"number": 2, "status": "RUNNING", "completedAt": null})
    );
    assert_eq!(running["jobs"]["nodes"][0]["attempts"], running["job"]["attempts"]);
    let cancelled = mutate(&format!("cancelJob(id: \"{id}\") {{ status cancelRequested }}")).await;
    assert_eq!(cancelled, json!({"status": "RUNNING", "cancelRequested": true}));
    visit.hung_up().await;
    client.wait_for(&id, &["cancelled"]).await;
    assert_eq!(mutate(&format!("deleteJob(id: \"{id}\")")).await, json!(id));
    assert_eq!(
        data_of(
            &client,
            &format!("{{ job(id: \"{id}\") {{ id }} node(id: \"{id}\") {{ id }} }}")
        )
        .await,
        json!({"job": null, "node": null})
    );
}

#[tokio::test]
async fn a_mutation_with_an_idempotency_key_takes_effect_once() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    let query = "mutation Go($input: ScheduleJobInput!) { scheduleJob(input: $input, idempotencyKey: \"k1\") { isNew job { id } } }";
    let first = execute(&client, query, json!({"input": {"type": "A"}})).await;
    let second = execute(&client, query, json!({"input": {"type": "A"}})).await;
    assert_eq!(
        first["data"]["scheduleJob"]["job"],
        second["data"]["scheduleJob"]["job"]
    );
    assert_eq!(second["data"]["scheduleJob"]["isNew"], json!(false));
    let other = execute(&client, query, json!({"input": {"type": "B"}})).await;
    assert_eq!(other["errors"][0]["extensions"]["code"], "idempotency-mismatch");
    let twice = "mutation { scheduleJob(input: {type: \"A\"}) { isNew } scheduleJob(input: {type: \"A\"}) { isNew } }";
    let refused = execute(&client, twice, json!({})).await;
    assert_eq!(refused["errors"][0]["extensions"]["field"], "query", "{refused}");
    assert_eq!(
        data_of(&client, "{ jobs { totalCount } }").await["jobs"]["totalCount"],
        json!(1)
    );
}

#[tokio::test]
async fn recurring_jobs_and_queues_are_managed() {
    let (_site, server) = Server::with_config(NOOP);
    let client = server.client();
    let mutate = async |what: &str| data_of(&client, &format!("mutation {{ it: {what} }}")).await["it"].clone();
    let made = mutate(
        "scheduleRecurringJob(input: {type: \"NoopJob\", cronExpression: \"0 2 * * *\", timeZone: \"Europe/Berlin\", misfirePolicy: CATCH_UP, catchUpMax: 3, overlapPolicy: QUEUE, parameters: {a: 1}}) { id description enabled misfirePolicy catchUpMax overlapPolicy parameters nextRuns }",
    )
    .await;
    let id = made["id"].as_str().expect("an id").to_owned();
    assert_eq!(made["description"], "at 02:00 every day");
    assert_eq!(
        (&made["misfirePolicy"], &made["catchUpMax"], &made["overlapPolicy"]),
        (&json!("CATCH_UP"), &json!(3), &json!("QUEUE"))
    );
    assert_eq!(made["nextRuns"].as_array().map(Vec::len), Some(5));
    let changed = mutate(&format!(
        "updateRecurringJob(id: \"{id}\", input: {{parameters: [2], name: \"N\"}}) {{ name parameters cronExpression }}"
    ))
    .await;
    assert_eq!(
        changed,
        json!({"name": "N", "parameters": [2], "cronExpression": "0 2 * * *"})
    );
    let off = mutate(&format!(
        "disableRecurringJob(id: \"{id}\") {{ enabled nextRunAt revision }}"
    ))
    .await;
    assert_eq!((&off["enabled"], &off["nextRunAt"]), (&json!(false), &Value::Null));
    let job = mutate(&format!(
        "triggerRecurringJob(id: \"{id}\") {{ id recurringJobId name }}"
    ))
    .await;
    assert_eq!((&job["recurringJobId"], &job["name"]), (&json!(id), &json!("N")));
    client.wait_finished(job["id"].as_str().expect("an id")).await;
    assert_eq!(
        mutate(&format!("enableRecurringJob(id: \"{id}\") {{ enabled }}")).await,
        json!({"enabled": true})
    );
    let replaced = mutate(&format!("replaceRecurringJob(id: \"{id}\", input: {{type: \"NoopJob\", cronExpression: \"@hourly\"}}) {{ name timeZone misfirePolicy }}")).await;
    assert_eq!(
        replaced,
        json!({"name": "NoopJob", "timeZone": "UTC", "misfirePolicy": "FIRE_ONCE"})
    );
    let found = data_of(&client, &format!(
        "{{ node(id: \"{id}\") {{ __typename id ... on RecurringJob {{ cronExpression }} }} recurringJobs(limit: 1) {{ totalCount hasMore nodes {{ id }} }} recurringJob(id: \"{id}\") {{ id }} jobs(filter: {{recurringJobId: \"{id}\"}}) {{ totalCount }} }}"
    )).await;
    assert_eq!(
        found["node"],
        json!({"__typename": "RecurringJob", "id": id, "cronExpression": "@hourly"})
    );
    assert_eq!(
        found["recurringJobs"],
        json!({"totalCount": 1, "hasMore": false, "nodes": [{"id": id}]})
    );
    assert_eq!(found["jobs"]["totalCount"], json!(1));
    assert_eq!(mutate(&format!("deleteRecurringJob(id: \"{id}\")")).await, json!(id));

    client.create(json!({"type": "Unhandled", "queue": "mail"})).await;
    assert_eq!(
        mutate("pauseQueue(name: \"mail\") { id name status pendingJobs workers }").await,
        json!({"id": "queue:mail", "name": "mail", "status": "PAUSED", "pendingJobs": 1, "workers": 10})
    );
    let cleared = mutate("clearQueue(name: \"mail\") { clearedPending clearedFailed queue { pendingJobs } }").await;
    assert_eq!(
        cleared,
        json!({"clearedPending": 1, "clearedFailed": 0, "queue": {"pendingJobs": 0}})
    );
    mutate("resumeQueue(name: \"mail\") { status }").await;
    let queues = data_of(&client, "{ node(id: \"queue:mail\") { id ... on Queue { status } } queue(name: \"none\") { name } queues { name completedJobs throughput { jobsPerHour } } nodes { isSelf isLive } systemMetrics { totalJobs systemHealth cpuUsage { cores } memoryUsage { usedBytes } } }").await;
    assert_eq!(queues["node"], json!({"id": "queue:mail", "status": "RUNNING"}));
    assert_eq!(queues["queue"], Value::Null);
    assert_eq!(
        queues["queues"][0],
        json!({"name": "default", "completedJobs": 1, "throughput": {"jobsPerHour": 1}})
    );
    assert_eq!(queues["nodes"], json!([{"isSelf": true, "isLive": true}]));
    assert_eq!(queues["systemMetrics"]["systemHealth"], "HEALTHY");
}

#[tokio::test]
async fn all_jobs_that_a_filter_means_are_changed_and_recorded_one_by_one() {
    for storage in [Storage::Sqlite, Storage::Postgres] {
        let site = Site::new(storage, &format!("[audit]\nenable = true\n{NOOP}"));
        let server = site.start();
        let client = server.client();
        let jobs: Vec<Value> = (0..1_200)
            .map(|_| json!({"type": "Unhandled", "queue": "bulk"}))
            .collect();
        let made = client.post("/jobs/batch", json!({ "jobs": jobs })).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
        let kept = client.create(json!({"type": "Unhandled", "queue": "other"})).await;
        let mutate = async |what: &str| {
            data_of(&client, &format!("mutation {{ it: {what} {{ count hasMore }} }}")).await["it"].clone()
        };
        assert_eq!(
            mutate("cancelJobs(filter: {queue: \"bulk\"}, limit: 700)").await,
            json!({"count": 700, "hasMore": true})
        );
        assert_eq!(
            mutate("cancelJobs(filter: {queue: \"bulk\", status: [COMPLETED]})").await,
            json!({"count": 0, "hasMore": false})
        );
        assert_eq!(
            mutate("cancelJobs(filter: {queue: \"bulk\"})").await,
            json!({"count": 500, "hasMore": false})
        );
        assert_eq!(client.queue("bulk").await["cancelledJobs"], json!(1_200));
        assert_eq!(
            mutate("retryJobs(filter: {queue: \"bulk\"}, limit: 1)").await,
            json!({"count": 1, "hasMore": true})
        );
        assert_eq!(
            mutate("deleteJobs(filter: {queue: \"bulk\"})").await,
            json!({"count": 1_199, "hasMore": false})
        );
        let left = client.queue("bulk").await;
        assert_eq!((&left["pendingJobs"], &left["cancelledJobs"]), (&json!(1), &json!(0)));
        assert_eq!(
            client.job(kept["id"].as_str().expect("an id")).await["status"],
            "pending"
        );
        let records = data_of(&client, "{ auditRecords(filter: {action: JOB_CANCEL}, first: 1000) { hasMore nodes { jobs outcome action actorKind jobId } } }").await;
        let records = &records["auditRecords"];
        assert_eq!(records["hasMore"], json!(true));
        assert_eq!(
            (&records["nodes"][0]["jobs"], &records["nodes"][0]["outcome"]),
            (&json!(1), &json!("CANCELLED"))
        );
        assert!(records["nodes"][0]["jobId"].is_string());
    }
}

#[tokio::test]
async fn each_field_requires_its_scope() {
    let config = "[api]\nrequire_authentication = true\n
        [[api.keys]]\nname = \"reader\"\nkey = \"reader-0123456789abcdef0123456789abcdef\"\nscopes = [\"tickerq:read\"]
        [[api.keys]]\nname = \"writer\"\nkey = \"writer-0123456789abcdef0123456789abcdef\"\nscopes = [\"tickerq:write\"]
        [[api.keys]]\nname = \"admin\"\nkey = \"admin-0123456789abcdef0123456789abcdef\"\nscopes = [\"tickerq:admin\"]";
    let (_site, server) = Server::with_config(config);
    let client = server.client();
    let anonymous = client
        .send(
            client
                .at_root(Method::POST, "/graphql")
                .json(&json!({"query": "{ __typename }"})),
        )
        .await;
    assert_eq!(anonymous.status, StatusCode::UNAUTHORIZED);
    assert_eq!(anonymous.json()["errors"][0]["extensions"]["code"], "unauthenticated");
    assert!(anonymous.header("www-authenticate").is_some());
    let of = |name: &str| client.with_token(&format!("{name}-0123456789abcdef0123456789abcdef"));
    let (reader, writer, admin) = (of("reader"), of("writer"), of("admin"));
    let create = "mutation { scheduleJob(input: {type: \"A\"}) { job { id parameters attempts { number } } } }";
    let least = "mutation { scheduleJob(input: {type: \"A\"}) { job { id status } } }";
    assert!(
        data_of(&writer, least).await["scheduleJob"]["job"]["id"].is_string(),
        "a caller that may only change gets ids"
    );
    let lacks = async |client: &Client, query: &str, scope: &str| {
        let error = refused(client, query).await;
        assert_eq!(
            (&error["extensions"]["code"], &error["extensions"]["scope"]),
            (&json!("forbidden"), &json!(scope)),
            "{query}: {error}"
        );
    };
    lacks(&reader, create, "tickerq:write").await;
    lacks(&writer, create, "tickerq:read").await;
    lacks(&writer, "{ jobs { totalCount } }", "tickerq:read").await;
    lacks(&admin, "{ systemMetrics { totalJobs } }", "tickerq:read").await;
    lacks(&reader, "{ nodes { name } }", "tickerq:admin").await;
    lacks(&reader, "{ auditRecords { hasMore } }", "tickerq:admin").await;
    assert_eq!(
        data_of(&reader, "{ jobs { totalCount } }").await["jobs"]["totalCount"],
        json!(1)
    );
    let record = data_of(&admin, "{ auditRecords { nodes { actor action } } }").await;
    assert_eq!(
        record["auditRecords"]["nodes"],
        json!([{"actor": "writer", "action": "JOB_CREATE"}])
    );
    let id = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55";
    assert_eq!(
        data_of(&admin, &format!("{{ node(id: \"{id}\") {{ id }} }}")).await["node"],
        Value::Null
    );
    assert!(data_of(&reader, "{ __schema { queryType { name } } }").await["__schema"].is_object());
    for query in [
        "{ __schema { queryType { name } } }",
        "{ ...f } fragment f on Query { __type(name: \"Job\") { name } }",
    ] {
        let rejected = execute(&writer, query, json!({})).await;
        assert!(rejected["data"].is_null(), "{rejected}");
        assert_eq!(rejected["errors"][0]["extensions"]["code"], "forbidden", "{rejected}");
        assert_eq!(
            rejected["errors"][0]["extensions"]["scope"], "tickerq:read",
            "{rejected}"
        );
    }
    eventually("the log holds no key", || async {
        (!server.log().contains("0123456789abcdef")).then_some(())
    })
    .await;
}
