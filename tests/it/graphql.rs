//! The GraphQL schema: what REST can do, by the same rules.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::client::Client;
use crate::harness::eventually;
use crate::harness::gate::Gate;
use crate::harness::server::{Server, Site, Storage};

const NOOP: &str = "[job_types.NoopJob]\nhandler = \"noop\"\n";

/// Asks, and gives the whole answer.
pub async fn ask_with(client: &Client, query: &str, variables: Value) -> Value {
    let request = client.at_root(Method::POST, "/graphql");
    let answer = client
        .send(request.json(&json!({ "query": query, "variables": variables })))
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    answer.json()
}

/// Asks something that succeeds, and gives the data.
pub async fn ask(client: &Client, query: &str) -> Value {
    let answer = ask_with(client, query, json!({})).await;
    assert!(answer.get("errors").is_none(), "{answer}");
    answer["data"].clone()
}

/// Asks something that fails, and gives the first error.
pub async fn refused(client: &Client, query: &str) -> Value {
    let answer = ask_with(client, query, json!({})).await;
    let error = answer["errors"][0].clone();
    assert!(error.is_object(), "{answer}");
    error
}

#[test]
fn the_schema_file_is_what_the_program_says() {
    let site = Site::new(Storage::Sqlite, "");
    let output = site.command(&["schema"]).output().expect("the program runs");
    assert!(output.status.success());
    let said = String::from_utf8(output.stdout).expect("text");
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/schema.graphql");
    let written = std::fs::read_to_string(file).expect("the file");
    assert!(said == written, "write it again: tickerq schema > schema.graphql");
}

#[tokio::test]
async fn everything_in_the_schema_is_described() {
    let (_site, server) = Server::with_config("");
    let query = "{ __schema { types { name kind description
        fields { name description args { name description } }
        inputFields { name description } enumValues { name description } } } }";
    let schema = ask(&server.client(), query).await;
    let mut bare = Vec::new();
    let is_bare = |thing: &Value| thing["description"].as_str().is_none_or(str::is_empty);
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    for one in list(&schema["__schema"]["types"]) {
        let name = one["name"].as_str().expect("a name").to_owned();
        if name.starts_with("__") {
            continue;
        }
        if is_bare(&one) {
            bare.push(name.clone());
        }
        for kind in ["fields", "inputFields", "enumValues"] {
            for member in list(&one[kind]) {
                let member_name = format!("{name}.{}", member["name"].as_str().expect("a name"));
                if is_bare(&member) {
                    bare.push(member_name.clone());
                }
                for argument in list(&member["args"]) {
                    if is_bare(&argument) {
                        bare.push(format!("{member_name}({})", argument["name"]));
                    }
                }
            }
        }
    }
    assert_eq!(bare, Vec::<String>::new());
}

