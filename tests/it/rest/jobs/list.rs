//! `GET /jobs`: each filter, combinations of filters, and pages.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::harness::client::Client;
use crate::harness::eventually;
use crate::harness::server::{Server, Site, Storage};

const CONFIG: &str = r#"
[job_types.Works]
handler = "noop"
[job_types.Breaks]
max_retries = 0
handler = { command = { program = "false" } }
"#;

/// Names of the returned jobs in order.
fn names(list: &Value) -> Vec<&str> {
    let jobs = list["jobs"].as_array().expect("jobs");
    jobs.iter().map(|job| job["name"].as_str().expect("a name")).collect()
}

async fn list(client: &Client, query: &str) -> Value {
    let response = client.get(&format!("/jobs{query}")).await;
    assert_eq!(response.status, 200, "{query}: {}", response.text);
    response.json()
}

/// Jobs of every status, type, queue and priority, oldest first, and their creation times.
async fn some_jobs(client: &Client) -> Vec<DateTime<Utc>> {
    let mut created = Vec::new();
    for (name, job_type, queue, priority) in [
        ("one", "Works", "default", "low"),
        ("two", "Works", "mail", "normal"),
        ("three", "Breaks", "default", "high"),
        ("four", "My.Name`2[A,B]", "mail", "critical"),
        ("five", "Waits", "default", "normal"),
        ("six 100% Über_x", "Waits", "mail", "normal"),
    ] {
        let job = json!({ "name": name, "type": job_type, "queue": queue, "priority": priority });
        let job = client.create(job).await;
        let id = job["id"].as_str().expect("an id");
        if job_type == "Works" || job_type == "Breaks" {
            client.wait_finished(id).await;
        }
        if name == "four" {
            assert_eq!(client.post_empty(&format!("/jobs/{id}/cancel")).await.status, 200);
        }
        let created_at = DateTime::parse_from_rfc3339(job["createdAt"].as_str().expect("a time")).expect("RFC 3339");
        created.push(created_at.to_utc());
        // Creation times have milliseconds, and the filters need different ones.
        eventually("the clock has advanced", || async {
            (Utc::now() - created_at.to_utc() > TimeDelta::milliseconds(3)).then_some(())
        })
        .await;
    }
    created
}

async fn filters(storage: Storage) {
    let site = Site::new(storage, CONFIG);
    let server = site.start();
    let client = server.client();
    let created = some_jobs(&client).await;
    let all = ["six 100% Über_x", "five", "four", "three", "two", "one"];
    for (query, expected) in [
        ("", &all[..]),
        ("?status=pending", &["six 100% Über_x", "five"]),
        ("?status=running", &[]),
        ("?status=completed", &["two", "one"]),
        ("?status=failed", &["three"]),
        ("?status=CANCELLED", &["four"]),
        ("?status=failed,%20cancelled", &["four", "three"]),
        ("?type=Works", &["two", "one"]),
        ("?type=works", &[]),
        ("?type=Works,Breaks", &["three", "two", "one"]),
        ("?type=My.Name%602%5BA,B%5D", &["four"]),
        ("?type=Breaks,My.Name%602%5BA,B%5D", &["four", "three"]),
        ("?queue=mail", &["six 100% Über_x", "four", "two"]),
        ("?queue=other", &[]),
        ("?priority=normal", &["six 100% Über_x", "five", "two"]),
        ("?priority=Critical", &["four"]),
        ("?search=T", &["six 100% Über_x", "five", "three", "two"]),
        ("?search=hre", &["three"]),
        ("?search=100%25%20", &["six 100% Über_x"]),
        ("?search=0%25+", &["six 100% Über_x"]),
        ("?search=ber_X", &["six 100% Über_x"]),
        ("?search=r_x", &["six 100% Über_x"]),
        ("?search=_", &["six 100% Über_x"]),
        ("?search=!", &[]),
        ("?search='", &[]),
        (
            "?status=completed&queue=mail&priority=normal&type=Works&search=w",
            &["two"],
        ),
        ("?from=1970-01-01&to=9999-12-31", &all),
        ("?to=1970-01-01", &[]),
        ("?from=9999-12-31", &[]),
        // Parameters that URLSearchParams writes for `undefined` and `null`.
        (
            "?status=undefined&type=null&queue=&priority=null&search=&from=undefined&to=null&limit=&offset=null&after=undefined",
            &all,
        ),
        ("?status=&status=failed", &["three"]),
    ] {
        let response = list(&client, query).await;
        assert_eq!(names(&response), expected, "{query}");
        assert_eq!(response["totalCount"], expected.len(), "{query}");
        assert_eq!(response["hasMore"], false, "{query}");
    }
    filters_on_time(&client, &created, &all).await;
}

