//! The history of jobs: their last attempts.

use entities::attempt;
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement, Value};

use super::attempts::FENCE;
use crate::domain::job::attempt::{ATTEMPTS_KEPT, Attempt};
use crate::domain::values::id::JobId;
use crate::storage::change::{Change, JobChange};
use crate::storage::repository::RepositoryError;
use crate::storage::sea::commit::bulk_values::Rows;
use crate::storage::sea::commit::context::CommitContext;
use crate::storage::sea::error::{CommitFailure, unavailable};
use crate::storage::sea::mapping;
use crate::storage::sea::mapping::int;
use crate::storage::sea::repository::SeaRepository;

/// Maximum number of jobs per statement.
const IDS_AT_ONCE: usize = 1_000;

fn failed(error: DbErr) -> RepositoryError {
    unavailable(&error)
}

impl SeaRepository {
    pub(crate) async fn read_attempts_of(&self, ids: &[JobId]) -> Result<Vec<Attempt>, RepositoryError> {
        self.read_history(ids, ATTEMPTS_KEPT, "a.error, a.error_detail").await
    }

    pub(crate) async fn read_last_attempts(&self, ids: &[JobId], last: u32) -> Result<Vec<Attempt>, RepositoryError> {
        let no_texts = "CAST(NULL AS TEXT) AS error, CAST(NULL AS TEXT) AS error_detail";
        self.read_history(ids, last, no_texts).await
    }

    async fn read_history(&self, ids: &[JobId], last: u32, texts: &str) -> Result<Vec<Attempt>, RepositoryError> {
        let mut attempts = Vec::with_capacity(ids.len());
        for ids in ids.chunks(IDS_AT_ONCE) {
            let mut values: Vec<Value> = vec![int(last).into()];
            values.extend(ids.iter().map(|id| Value::from(id.as_uuid())));
            let names: Vec<String> = (2..=values.len()).map(|number| format!("${number}")).collect();
            let sql = format!(
                "SELECT a.job_id, a.number, a.status, a.started_at, a.ended_at, {texts}, a.node FROM jobs AS j \
                 JOIN attempts AS a ON a.job_id = j.id AND a.number > j.attempt - $1 WHERE j.id IN ({}) \
                 ORDER BY a.job_id, a.number",
                names.join(", ")
            );
            let statement = Statement::from_sql_and_values(self.backend(), sql, values);
            for row in self.readers().query_all_raw(statement).await.map_err(failed)? {
                let row = attempt::Model::from_query_result(&row, "").map_err(failed)?;
                attempts.push(mapping::attempt(row)?);
            }
        }
        Ok(attempts)
    }
}

impl CommitContext<'_> {
    /// Removes the attempts that the histories of these jobs no longer hold.
    pub(crate) async fn expire_attempts(&self, changes: &[Change]) -> Result<(), CommitFailure> {
        let mut rows = Rows::new(FENCE, 0);
        for change in changes {
            if let Change::Job(JobChange::Finish { attempt, .. }) = change
                && attempt.number > ATTEMPTS_KEPT
            {
                rows.push([
                    attempt.job_id.as_uuid().into(),
                    int(attempt.number - ATTEMPTS_KEPT).into(),
                ]);
            }
        }
        rows.execute(&self.transaction, |source| {
            format!(
                "DELETE FROM attempts WHERE (job_id, number) IN (SELECT a.job_id, a.number FROM {source} AS v \
                 JOIN attempts AS a ON a.job_id = v.c1 AND a.number <= v.c2)"
            )
        })
        .await?;
        Ok(())
    }
}
