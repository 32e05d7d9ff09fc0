//! Migrations of the TickerQ database schema, one per file.
//!
//! Each migration is SQL in the dialect of its database: no query builder supports partial indexes, storage parameters
//! and tables without a row id.

mod m0001_jobs;
mod m0002_audit;
mod m0003_leadership;
mod m0004_recurring;
mod m0005_jobs_by_priority;
mod m0006_webhooks;
mod m0007_rollups;
mod m0008_workers;
mod m0009_traces;
mod m0010_rollup_totals;
mod m0011_webhook_names;
mod m0012_node_job_types;
mod m0013_draining;
mod m0014_recurring_key;
mod m0015_jobs_to_start_by_type;
mod m0016_worker_access;
mod m0017_retired_endpoints;
mod m0018_due_from;
mod m0019_deliveries_by_status;
mod m0020_claimed_jobs;
mod m0021_jobs_by_pair;
mod m0022_counter_epochs;
mod m0023_job_totals;
mod m0024_rollup_days;
mod m0025_job_labels;
mod m0026_operations;
mod m0027_activity;
mod m0028_fingerprints;

use sea_orm_migration::prelude::{MigrationTrait, MigratorTrait};

/// All migrations, in order.
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_jobs::Migration),
            Box::new(m0002_audit::Migration),
            Box::new(m0003_leadership::Migration),
            Box::new(m0004_recurring::Migration),
            Box::new(m0005_jobs_by_priority::Migration),
            Box::new(m0006_webhooks::Migration),
            Box::new(m0007_rollups::Migration),
            Box::new(m0008_workers::Migration),
            Box::new(m0009_traces::Migration),
            Box::new(m0010_rollup_totals::Migration),
            Box::new(m0011_webhook_names::Migration),
            Box::new(m0012_node_job_types::Migration),
            Box::new(m0013_draining::Migration),
            Box::new(m0014_recurring_key::Migration),
            Box::new(m0015_jobs_to_start_by_type::Migration),
            Box::new(m0016_worker_access::Migration),
            Box::new(m0017_retired_endpoints::Migration),
            Box::new(m0018_due_from::Migration),
            Box::new(m0019_deliveries_by_status::Migration),
            Box::new(m0020_claimed_jobs::Migration),
            Box::new(m0021_jobs_by_pair::Migration),
            Box::new(m0022_counter_epochs::Migration),
            Box::new(m0023_job_totals::Migration),
            Box::new(m0024_rollup_days::Migration),
            Box::new(m0025_job_labels::Migration),
            Box::new(m0026_operations::Migration),
            Box::new(m0027_activity::Migration),
            Box::new(m0028_fingerprints::Migration),
        ]
    }
}
