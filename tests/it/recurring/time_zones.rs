//! `[time_zones] folder`: time zones from a folder.

use std::fs;

use chrono::{DateTime, Timelike, Utc};
use reqwest::StatusCode;
use serde_json::json;

use crate::harness::eventually;
use crate::harness::server::{Site, Storage};

/// A compiled zone that is five hours ahead of UTC.
fn five_hours_ahead() -> Vec<u8> {
    let mut block = b"TZif2".to_vec();
    block.extend([0; 15]);
    for count in [0_u32, 0, 0, 0, 1, 4] {
        block.extend(count.to_be_bytes());
    }
    block.extend((5 * 3_600_i32).to_be_bytes());
    block.extend([0, 0]);
    block.extend(b"XXX\0");
    let mut file = block.repeat(2);
    file.extend(b"\nXXX-5\n");
    file
}

#[tokio::test]
async fn a_server_reads_its_zones_from_the_configured_folder_also_for_declared_recurring_jobs() {
    let config = r#"
[job_types.NoopJob]
handler = "noop"

[[recurring]]
key = "morning"
type = "NoopJob"
cron = "0 9 * * *"
time_zone = "Test/Five"

[time_zones]
folder = "zones"
"#;
    let site = Site::new(Storage::Sqlite, config);
    fs::create_dir_all(site.path().join("zones/Test")).expect("a folder");
    fs::write(site.path().join("zones/Test/Five"), five_hours_ahead()).expect("a zone");
    let server = site.start();
    let client = server.client();
    let declared = client.get("/jobs/recurring/by-key/morning").await.json();
    let next: DateTime<Utc> = declared["nextRunAt"].as_str().expect("a time").parse().expect("a time");
    assert_eq!((next.hour(), next.minute()), (4, 0), "{declared}");
    let recurring = |zone: &str| json!({ "type": "NoopJob", "cronExpression": "0 9 * * *", "timeZone": zone });
    let created = client.post("/jobs/recurring", recurring("Test/Five")).await;
    assert_eq!(created.status, StatusCode::CREATED, "{}", created.text);
    let problem = client.post("/jobs/recurring", recurring("Test/Six")).await.problem(400);
    assert_eq!(problem["errors"][0]["pointer"], "#/timeZone");
    // Zones that the folder lacks are the bundled ones, and the log names them.
    let bundled = client.post("/jobs/recurring", recurring("Europe/Berlin")).await;
    assert_eq!(bundled.status, StatusCode::CREATED, "{}", bundled.text);
    eventually("the log names the zones", || async {
        server
            .log()
            .contains("lacks time zones; using the bundled ones")
            .then_some(())
    })
    .await;
}
