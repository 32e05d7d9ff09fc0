//! Existing unique keys and idempotency keys.

use std::collections::HashSet;

use entities::{idempotency_key, job};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect};

use crate::domain::values::name::UniqueKey;
use crate::storage::repository::RepositoryError;
use crate::storage::sea::error::unavailable;
use crate::storage::sea::repository::SeaRepository;

/// Maximum number of keys per statement.
const KEYS_AT_ONCE: usize = 500;

impl SeaRepository {
    pub(crate) async fn read_taken_unique_keys(
        &self,
        keys: &[UniqueKey],
    ) -> Result<HashSet<UniqueKey>, RepositoryError> {
        let mut taken = HashSet::new();
        for keys in keys.chunks(KEYS_AT_ONCE) {
            let found: Vec<Option<String>> = job::Entity::find()
                .select_only()
                .column(job::Column::UniqueKey)
                .filter(job::Column::UniqueKey.is_in(keys.iter().map(UniqueKey::as_str)))
                // As literals, so that the planner can use the partial index.
                .filter(Expr::cust("unique_key IS NOT NULL AND status IN (0, 1)"))
                .into_tuple()
                .all(&self.readers())
                .await
                .map_err(|error| unavailable(&error))?;
            taken.extend(found.into_iter().flatten().map(UniqueKey::from_stored));
        }
        Ok(taken)
    }

    pub(crate) async fn read_is_known_request(&self, key: &str) -> Result<bool, RepositoryError> {
        let found = idempotency_key::Entity::find_by_id(key.to_owned());
        let count = found.count(&self.readers()).await;
        Ok(count.map_err(|error| unavailable(&error))? > 0)
    }
}