async fn filters_on_time(client: &Client, created: &[DateTime<Utc>], all: &[&str]) {
    let text = |time: DateTime<Utc>| time.to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
    let (third, fifth) = (created[2], created[4]);
    let (milli, micro) = (TimeDelta::milliseconds(1), TimeDelta::microseconds(1));
    let today = third.format("%Y-%m-%d").to_string();
    let at = chrono::FixedOffset::east_opt(2 * 3600).expect("an offset");
    let elsewhere = third
        .with_timezone(&at)
        .to_rfc3339_opts(chrono::SecondsFormat::Millis, false);
    for (query, expected) in [
        (format!("?from={}&to={}", text(third), text(fifth)), &all[1..4]),
        (
            format!("?from={}&to={}", text(third + micro), text(fifth - micro)),
            &all[2..3],
        ),
        (format!("?from={}", text(third + milli)), &all[..3]),
        (format!("?to={}", text(third)), &all[3..]),
        (format!("?to={}", text(third - milli)), &all[4..]),
        // A date as `to` means the end of that day.
        (format!("?to={}", created[5].format("%Y-%m-%d")), all),
        (format!("?from={today}&to={}", created[5].format("%Y-%m-%d")), all),
        // Another zone; the second time has an unescaped plus sign, which arrives as a space.
        (format!("?from={}", elsewhere.replace('+', "%2B")), &all[..4]),
        (format!("?from={elsewhere}"), &all[..4]),
    ] {
        // The day may have changed since the first job was created.
        if query.contains(&today) && created[0].format("%Y-%m-%d").to_string() != today {
            continue;
        }
        let response = list(client, &query).await;
        assert_eq!(names(&response), expected, "{query}");
        assert_eq!(response["totalCount"], expected.len(), "{query}");
    }
}

#[tokio::test]
async fn every_filter_finds_its_matches_on_sqlite() {
    filters(Storage::Sqlite).await;
}

#[tokio::test]
async fn every_filter_finds_its_matches_on_postgres() {
    filters(Storage::Postgres).await;
}

async fn pages(storage: Storage) {
    let site = Site::new(storage, "");
    let server = site.start();
    let client = server.client();
    let jobs: Vec<Value> = (0..25)
        .map(|number| json!({ "type": "Waits", "name": format!("{number:02}"), "queue": if number % 2 == 0 { "even" } else { "odd" } }))
        .collect();
    assert_eq!(client.post("/jobs/batch", json!(jobs)).await.status, 201);
    let expected: Vec<String> = (0..25).rev().map(|number| format!("{number:02}")).collect();

    let mut by_offset = Vec::new();
    for offset in [0, 10, 20] {
        let page = list(&client, &format!("?limit=10&offset={offset}")).await;
        assert_eq!(
            (&page["totalCount"], &page["hasMore"]),
            (&json!(25), &json!(offset < 20))
        );
        by_offset.extend(names(&page).into_iter().map(str::to_owned));
    }
    assert_eq!(by_offset, expected);

    let mut by_cursor = Vec::new();
    let mut after = String::new();
    loop {
        let page = list(&client, &format!("?limit=7&after={after}")).await;
        assert_eq!(page["totalCount"], 25, "the count is that of all pages");
        by_cursor.extend(names(&page).into_iter().map(str::to_owned));
        if page["hasMore"] == false {
            break;
        }
        page["jobs"][6]["id"].as_str().expect("an id").clone_into(&mut after);
    }
    assert_eq!(by_cursor, expected);

    let page = list(&client, "?queue=odd&limit=12").await;
    assert_eq!(
        (&page["totalCount"], &page["hasMore"]),
        (&json!(12), &json!(false)),
        "a full page may be the last"
    );
    // The previous page ended at 04; 02 and 00 follow it in this queue.
    let page = list(&client, &format!("?queue=even&offset=1&after={after}")).await;
    assert_eq!(names(&page), ["00"], "the offset counts from behind the cursor");
    let page = list(&client, "?offset=25").await;
    assert_eq!(
        (&page["jobs"], &page["hasMore"], &page["totalCount"]),
        (&json!([]), &json!(false), &json!(25))
    );
    let page = list(&client, "?offset=1000000&limit=1000").await;
    assert_eq!((&page["jobs"], &page["totalCount"]), (&json!([]), &json!(25)));
    let page = list(&client, "?after=00000000-0000-0000-0000-000000000000").await;
    assert_eq!(page["jobs"], json!([]));
}

