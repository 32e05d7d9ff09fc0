//! Query plans: no frequent statement reads all jobs.
//!
//! Both databases hold 100,000 jobs. Every operation of storage is executed once and its plans are checked: on SQLite
//! the plan of each statement, on PostgreSQL the executed plan with its actual row counts.

mod capture;
mod claim_ahead;
mod filters;
mod read;
mod recurring;
mod rows;
mod samples;
mod verdict;
mod webhooks;
mod write;

use std::sync::Mutex;

use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement};
use tickerq::domain::cluster::leadership::FencingToken;
use tickerq::domain::values::id::NodeId;
use tickerq::domain::values::time_span::TimeSpan;
use tickerq::storage::change::{Applied, Change, ClusterChange};
use tickerq::storage::commit::Commit;
use tickerq::storage::repository::{JobStore, RepositoryError};
use tickerq::storage::sea::{SeaOptions, SeaRepository};

use self::verdict::{Access, Line};
use crate::harness::server::{new_postgres_database, run_sql};

/// A repository over many jobs, with the capture of its statements.
pub struct Probe {
    repository: SeaRepository,
    connection: DatabaseConnection,
    is_postgres: bool,
    wrong: Mutex<Vec<String>>,
    /// Number of checked statements.
    checked: Mutex<usize>,
}

impl Probe {
    /// Executes a call and checks its statements.
    async fn of<T>(&self, what: &str, access: Access, call: impl Future<Output = Result<T, RepositoryError>>) -> T {
        self.all_captured().await;
        drop((capture::plans(), capture::statements()));
        let response = call.await.expect("storage works");
        self.all_captured().await;
        let checked = if self.is_postgres {
            self.check_postgres(access)
        } else {
            self.check_sqlite(access).await
        };
        *self.checked.lock().expect("a number") += checked.len();
        for (statement, verdict) in checked {
            if let Some(reason) = verdict {
                let wrong = format!("{what}: {reason}\n    {statement}");
                self.wrong.lock().expect("a list").push(wrong);
            }
        }
        response
    }

    /// The notices of a statement may arrive with the response to the next one. There is one read connection.
    async fn all_captured(&self) {
        self.repository.ping().await.expect("storage works");
    }

    fn check_postgres(&self, access: Access) -> Vec<(String, Option<String>)> {
        let plans = capture::plans().into_iter();
        plans
            .map(|plan| {
                let statement = plan["Query Text"].as_str().unwrap_or_default().to_owned();
                let verdict = verdict::of_postgres(&plan["Plan"], access).map(|reason| format!("{reason}\n{plan:#}"));
                (statement, verdict)
            })
            .collect()
    }

    async fn check_sqlite(&self, access: Access) -> Vec<(String, Option<String>)> {
        let mut checked = Vec::new();
        for statement in capture::statements() {
            let verb = statement.split_whitespace().next().unwrap_or_default();
            if !["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"].contains(&verb) || statement.contains("temp.") {
                continue;
            }
            let explain = Statement::from_string(DbBackend::Sqlite, format!("EXPLAIN QUERY PLAN {statement}"));
            let rows = self.connection.query_all_raw(explain).await.expect("a plan");
            let lines = rows.iter().map(|row| Line {
                parent: row.try_get("", "parent").expect("a parent"),
                detail: row.try_get("", "detail").expect("a detail"),
            });
            let verdict = verdict::of_sqlite(&lines.collect::<Vec<Line>>(), access);
            checked.push((statement, verdict));
        }
        checked
    }

    /// Makes a node the leader and returns its token.
    async fn lead(&self, node: NodeId) -> FencingToken {
        let lease = TimeSpan::from_secs(3_600);
        let lead = Commit::from([Change::Cluster(ClusterChange::Lead { node, lease })]);
        let mut committed = self.of("lead", Access::Lookup, self.repository.commit(&lead)).await;
        match committed.results.pop() {
            Some(Ok(Applied::Led(Some(token)))) => token,
            other => panic!("no other node leads: {other:?}"),
        }
    }

    /// Commits changes, each of which must do something.
    async fn commit(&self, what: &str, access: Access, changes: Vec<Change>) {
        self.commit_all(what, access, Commit::from(changes)).await;
    }

    /// As [`commit`](Self::commit), with audit records.
    async fn commit_all(&self, what: &str, access: Access, commit: Commit) {
        let committed = self.of(what, access, self.repository.commit(&commit)).await;
        for result in committed.results {
            write::check(what, &result.unwrap_or_else(|refused| panic!("{what}: {refused}")));
        }
    }

    async fn judge_everything(self) {
        read::read(&self).await;
        write::write(&self).await;
        let wrong = self.wrong.into_inner().expect("a list");
        assert!(
            wrong.is_empty(),
            "{} statements read too many rows:\n{}",
            wrong.len(),
            wrong.join("\n")
        );
        // Without captured statements or plans, no violation would be found.
        let checked = self.checked.into_inner().expect("a number");
        assert!(checked > 150, "only {checked} statements were checked");
    }
}

/// A separate connection without a log.
async fn silent(url: &str) -> DatabaseConnection {
    let mut options = ConnectOptions::new(url);
    options.sqlx_logging(false);
    Database::connect(options).await.expect("a connection")
}

#[tokio::test]
async fn no_statement_on_sqlite_reads_all_jobs() {
    capture::listen();
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite:{}", folder.path().join("jobs.db").display());
    let options = SeaOptions {
        max_connections: 2,
        log_statements: true,
        ..SeaOptions::new(url.clone())
    };
    let repository = SeaRepository::connect(options).await.expect("the database opens");
    repository.migrate_up().await.expect("tables");
    let connection = silent(&url).await;
    rows::fill(&connection, false).await;
    let probe = Probe {
        repository,
        connection,
        is_postgres: false,
        wrong: Mutex::default(),
        checked: Mutex::default(),
    };
    probe.judge_everything().await;
}

#[tokio::test]
async fn no_statement_on_postgresql_reads_all_jobs() {
    capture::listen();
    // With custom plans, and with the generic plans that PostgreSQL may choose later.
    for mode in ["auto", "force_generic_plan"] {
        let url = new_postgres_database("");
        let name = url.rsplit('/').next().expect("a name");
        let connection = silent(&url).await;
        let options = SeaOptions {
            max_connections: 2,
            ..SeaOptions::new(url.clone())
        };
        let repository = SeaRepository::connect(options.clone())
            .await
            .expect("the database opens");
        repository.migrate_up().await.expect("tables");
        drop(repository);
        rows::fill(&connection, true).await;
        for setting in [
            "session_preload_libraries = 'auto_explain'",
            "auto_explain.log_min_duration = 0",
            "auto_explain.log_analyze = on",
            "auto_explain.log_timing = off",
            "auto_explain.log_format = 'json'",
            "auto_explain.log_level = 'notice'",
        ] {
            run_sql(&url, &format!("ALTER DATABASE {name} SET {setting}"));
        }
        run_sql(&url, &format!("ALTER DATABASE {name} SET plan_cache_mode = '{mode}'"));
        let repository = SeaRepository::connect(options).await.expect("the database opens");
        let probe = Probe {
            repository,
            connection,
            is_postgres: true,
            wrong: Mutex::default(),
            checked: Mutex::default(),
        };
        probe.judge_everything().await;
    }
}
