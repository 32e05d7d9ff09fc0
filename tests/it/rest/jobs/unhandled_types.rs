//! Jobs of types without a handler: their creation returns a warning.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::graphql::data_of;
use crate::harness::client::Client;
use crate::harness::eventually;
use crate::harness::server::{Server, Site, new_postgres_database, postgres_url, query_sql, run_sql};
use crate::harness::shell::{Shell, detail};

const QUICK: &str = "[job_types.NoopJob]\nhandler = \"noop\"\n\
    [health]\nunhandled_type_after = \"00:00:00\"\nalert_after = \"00:00:00\"\nresolve_after = \"00:00:00.3\"\n";

async fn warnings(client: &Client, job: Value) -> Vec<String> {
    let response = client.post("/jobs", job).await;
    assert_eq!(response.status, StatusCode::CREATED, "{}", response.text);
    warnings_of(&response.json())
}

fn warnings_of(job: &Value) -> Vec<String> {
    let warnings = job.get("warnings").cloned().unwrap_or_else(|| json!([]));
    serde_json::from_value(warnings).expect("texts")
}

async fn register(client: &Client, declaration: Value) -> String {
    let response = client.post("/workers", declaration).await;
    assert_eq!(response.status, StatusCode::CREATED, "{}", response.text);
    response.json()["id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn a_job_is_created_while_the_job_types_of_other_servers_are_unavailable() {
    let url = new_postgres_database("");
    // Locked, the table is written by no heartbeat.
    let site = Site::over(url.clone(), &format!("{QUICK}[cluster]\nlease_ttl = \"00:05:00\"\n"));
    let server = site.start();
    let client = server.client();
    let held = std::thread::spawn(move || {
        run_sql(
            &url,
            "BEGIN; LOCK TABLE nodes IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(12); COMMIT",
        );
    });
    let database = site.database_url();
    eventually("the table is locked", || async {
        let locks = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted \
                     AND relation = 'nodes'::regclass";
        (query_sql(database, locks) == "1").then_some(())
    })
    .await;
    let since = std::time::Instant::now();
    let jobs = vec![json!({ "type": "Typo" }); 100];
    let response = client.post("/jobs/batch", json!({ "jobs": jobs })).await;
    assert_eq!(response.status, StatusCode::CREATED, "{}", response.text);
    warnings(&client, json!({ "type": "Typo" })).await;
    assert!(!held.is_finished(), "a response after {:?}", since.elapsed());
    held.join().expect("the lock is released");
    eventually("the handled types are read again", || async {
        (warnings(&client, json!({ "type": "Typo" })).await.len() == 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_job_of_a_type_that_nothing_runs_has_a_warning() {
    let (_site, server) = Server::with_config(QUICK);
    let client = server.client();
    assert_eq!(
        warnings(&client, json!({ "type": "NoopJob" })).await,
        Vec::<String>::new()
    );
    let created = client
        .post("/jobs", json!({ "type": "Typo", "delay": "01:00:00" }))
        .await
        .json();
    let [warning] = warnings_of(&created).try_into().expect("one warning");
    assert!(
        warning.starts_with("no handler and no worker for type 'Typo' in queue 'default'"),
        "{warning}"
    );
    let id = created["id"].as_str().expect("an id");
    assert_eq!(warnings_of(&client.job(id).await), std::slice::from_ref(&warning));
    let line = "no handler and no worker for job type 'Typo'";
    eventually("the log has a line", || async {
        server.log().contains(line).then_some(())
    })
    .await;

    let batch = json!({ "jobs": [{ "type": "NoopJob" }, { "type": "Typo" }] });
    let response = client.post("/jobs/batch", batch).await.json();
    let items = response["jobs"].as_array().expect("jobs");
    assert_eq!(
        (warnings_of(&items[0]).len(), warnings_of(&items[1])),
        (0, vec![warning.clone()])
    );

    let mutation = "mutation { a: scheduleJob(input: {type: \"Typo\"}) { isNew warnings }
        b: scheduleJob(input: {type: \"NoopJob\"}) { warnings }
        c: scheduleJobs(inputs: [{type: \"Typo\"}]) { jobs { warnings } } }";
    let data = data_of(&client, mutation).await;
    assert_eq!(data["a"], json!({ "isNew": true, "warnings": [warning] }));
    assert_eq!(data["b"], json!({ "warnings": [] }));
    assert_eq!(data["c"]["jobs"][0]["warnings"], json!([warning]));
    assert_eq!(server.log().matches(line).count(), 1, "once a type");

    let recurring = json!({ "type": "OtherTypo", "cronExpression": "0 2 * * *" });
    let recurring = client.post("/jobs/recurring", recurring).await.json();
    assert!(
        warnings_of(&recurring)[0].starts_with("no handler and no worker for type 'OtherTypo'"),
        "{recurring}"
    );
    eventually("the type is logged", || async {
        let line = "no handler and no worker for job type 'OtherTypo'";
        server.log().contains(line).then_some(())
    })
    .await;

    client.post_empty(&format!("/jobs/{id}/cancel")).await;
    assert_eq!(warnings_of(&client.job(id).await), Vec::<String>::new());
}

#[tokio::test]
async fn a_registered_worker_counts_in_its_queues() {
    let (_site, server) = Server::with_config(QUICK);
    let client = server.client();
    assert_eq!(warnings(&client, json!({ "type": "MailJob" })).await.len(), 1);
    let declaration = json!({ "name": "mailer", "types": ["MailJob"], "queues": ["mail", "post"] });
    let id = register(&client, declaration).await;
    assert_eq!(
        warnings(&client, json!({ "type": "MailJob", "queue": "mail" }))
            .await
            .len(),
        0
    );
    assert_eq!(
        warnings(&client, json!({ "type": "MailJob", "queue": "post" }))
            .await
            .len(),
        0
    );
    assert_eq!(warnings(&client, json!({ "type": "MailJob" })).await.len(), 1);
    let everywhere = register(&client, json!({ "name": "any", "types": ["MailJob"] })).await;
    assert_eq!(warnings(&client, json!({ "type": "MailJob" })).await.len(), 0);
    for id in [id, everywhere] {
        let response = client
            .send(client.request(Method::DELETE, &format!("/workers/{id}")))
            .await;
        assert!(response.status.is_success(), "{}", response.text);
    }
    assert_eq!(
        warnings(&client, json!({ "type": "MailJob", "queue": "mail" }))
            .await
            .len(),
        1
    );
}

#[tokio::test]
async fn the_health_names_the_types_that_nothing_runs() {
    let (_site, server) = Server::with_config(QUICK);
    let client = server.client();
    let reason = || async {
        let reasons = client.get("/metrics/system").await.json()["healthReasons"].clone();
        let reasons = reasons.as_array().cloned().unwrap_or_default();
        reasons
            .into_iter()
            .find(|reason| reason["code"] == "job-types-nobody-runs")
    };
    for job_type in ["Typo", "Typo", "OtherTypo"] {
        client.create(json!({ "type": job_type, "delay": "01:00:00" })).await;
    }
    let both = "the health names both types";
    let found = eventually(both, || async {
        reason().await.filter(|reason| {
            reason["message"]
                .as_str()
                .is_some_and(|text| text.contains("OtherTypo"))
        })
    })
    .await;
    let message = found["message"].as_str().expect("a message");
    assert!(
        message.starts_with("pending jobs (3)") && message.contains(": 'Typo', 'OtherTypo'; "),
        "{message}"
    );
    register(&client, json!({ "name": "any", "types": ["Typo", "OtherTypo"] })).await;
    eventually("the health is good again", || async {
        reason().await.is_none().then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_handlers_of_another_server_count() {
    let _ = postgres_url();
    let url = new_postgres_database("");
    let with = |config: &str| Site::over(url.clone(), config);
    let (one, other) = (with(QUICK), with("[job_types.OtherJob]\nhandler = \"noop\"\n"));
    let first = one.start();
    let client = first.client();
    let job = json!({ "type": "OtherJob", "delay": "01:00:00" });
    assert_eq!(warnings(&client, job.clone()).await.len(), 1);
    let second = other.start();
    eventually("the other server's handlers are known", || {
        let (client, job) = (client.clone(), job.clone());
        async move { warnings(&client, job).await.is_empty().then_some(()) }
    })
    .await;
    assert_eq!(warnings(&client, json!({ "type": "Typo" })).await.len(), 1);
    assert!(second.stop().success());
    eventually("the other server has left", || {
        let (client, job) = (client.clone(), job.clone());
        async move { (!warnings(&client, job).await.is_empty()).then_some(()) }
    })
    .await;
}

#[test]
fn the_command_line_prints_the_warning() {
    let shell = Shell::start("");
    let printed = shell.run(&["job", "create", "Typo", "--delay", "01:00:00"]);
    let lines: Vec<&str> = printed.out.lines().collect();
    let [created, warning] = lines.as_slice() else {
        panic!("two lines: {}", printed.out);
    };
    assert!(
        warning.starts_with("warning: no handler and no worker for type 'Typo'"),
        "{warning}"
    );
    let id = created.split(' ').nth(1).expect("an id");
    let output = shell.run(&["job", "show", id]);
    let output = detail(&output, "warning").expect("a warning").to_owned();
    assert_eq!(format!("warning: {output}"), *warning);
    let known = shell.run(&["job", "create", "Echo"]);
    assert_eq!(known.out.lines().count(), 1, "{}", known.out);
}

#[tokio::test]
async fn the_log_has_a_line_however_a_job_of_such_a_type_has_become_pending() {
    // The health check, which also logs the type, does not run within this test.
    let config = "[job_types.NoopJob]\nhandler = \"noop\"\n[realtime]\nsystem_metrics_interval = \"00:30:00\"\n";
    let (_site, server) = Server::with_config(config);
    let client = server.client();
    let logged = |job_type: &'static str| {
        let server = &server;
        async move {
            let line = format!("no handler and no worker for job type '{job_type}'");
            eventually(&line, || async { server.log().contains(&line).then_some(()) }).await;
        }
    };
    let worker = json!({ "name": "any", "types": ["Occurring", "Triggered", "Retried"] });
    let worker = register(&client, worker).await;
    let recurring = |job_type: &str, cron: &str, is_enabled: bool| {
        let recurring = json!({ "type": job_type, "cronExpression": cron, "enabled": is_enabled });
        let client = &client;
        async move { client.post("/jobs/recurring", recurring).await.json()["id"].clone() }
    };
    let every_second = recurring("Occurring", "* * * * * *", false).await;
    let triggered = recurring("Triggered", "0 0 1 1 *", true).await;
    let retried = client.create(json!({ "type": "Retried" })).await["id"].clone();
    let retried = retried.as_str().expect("an id");
    client.post_empty(&format!("/jobs/{retried}/cancel")).await;
    let left = client
        .send(client.request(Method::DELETE, &format!("/workers/{worker}")))
        .await;
    assert!(left.status.is_success(), "{}", left.text);
    assert!(!server.log().contains("no handler and no worker"), "{}", server.log());

    let enable = format!("/jobs/recurring/{}/enable", every_second.as_str().expect("an id"));
    client.post_empty(&enable).await;
    logged("Occurring").await;
    let trigger = format!("/jobs/recurring/{}/trigger", triggered.as_str().expect("an id"));
    client.post_empty(&trigger).await;
    logged("Triggered").await;
    client.post_empty(&format!("/jobs/{retried}/retry")).await;
    logged("Retried").await;
}