#[tokio::test]
async fn pages_have_every_job_once_on_sqlite() {
    pages(Storage::Sqlite).await;
}

#[tokio::test]
async fn pages_have_every_job_once_on_postgres() {
    pages(Storage::Postgres).await;
}

#[tokio::test]
async fn a_page_has_fifty_jobs_by_default() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    let jobs: Vec<Value> = (0..1_001).map(|_| json!({ "type": "Waits" })).collect();
    assert_eq!(client.post("/jobs/batch", json!(jobs)).await.status, 201);
    for (query, length) in [("", 50), ("?limit=1", 1), ("?limit=1000", 1_000)] {
        let page = list(&client, query).await;
        assert_eq!(names(&page).len(), length, "{query}");
        assert_eq!((&page["totalCount"], &page["hasMore"]), (&json!(1_001), &json!(true)));
    }
}

#[tokio::test]
async fn every_wrong_parameter_is_named() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    for (query, parameter, detail) in [
        (
            "limit=0",
            "limit",
            "limit is '0'; allowed are whole numbers from 1 to 1000",
        ),
        ("limit=1001", "limit", "limit is '1001'; allowed"),
        ("limit=1000000000", "limit", "limit is '1000000000'; allowed"),
        (
            "limit=99999999999999999999999",
            "limit",
            "allowed are whole numbers from 1 to 1000",
        ),
        ("limit=-1", "limit", "limit is '-1'"),
        ("limit=5.0", "limit", "limit is '5.0'"),
        ("limit=0x10", "limit", "limit is '0x10'"),
        ("limit=%D9%A5", "limit", "limit is '٥'"),
        (
            "offset=-1",
            "offset",
            "offset is '-1'; allowed are whole numbers from 0 to 1000000. Deeper pages are read with after",
        ),
        ("offset=1000001", "offset", "offset is '1000001'"),
        ("after=1", "after", "'1' is not an id"),
        ("status=done", "status", "'done' is not a status; allowed are pending"),
        ("status=failed,", "status", "'' is not a status"),
        (
            "priority=urgent",
            "priority",
            "'urgent' is not a priority; allowed are low, normal",
        ),
        ("type=a%20b", "type", "a job type contains ' '"),
        ("queue=a/b", "queue", "a queue's name contains '/'"),
        ("search=a%00b", "search", "search has a control character"),
        ("from=yesterday", "from", "'yesterday' is neither a date such as"),
        ("from=2026-02-30", "from", "'2026-02-30' is neither a date"),
        ("from=2026-01-31T12:00:00", "from", "is neither a date"),
        ("to=99999-01-01", "to", "is neither a date"),
        ("from=2026-01-02&to=2026-01-01", "from", "from is later than to"),
        ("limit=1&limit=2", "limit", "limit is given twice"),
        ("search=%FF", "search", "search is not UTF-8"),
        (
            "Status=failed",
            "Status",
            "unknown query parameter 'Status'; allowed are status, type,",
        ),
        ("pageSize=5", "pageSize", "unknown query parameter 'pageSize'"),
        ("=5", "", "unknown query parameter ''"),
    ] {
        let problem = client.get(&format!("/jobs?{query}")).await.problem(400);
        assert_eq!(problem["type"], "urn:tickerq:problem:validation", "{query}");
        assert_eq!(problem["errors"][0]["parameter"], parameter, "{query}: {problem}");
        let given = problem["errors"][0]["detail"].as_str().expect("a detail");
        assert!(given.contains(detail), "{query} gives {given}");
    }
    let long = "x".repeat(201);
    let problem = client.get(&format!("/jobs?search={long}")).await.problem(400);
    assert_eq!(problem["detail"], "search has 201 characters; at most 200 are allowed");
    let problem = client.get("/jobs?limit=0&offset=-1&from=x").await.problem(400);
    assert_eq!(
        problem["errors"].as_array().map(Vec::len),
        Some(3),
        "all mistakes are reported together"
    );
}
