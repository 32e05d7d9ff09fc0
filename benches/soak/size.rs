//! Size of a database as reported by itself.

use super::database::connection;
use super::query::{number, pair};

/// Size at a moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Size {
    /// Number of jobs.
    pub(crate) jobs: i64,
    bytes: i64,
    /// Size of each part.
    pub(crate) detail: String,
}

impl Size {
    /// Queries the database.
    pub(crate) async fn of(url: &str) -> Self {
        let connection = connection(url).await;
        let size = if url.starts_with("sqlite") {
            // Deleted rows remain in the file as free pages, which are reused.
            let page = number(&connection, "PRAGMA page_size").await;
            let pages = number(&connection, "PRAGMA page_count").await;
            let free = number(&connection, "PRAGMA freelist_count").await;
            Self {
                jobs: number(&connection, "SELECT COUNT(*) FROM jobs").await,
                bytes: page * pages,
                detail: format!("{:.1} MB of it free", megabytes(page * free)),
            }
        } else {
            let of_table = |name: &str| {
                format!("SELECT CAST(pg_table_size('{name}') AS bigint), CAST(pg_indexes_size('{name}') AS bigint)")
            };
            let (jobs, attempts) = (of_table("jobs"), of_table("attempts"));
            // A job's status is indexed: updates of it can't be HOT, all others can.
            let hot = "SELECT CAST(COALESCE(100 * SUM(n_tup_hot_upd) / NULLIF(SUM(n_tup_upd), 0), 0) AS bigint) \
                       FROM pg_stat_user_tables WHERE relname <> 'jobs'";
            let all = "SELECT CAST(SUM(pg_total_relation_size(relid)) AS bigint) FROM pg_stat_user_tables";
            let (table, indexes) = pair(&connection, &jobs).await;
            let (attempt_table, attempt_indexes) = pair(&connection, &attempts).await;
            Self {
                jobs: number(&connection, "SELECT COUNT(*) FROM jobs").await,
                bytes: number(&connection, all).await,
                detail: format!(
                    "jobs {:.1} + {:.1}, attempts {:.1} + {:.1}; {} % of the updates of all other tables are HOT",
                    megabytes(table),
                    megabytes(indexes),
                    megabytes(attempt_table),
                    megabytes(attempt_indexes),
                    number(&connection, hot).await
                ),
            }
        };
        connection.close().await.expect("a connection");
        size
    }

    /// Tables and indexes.
    pub(crate) fn megabytes(&self) -> f64 {
        megabytes(self.bytes)
    }

    /// Replaces it with the other one if that is larger.
    pub(crate) fn take_larger(&mut self, other: Self) {
        if other.bytes > self.bytes {
            *self = other;
        }
    }
}

fn megabytes(bytes: i64) -> f64 {
    bytes as f64 / 1e6
}