#[tokio::test]
async fn a_job_looks_the_same_as_in_rest() {
    let (_site, server) = Server::with_config(NOOP);
    let client = server.client();
    let mutation = "mutation { scheduleJob(input: {type: \"NoopJob\", name: \"A\", priority: HIGH, maxRetries: 7,
        parameters: {b: 1, a: [true, null, \"x\"]}, timeout: \"PT1M\", retryIntervals: [\"00:00:01\"],
        uniqueKey: \"k\"}) { isNew job { id } } }";
    let scheduled = ask(&client, mutation).await;
    assert_eq!(scheduled["scheduleJob"]["isNew"], json!(true));
    let id = scheduled["scheduleJob"]["job"]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let rest = client.wait_finished(&id).await;
    let fields = "id name type queue status priority createdAt runAt executedAt completedAt duration attempt retryCount
        maxRetries error recurringJobId parameters result errorDetail timeout retryDelay retryIntervals uniqueKey
        occurrenceAt cancelRequested revision attempts { attempt: number startedAt completedAt status duration error errorDetail node }";
    let answer = ask(
        &client,
        &format!("{{ job(id: \"{id}\") {{ {fields} }} jobs {{ nodes {{ {fields} }} }} }}"),
    )
    .await;
    let mut job = answer["job"].clone();
    assert_eq!(answer["jobs"]["nodes"], json!([job]), "in a list it is the same");
    let lower = |value: &Value| json!(value.as_str().expect("a word").to_lowercase());
    job["status"] = lower(&job["status"]);
    job["priority"] = lower(&job["priority"]);
    let history = job
        .as_object_mut()
        .expect("an object")
        .remove("attempts")
        .expect("attempts");
    job["jobId"] = job["id"].clone();
    job["executionHistory"] = history;
    job["executionHistory"][0]["status"] = lower(&job["executionHistory"][0]["status"]);
    assert_eq!(job, rest);
}

#[tokio::test]
async fn a_list_is_a_connection_in_both_directions() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    for number in 0..7 {
        client
            .create(json!({"type": "Waiting", "name": format!("n{number}"), "queue": "q"}))
            .await;
    }
    let list = async |arguments: &str| {
        let query = format!(
            "{{ jobs({arguments}) {{ totalCount pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} edges {{ cursor node {{ name }} }} }} }}"
        );
        let jobs = ask(&client, &query).await["jobs"].clone();
        let edges = jobs["edges"].as_array().cloned().unwrap_or_default();
        let names: Vec<String> = edges
            .iter()
            .map(|edge| edge["node"]["name"].as_str().expect("a name").to_owned())
            .collect();
        assert_eq!(jobs["totalCount"], json!(7), "it is the same on all pages");
        let info = &jobs["pageInfo"];
        assert_eq!(
            info["startCursor"],
            edges.first().map_or(Value::Null, |edge| edge["cursor"].clone())
        );
        assert_eq!(
            info["endCursor"],
            edges.last().map_or(Value::Null, |edge| edge["cursor"].clone())
        );
        (
            names.join(" "),
            info["hasPreviousPage"] == true,
            info["hasNextPage"] == true,
            info["endCursor"].clone(),
            info["startCursor"].clone(),
        )
    };
    let (names, before, after, end, _) = list("first: 3").await;
    assert_eq!((names.as_str(), before, after), ("n6 n5 n4", false, true));
    // A newer job moves no cursor.
    client.create(json!({"type": "Other"})).await;
    let of_type = "filter: {type: [\"Waiting\"]}";
    let (names, before, after, _, start) = list(&format!("{of_type}, first: 3, after: {end}")).await;
    assert_eq!((names.as_str(), before, after), ("n3 n2 n1", true, true));
    let (names, before, after, ..) = list(&format!("{of_type}, last: 2, before: {start}")).await;
    assert_eq!((names.as_str(), before, after), ("n5 n4", true, true));
    let (names, before, after, ..) = list(&format!("{of_type}, last: 2")).await;
    assert_eq!((names.as_str(), before, after), ("n1 n0", true, false));
    let (names, before, after, oldest, _) = list(&format!(
        "{of_type}, first: 2, orderBy: {{field: CREATED_AT, direction: ASC}}"
    ))
    .await;
    assert_eq!((names.as_str(), before, after), ("n0 n1", false, true));
    let both = format!("{of_type}, first: 7, after: {end}, before: {oldest}");
    let (names, before, after, ..) = list(&both).await;
    assert_eq!((names.as_str(), before, after), ("n3 n2", true, true));
    let (names, ..) = list(&format!(
        "{of_type}, first: 7, after: {oldest}, orderBy: {{field: CREATED_AT, direction: ASC}}"
    ))
    .await;
    assert_eq!(names, "n2 n3 n4 n5 n6");
}

#[tokio::test]
async fn what_is_refused_names_the_argument_and_what_is_allowed() {
    let (_site, server) = Server::with_config(NOOP);
    let client = server.client();
    for (query, code, field, allowed) in [
        (
            "{ jobs(first: -1) { totalCount } }",
            "validation",
            json!("first"),
            json!("allowed are 1 to 1000"),
        ),
        (
            "{ jobs(first: 1, last: 1) { totalCount } }",
            "validation",
            json!("last"),
            json!("give one of them"),
        ),
        (
            "{ jobs(after: \"x\") { totalCount } }",
            "validation",
            json!("after"),
            json!("take one from edges or pageInfo"),
        ),
        (
            "{ jobs(filter: {from: \"2024-02-01\", to: \"2024-01-01\"}) { totalCount } }",
            "validation",
            json!("filter.from"),
            json!("nothing can lie between them"),
        ),
        (
            "{ jobs(filter: {type: [\"ok\", \"\"]}) { totalCount } }",
            "validation",
            json!("filter.type.1"),
            Value::Null,
        ),
        (
            "mutation { scheduleJob(input: {type: \"A\", maxRetries: -1}) { isNew } }",
            "validation",
            json!("input.maxRetries"),
            json!("allowed are 0 to 1000"),
        ),
        (
            "mutation { scheduleJob(input: {type: \"A\", maxRetries: 1001}) { isNew } }",
            "validation",
            json!("input.maxRetries"),
            json!("allowed are 0 to 1000"),
        ),
        (
            "mutation { scheduleJob(input: {type: \"A\", delay: \"PT1S\", runAt: \"2030-01-01T00:00:00Z\"}) { isNew } }",
            "validation",
            json!("input.runAt"),
            json!("give one of them"),
        ),
        (
            "mutation { scheduleJobs(inputs: [{type: \"A\"}, {type: \"A\", timeout: \"nope\"}]) { created } }",
            "validation",
            json!("inputs.1.timeout"),
            Value::Null,
        ),
        (
            "mutation { scheduleJobs(inputs: [{type: \"A\"}, {type: \"A\", maxRetries: 2000}]) { created } }",
            "validation",
            json!("inputs.1.maxRetries"),
            json!("allowed are 0 to 1000"),
        ),
        (
            "mutation { scheduleRecurringJob(input: {type: \"A\", cronExpression: \"x\"}) { id } }",
            "validation",
            json!("input.cronExpression"),
            Value::Null,
        ),
        (
            "mutation { scheduleRecurringJob(input: {type: \"A\", cronExpression: \"@daily\", catchUpMax: 0}) { id } }",
            "validation",
            json!("input.catchUpMax"),
            Value::Null,
        ),
        (
            "mutation { cancelJob(id: \"01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55\") { id } }",
            "not-found",
            Value::Null,
            Value::Null,
        ),
        (
            "mutation { pauseQueue(name: \"nowhere\") { name } }",
            "not-found",
            Value::Null,
            Value::Null,
        ),
        (
            "mutation { deleteJobs(filter: {}) { count } }",
            "validation",
            json!("filter"),
            json!("give at least one condition"),
        ),
        (
            "mutation { cancelJobs(filter: {queue: \"a\"}, limit: 0) { count } }",
            "validation",
            json!("limit"),
            json!("allowed are 1 to 10000"),
        ),
        (
            "mutation { clearQueue(name: \"default\", clearPending: false) { clearedPending } }",
            "validation",
            json!("clearPending"),
            json!("set one of them to true"),
        ),
        (
            "mutation { scheduleJob(input: {type: \"A\"}, idempotencyKey: \"\") { isNew } }",
            "validation",
            json!("idempotencyKey"),
            Value::Null,
        ),
    ] {
        let error = refused(&client, query).await;
        let extensions = &error["extensions"];
        assert_eq!(
            (&extensions["code"], &extensions["kind"]),
            (&json!(code), &json!("REFUSAL")),
            "{query}: {error}"
        );
        assert_eq!(extensions["field"], field, "{query}: {error}");
        if !allowed.is_null() {
            assert_eq!(extensions["allowed"], allowed, "{query}: {error}");
        }
    }
    let id = client.create_of_type("NoopJob").await;
    client.wait_finished(&id).await;
    let error = refused(&client, &format!("mutation {{ cancelJob(id: \"{id}\") {{ id }} }}")).await;
    assert_eq!(error["extensions"]["code"], "conflict");
    assert!(error["extensions"]["allowed"].is_string(), "{error}");
    let stale = format!("mutation {{ executeJob(id: \"{id}\", expectedRevision: 1) {{ id }} }}");
    let error = refused(&client, &stale).await;
    assert_eq!(error["extensions"]["code"], "precondition-failed");
    assert_eq!(error["extensions"]["revision"], client.job(&id).await["revision"]);
}

#[tokio::test]
async fn members_come_in_the_order_that_was_asked_for() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    client
        .create(json!({"type": "A", "parameters": {"z": 1, "y": 2}}))
        .await;
    // Some are loaded later than others.
    let query = "{ queues { name } jobs { nodes { attempts { number } revision status parameters type } totalCount } q: queue(name: \"x\") { name } }";
    let request = client
        .at_root(Method::POST, "/graphql")
        .json(&json!({ "query": query }));
    let answer = client.send(request).await;
    assert_eq!(
        answer.text,
        r#"{"data":{"queues":[{"name":"default"}],"jobs":{"nodes":[{"attempts":[],"revision":1,"status":"PENDING","parameters":{"z":1,"y":2},"type":"A"}],"totalCount":1},"q":null}}"#
    );
}

