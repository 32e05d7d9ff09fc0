//! Folds the counter rows of finished epochs, see [`super::counter_epochs`].

use sea_orm::ConnectionTrait;
use tracing::debug;

use crate::storage::repository::RepositoryError;
use crate::storage::sea::error::unavailable;
use crate::storage::sea::repository::SeaRepository;

impl SeaRepository {
    /// Counts a commit for the current epoch, and takes the next step of folding finished ones.
    pub(super) async fn fold_counters(&self) {
        let Some(step) = self.epochs.count_commit() else {
            return;
        };
        let statement = self.epochs.statement(step);
        let writer = self.writer();
        let folded = self.pools.write(async {
            let row = writer
                .query_one_raw(statement)
                .await
                .map_err(|error| unavailable(&error))?;
            let rows: i64 = match row {
                Some(row) => row.try_get_by_index(0).map_err(|error| unavailable(&error))?,
                None => 0,
            };
            Ok::<_, RepositoryError>(u64::try_from(rows).unwrap_or_default())
        });
        match folded.await {
            Ok(rows) => self.epochs.record(step, rows),
            // Its rows remain part of all sums, and are folded with abandoned ones.
            Err(failure) => debug!("folding {} failed: {failure}", step.table()),
        }
    }
}
