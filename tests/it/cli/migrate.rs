//! `tickerq migrate` beside a running server, and with the database of a newer version.

use std::process::Output;

use sea_orm::{ConnectionTrait, Database};

use crate::harness::server::{Site, Storage, run_sql};

fn migrate(site: &Site, arguments: &[&str]) -> Output {
    let mut command = vec!["migrate"];
    command.extend(arguments);
    command.extend(["--database-url", site.database_url()]);
    site.command(&command).output().expect("the binary runs")
}

fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[tokio::test]
async fn the_state_of_migrations_is_shown_beside_a_running_server_and_changes_nothing() {
    let site = Site::new(Storage::Sqlite, "");
    let before = migrate(&site, &["status"]);
    assert!(
        before.status.success() && text(&before).contains("pending  m0001_jobs"),
        "{}",
        text(&before)
    );
    assert!(
        !site.path().join("tickerq.db").exists(),
        "the status creates no database"
    );
    let server = site.start();
    let beside = migrate(&site, &["status"]);
    assert!(beside.status.success(), "{}", text(&beside));
    assert!(
        text(&beside).contains("applied  m0001_jobs") && !text(&beside).contains("pending"),
        "{}",
        text(&beside)
    );
    let up = migrate(&site, &["up"]);
    assert!(
        !up.status.success() && text(&up).contains("another server"),
        "{}",
        text(&up)
    );
    server.client().create_of_type("UnknownJob").await;
    assert!(server.stop().success());
    assert!(migrate(&site, &["status"]).status.success());
    assert!(!site.path().join("tickerq.db-wal").exists());
}

#[tokio::test]
async fn migrations_are_not_reverted_while_servers_use_the_database() {
    let site = Site::new(Storage::Postgres, "");
    let server = site.start();
    let refused = migrate(&site, &["down", "--yes"]);
    assert!(
        !refused.status.success() && text(&refused).contains("servers use this database"),
        "{}",
        text(&refused)
    );
    server.client().create_of_type("UnknownJob").await;
    assert!(server.stop().success());
    assert!(migrate(&site, &["down", "--yes"]).status.success());
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_named_as_such() {
    let sql = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_future', 0)";
    for storage in [Storage::Sqlite, Storage::Postgres] {
        let site = Site::new(storage, "");
        assert!(migrate(&site, &["up"]).status.success());
        match storage {
            Storage::Postgres => run_sql(site.database_url(), sql),
            Storage::Sqlite => {
                let url = format!("sqlite:{}", site.path().join("tickerq.db").display());
                let database = Database::connect(url).await.expect("the database opens");
                database.execute_unprepared(sql).await.expect("a step of the future");
                database.close().await.expect("closed");
            }
        }
        let mut serve = site.command(&[
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--database-url",
            site.database_url(),
        ]);
        for refused in [
            serve.output().expect("the binary runs"),
            migrate(&site, &["up"]),
            migrate(&site, &["down", "--yes"]),
        ] {
            assert!(!refused.status.success());
            let printed = text(&refused);
            assert!(
                printed.contains("newer version of tickerq") && printed.contains("m9999_future"),
                "{printed}"
            );
        }
        let status = migrate(&site, &["status"]);
        assert!(
            status.status.success() && text(&status).contains("unknown  m9999_future"),
            "{}",
            text(&status)
        );
    }
}
