//! Lists and counts of remote workers.

use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};

use super::nodes::DEAD_SHOWN_MICROS;
use super::workers::Declared;
use crate::domain::cluster::worker_access::WorkerOwner;
use crate::domain::values::name::{JobType, QueueName};
use crate::storage::query::{StoredWorker, WorkerPage, WorkerTypes};
use crate::storage::repository::RepositoryError;
use crate::storage::sea::error::{corrupt, unavailable};
use crate::storage::sea::repository::SeaRepository;

impl SeaRepository {
    /// The condition, the order and the limit of a page, and the values that they name.
    fn worker_page_sql(&self, page: WorkerPage) -> (String, Vec<Value>) {
        let WorkerPage { after, limit } = page;
        let now = self.now_sql();
        let (follows, values) = match after {
            Some(after) => (
                " AND (started_at, id) > (SELECT started_at, id FROM nodes WHERE id = $1)",
                vec![after.as_uuid().into()],
            ),
            None => ("", Vec::new()),
        };
        let sql = format!("lease_until >= {now} - {DEAD_SHOWN_MICROS}{follows} ORDER BY started_at, id LIMIT {limit}");
        (sql, values)
    }

    pub(crate) async fn read_worker_page(&self, page: WorkerPage) -> Result<Vec<StoredWorker>, RepositoryError> {
        let (condition, values) = self.worker_page_sql(page);
        self.workers_where(&condition, values).await
    }

    pub(crate) async fn read_size_of_workers(&self, page: WorkerPage) -> Result<u64, RepositoryError> {
        let (condition, values) = self.worker_page_sql(page);
        let sql = format!(
            "SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM \
             (SELECT OCTET_LENGTH(worker) AS size FROM nodes WHERE worker IS NOT NULL AND {condition}) AS page"
        );
        self.read_number(&sql, values).await
    }

    pub(crate) async fn read_worker_types(&self) -> Result<Vec<WorkerTypes>, RepositoryError> {
        let live = self.live_sql();
        let sql = format!("SELECT DISTINCT worker FROM nodes WHERE worker IS NOT NULL AND {live}");
        let statement = Statement::from_string(self.backend(), sql);
        let rows = self.readers().query_all_raw(statement).await;
        let rows = rows.map_err(|error| unavailable(&error))?;
        self.unreadable.leave_out(rows.iter().map(types_in))
    }

    pub(crate) async fn read_worker_count(&self, owner: &WorkerOwner) -> Result<u64, RepositoryError> {
        let live = self.live_sql();
        let sql = format!(
            "SELECT CAST(COUNT(*) AS bigint) FROM nodes \
             WHERE worker IS NOT NULL AND owner_kind = $1 AND owner = $2 AND {live}"
        );
        let values = vec![owner.kind.code().into(), (*owner.name).into()];
        self.read_number(&sql, values).await
    }

    async fn read_number(&self, sql: &str, values: Vec<Value>) -> Result<u64, RepositoryError> {
        let statement = Statement::from_sql_and_values(self.backend(), sql, values);
        let row = self.readers().query_one_raw(statement).await;
        let row = row.map_err(|error| unavailable(&error))?;
        let number: i64 = match row {
            Some(row) => row.try_get_by_index(0).map_err(|error| unavailable(&error))?,
            None => 0,
        };
        Ok(u64::try_from(number).unwrap_or_default())
    }
}

fn types_in(row: &QueryResult) -> Result<WorkerTypes, RepositoryError> {
    let declared: String = row.try_get_by_index(0).map_err(|error| unavailable(&error))?;
    let declared: Declared =
        serde_json::from_str(&declared).map_err(|error| corrupt(format!("types of a worker: {error}")))?;
    let Declared { types, queues, .. } = declared;
    Ok(WorkerTypes {
        job_types: types.into_iter().map(JobType::from_stored).collect(),
        queues: queues.into_iter().map(QueueName::from_stored).collect(),
    })
}