#[tokio::test]
async fn a_mutation_that_fails_leaves_the_others_their_results() {
    let (_site, server) = Server::with_config("");
    let query = "mutation { a: pauseQueue(name: \"default\") { status } b: cancelJob(id: \"x\") { id } c: resumeQueue(name: \"default\") { status } }";
    let answer = ask_with(&server.client(), query, json!({})).await;
    assert_eq!(
        answer["data"],
        json!({"a": {"status": "PAUSED"}, "b": null, "c": {"status": "RUNNING"}})
    );
    assert_eq!(answer["errors"][0]["path"], json!(["b"]));
}

#[tokio::test]
async fn a_job_is_steered_from_its_creation_to_its_end() {
    let mut gate = Gate::open().await;
    let (_site, server) = Server::with_config(&format!("[job_types.Call]\nmax_retries = 0\n{}", gate.handler()));
    let client = server.client();
    let mutate = async |what: &str| ask(&client, &format!("mutation {{ it: {what} }}")).await["it"].clone();
    let made = mutate("scheduleJob(input: {type: \"Call\", delay: \"01:00:00\"}) { job { id status revision } }").await;
    let id = made["job"]["id"].as_str().expect("an id").to_owned();
    assert_eq!(made["job"]["status"], "PENDING");
    let changed = mutate(&format!("updateJob(id: \"{id}\", input: {{name: \"B\", priority: LOW}}, expectedRevision: 1) {{ name priority revision }}")).await;
    assert_eq!(changed, json!({"name": "B", "priority": "LOW", "revision": 2}));
    mutate(&format!("executeJob(id: \"{id}\", priority: CRITICAL) {{ id }}")).await;
    gate.visit().await.answer("400 Bad Request", "no");
    client.wait_for(&id, &["failed"]).await;
    let again = mutate(&format!(
        "retryJob(id: \"{id}\", resetRetryCount: true) {{ status retryCount attempts {{ status }} }}"
    ))
    .await;
    assert_eq!(
        again,
        json!({"status": "PENDING", "retryCount": 0, "attempts": [{"status": "FAILED"}]})
    );
    let visit = gate.visit().await;
    client.wait_for(&id, &["running"]).await;
    let running = ask(&client, &format!("{{ job(id: \"{id}\") {{ attempts {{ number status completedAt }} }} jobs {{ nodes {{ attempts {{ number status completedAt }} }} }} }}")).await;
    assert_eq!(
        running["job"]["attempts"][1],
        json!({"number": 2, "status": "RUNNING", "completedAt": null})
    );
    assert_eq!(running["jobs"]["nodes"][0]["attempts"], running["job"]["attempts"]);
    let told = mutate(&format!("cancelJob(id: \"{id}\") {{ status cancelRequested }}")).await;
    assert_eq!(told, json!({"status": "RUNNING", "cancelRequested": true}));
    visit.hung_up().await;
    client.wait_for(&id, &["cancelled"]).await;
    assert_eq!(mutate(&format!("deleteJob(id: \"{id}\")")).await, json!(id));
    assert_eq!(
        ask(
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
    let first = ask_with(&client, query, json!({"input": {"type": "A"}})).await;
    let second = ask_with(&client, query, json!({"input": {"type": "A"}})).await;
    assert_eq!(
        first["data"]["scheduleJob"]["job"],
        second["data"]["scheduleJob"]["job"]
    );
    assert_eq!(second["data"]["scheduleJob"]["isNew"], json!(false));
    let other = ask_with(&client, query, json!({"input": {"type": "B"}})).await;
    assert_eq!(other["errors"][0]["extensions"]["code"], "idempotency-mismatch");
    let twice = "mutation { scheduleJob(input: {type: \"A\"}) { isNew } scheduleJob(input: {type: \"A\"}) { isNew } }";
    let refused = ask_with(&client, twice, json!({})).await;
    assert_eq!(refused["errors"][0]["extensions"]["field"], "query", "{refused}");
    assert_eq!(
        ask(&client, "{ jobs { totalCount } }").await["jobs"]["totalCount"],
        json!(1)
    );
}

#[tokio::test]
async fn recurring_jobs_and_queues_are_managed() {
    let (_site, server) = Server::with_config(NOOP);
    let client = server.client();
    let mutate = async |what: &str| ask(&client, &format!("mutation {{ it: {what} }}")).await["it"].clone();
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
    let found = ask(&client, &format!(
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

    client.create(json!({"type": "Nobody", "queue": "mail"})).await;
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
    let queues = ask(&client, "{ node(id: \"queue:mail\") { id ... on Queue { status } } queue(name: \"none\") { name } queues { name completedJobs throughput { jobsPerHour } } nodes { isSelf isLive } systemMetrics { totalJobs systemHealth cpuUsage { cores } memoryUsage { usedBytes } } }").await;
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
        let jobs: Vec<Value> = (0..1_200).map(|_| json!({"type": "Nobody", "queue": "bulk"})).collect();
        let made = client.post("/jobs/batch", json!({ "jobs": jobs })).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
        let kept = client.create(json!({"type": "Nobody", "queue": "other"})).await;
        let mutate = async |what: &str| {
            ask(&client, &format!("mutation {{ it: {what} {{ count hasMore }} }}")).await["it"].clone()
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
        let records = ask(&client, "{ auditRecords(filter: {action: JOB_CANCEL}, first: 1000) { hasMore nodes { jobs outcome action actorKind jobId } } }").await;
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
async fn each_field_asks_for_its_scope() {
    let config = "[api]\nrequire_authentication = true\n
        [[api.keys]]\nname = \"reader\"\nkey = \"reader-0123456789abcdef0123456789abcdef\"\nscopes = [\"tickerq:read\"]
        [[api.keys]]\nname = \"writer\"\nkey = \"writer-0123456789abcdef0123456789abcdef\"\nscopes = [\"tickerq:write\"]
        [[api.keys]]\nname = \"admin\"\nkey = \"admin-0123456789abcdef0123456789abcdef\"\nscopes = [\"tickerq:admin\"]";
    let (_site, server) = Server::with_config(config);
    let client = server.client();
    let nobody = client
        .send(
            client
                .at_root(Method::POST, "/graphql")
                .json(&json!({"query": "{ __typename }"})),
        )
        .await;
    assert_eq!(nobody.status, StatusCode::UNAUTHORIZED);
    assert_eq!(nobody.json()["errors"][0]["extensions"]["code"], "unauthenticated");
    assert!(nobody.header("www-authenticate").is_some());
    let of = |name: &str| client.with_token(&format!("{name}-0123456789abcdef0123456789abcdef"));
    let (reader, writer, admin) = (of("reader"), of("writer"), of("admin"));
    let create = "mutation { scheduleJob(input: {type: \"A\"}) { job { id parameters attempts { number } } } }";
    assert!(
        ask(&writer, create).await["scheduleJob"]["job"]["id"].is_string(),
        "who may change is shown what has become of it"
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
    lacks(&writer, "{ jobs { totalCount } }", "tickerq:read").await;
    lacks(&admin, "{ systemMetrics { totalJobs } }", "tickerq:read").await;
    lacks(&reader, "{ nodes { name } }", "tickerq:admin").await;
    lacks(&reader, "{ auditRecords { hasMore } }", "tickerq:admin").await;
    assert_eq!(
        ask(&reader, "{ jobs { totalCount } }").await["jobs"]["totalCount"],
        json!(1)
    );
    let record = ask(&admin, "{ auditRecords { nodes { actor action } } }").await;
    assert_eq!(
        record["auditRecords"]["nodes"],
        json!([{"actor": "writer", "action": "JOB_CREATE"}])
    );
    let id = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55";
    assert_eq!(
        ask(&admin, &format!("{{ node(id: \"{id}\") {{ id }} }}")).await["node"],
        Value::Null
    );
    assert!(ask(&reader, "{ __schema { queryType { name } } }").await["__schema"].is_object());
    let hidden = ask_with(&writer, "{ __schema { queryType { name } } }", json!({})).await;
    assert!(hidden["data"]["__schema"].is_null(), "{hidden}");
    eventually("the log holds no key", || async {
        (!server.log().contains("0123456789abcdef")).then_some(())
    })
    .await;
}
