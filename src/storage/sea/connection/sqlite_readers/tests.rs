//! Timeouts of cheap reads, and the state of their connections afterwards.

use std::time::Duration;

use sea_orm::{ConnectionTrait, DbBackend, Statement};
use tempfile::TempDir;

use crate::domain::access::caller::{Caller, CallerKind, Scopes};
use crate::storage::query::{JobFilter, Order, Page};
use crate::storage::read_lane::ReadLane;
use crate::storage::repository::{JobStore, RepositoryError};
use crate::storage::sea::error::unavailable;
use crate::storage::sea::{SeaOptions, SeaRepository};

const TIME: Duration = Duration::from_millis(100);

/// With one connection for callers' cheap reads.
async fn opened(time: Duration) -> (TempDir, SeaRepository) {
    opened_with(3, time).await
}

async fn opened_with(max_connections: u32, time: Duration) -> (TempDir, SeaRepository) {
    let folder = tempfile::tempdir().expect("a folder");
    let options = SeaOptions {
        max_connections,
        read_time: time,
        ..SeaOptions::new(format!("sqlite:{}", folder.path().join("test.db").display()))
    };
    let repository = SeaRepository::connect(options).await.expect("a database");
    repository.migrate_up().await.expect("tables");
    (folder, repository)
}

/// Hours of work.
fn endless() -> Statement {
    let sql =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000000000) SELECT count(*) FROM n";
    Statement::from_string(DbBackend::Sqlite, sql)
}

async fn read_endlessly(repository: &SeaRepository) -> Result<(), RepositoryError> {
    let readers = repository.readers();
    let read = async {
        readers
            .query_one_raw(endless())
            .await
            .map_err(|error| unavailable(&error))
    };
    repository.pools.read(read).await.map(drop)
}

async fn list(repository: &SeaRepository) -> Result<usize, RepositoryError> {
    let page = Page {
        limit: 10,
        offset: 0,
        after: None,
        order: Order::NewestFirst,
    };
    Ok(repository.jobs(&JobFilter::default(), page).await?.len())
}

#[tokio::test]
async fn a_cheap_read_that_times_out_is_cancelled_and_is_no_outage() {
    let (_folder, repository) = opened(TIME).await;
    for _ in 0..2 {
        match read_endlessly(&repository).await {
            Err(RepositoryError::TimedOut { time }) => assert_eq!(time, TIME),
            other => panic!("it is stopped: {other:?}"),
        }
        // Over the same connection.
        assert_eq!(list(&repository).await.expect("a list"), 0);
    }
    tokio::time::sleep(TIME * 2).await;
    assert_eq!(
        list(&repository).await.expect("a list"),
        0,
        "each statement has its own time"
    );
    assert!(!repository.outage.is_ongoing());
    repository.close().await;
}

#[tokio::test]
async fn a_cheap_read_without_a_caller_releases_its_connection() {
    let (_folder, repository) = opened(Duration::from_secs(3_600)).await;
    for _ in 0..3 {
        let left = tokio::time::timeout(TIME, read_endlessly(&repository)).await;
        assert!(left.is_err(), "it runs for hours");
        assert_eq!(list(&repository).await.expect("a list"), 0);
    }
    repository.close().await;
    assert!(list(&repository).await.is_err(), "it is closed");
}

#[tokio::test]
async fn a_read_fails_while_all_connections_are_busy() {
    let (_folder, repository) = opened(TIME).await;
    let readers = repository.readers();
    let _busy = readers.all_places().await;
    match list(&repository).await {
        Err(RepositoryError::Busy) => {}
        other => panic!("no connection is free: {other:?}"),
    }
    assert!(!repository.outage.is_ongoing());
    let of_server = ReadLane::Internal.scope(list(&repository)).await;
    assert_eq!(of_server.expect("a list"), 0, "the server has connections of its own");
}

#[tokio::test]
async fn a_caller_leaves_a_connection_to_others() {
    let (_folder, repository) = opened_with(5, Duration::from_secs(3_600)).await;
    let lane = |name: &str| ReadLane::of(&Caller::new(name, CallerKind::Key, Scopes::all(), Default::default()));
    let busy = async {
        let reads = (0..3).map(|_| lane("busy").scope(read_endlessly(&repository)));
        futures_util::future::join_all(reads).await
    };
    let other = async {
        // The first reads have a turn before this one.
        tokio::task::yield_now().await;
        lane("other").scope(list(&repository)).await
    };
    tokio::select! {
        biased;
        _ = busy => panic!("they run for hours"),
        listed = other => assert_eq!(listed.expect("a list"), 0),
    }
}

#[test]
fn connections_are_dropped_without_a_runtime() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (_folder, repository) = runtime.block_on(async {
        let opened = opened(TIME).await;
        list(&opened.1).await.expect("a list");
        opened
    });
    drop(runtime);
    drop(repository);
}
