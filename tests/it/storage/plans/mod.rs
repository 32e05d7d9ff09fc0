//! Query plans: no frequent statement reads all jobs.
//!
//! Both hold a hundred thousand jobs. Everything that storage can be asked and told is done once, and how the databases
//! did it is judged: on SQLite by the plan of each statement that was sent, on PostgreSQL by the plan that it has followed,
//! with the number of rows that were really looked at.

mod capture;
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

use self::verdict::{Line, Look};
use crate::harness::server::{new_postgres_database, run_sql};

/// A repository over many jobs, and how what it does is found out.
pub struct Probe {
    repository: SeaRepository,
    connection: DatabaseConnection,
    is_postgres: bool,
    wrong: Mutex<Vec<String>>,
    /// Number of checked statements.
    judged: Mutex<usize>,
}

impl Probe {
    /// Asks, and judges the statements that ran for it.
    async fn of<T>(&self, what: &str, look: Look, asked: impl Future<Output = Result<T, RepositoryError>>) -> T {
        self.all_heard().await;
        drop((capture::plans(), capture::statements()));
        let answer = asked.await.expect("storage works");
        self.all_heard().await;
        let judged = if self.is_postgres {
            self.judge_postgres(look)
        } else {
            self.judge_sqlite(look).await
        };
        *self.judged.lock().expect("a number") += judged.len();
        for (statement, verdict) in judged {
            if let Some(reason) = verdict {
                let wrong = format!("{what}: {reason}\n    {statement}");
                self.wrong.lock().expect("a list").push(wrong);
            }
        }
        answer
    }

    /// The notices of a statement may arrive with the response to the next one. There is one connection for reads.
    async fn all_heard(&self) {
        self.repository.ping().await.expect("storage works");
    }

    fn judge_postgres(&self, look: Look) -> Vec<(String, Option<String>)> {
        let plans = capture::plans().into_iter();
        plans
            .map(|plan| {
                let statement = plan["Query Text"].as_str().unwrap_or_default().to_owned();
                let verdict = verdict::of_postgres(&plan["Plan"], look).map(|reason| format!("{reason}\n{plan:#}"));
                (statement, verdict)
            })
            .collect()
    }

    async fn judge_sqlite(&self, look: Look) -> Vec<(String, Option<String>)> {
        let mut judged = Vec::new();
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
            let verdict = verdict::of_sqlite(&lines.collect::<Vec<Line>>(), look);
            judged.push((statement, verdict));
        }
        judged
    }

    /// Makes a node the leader, and returns its token.
    async fn lead(&self, node: NodeId) -> FencingToken {
        let lease = TimeSpan::from_secs(3_600);
        let lead = Commit::from([Change::Cluster(ClusterChange::Lead { node, lease })]);
        let mut committed = self.of("lead", Look::Up, self.repository.commit(&lead)).await;
        match committed.results.pop() {
            Some(Ok(Applied::Led(Some(token)))) => token,
            other => panic!("no other node leads: {other:?}"),
        }
    }

    /// Commits changes, each of which must do something.
    async fn commit(&self, what: &str, look: Look, changes: Vec<Change>) {
        self.commit_all(what, look, Commit::from(changes)).await;
    }

    /// As [`commit`](Self::commit), with audit records.
    async fn commit_all(&self, what: &str, look: Look, commit: Commit) {
        let committed = self.of(what, look, self.repository.commit(&commit)).await;
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
            "{} statements look at too much:\n{}",
            wrong.len(),
            wrong.join("\n")
        );
        // Should the driver log nothing any more, or PostgreSQL send no plans, nothing would be found wrong either.
        let judged = self.judged.into_inner().expect("a number");
        assert!(judged > 150, "only {judged} statements were judged");
    }
}

/// A connection of the test's own, of which nothing is logged.
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
        judged: Mutex::default(),
    };
    probe.judge_everything().await;
}

#[tokio::test]
async fn no_statement_on_postgresql_reads_all_jobs() {
    capture::listen();
    // As it comes, and as PostgreSQL may decide after a while: with plans that are made once for whatever will be asked.
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
            judged: Mutex::default(),
        };
        probe.judge_everything().await;
    }
}
