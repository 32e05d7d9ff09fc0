//! Steps of the schema.

use migration::Migrator;
use sea_orm_migration::{MigrationStatus, MigratorTrait};

use super::connect::SeaRepository;
use super::error::unavailable;
use crate::storage::repository::RepositoryError;

/// A step of the schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationState {
    /// Its name.
    pub name: String,
    /// Whether the database has taken it.
    pub is_applied: bool,
}

impl SeaRepository {
    /// Takes all steps that the database has not taken. A server does so when it starts.
    pub async fn migrate_up(&self) -> Result<(), RepositoryError> {
        Migrator::up(&self.writer, None)
            .await
            .map_err(|error| unavailable(&error))
    }

    /// Takes back the last steps, and with them what they hold.
    pub async fn migrate_down(&self, steps: u32) -> Result<(), RepositoryError> {
        Migrator::down(&self.writer, Some(steps))
            .await
            .map_err(|error| unavailable(&error))
    }

    /// All steps, in order.
    pub async fn migration_states(&self) -> Result<Vec<MigrationState>, RepositoryError> {
        let migrations = Migrator::get_migration_with_status(&self.writer)
            .await
            .map_err(|error| unavailable(&error))?;
        Ok(migrations
            .iter()
            .map(|migration| MigrationState {
                name: migration.name().to_owned(),
                is_applied: migration.status() == MigrationStatus::Applied,
            })
            .collect())
    }
}
