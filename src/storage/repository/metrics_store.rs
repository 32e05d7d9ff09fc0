//! The store of rollups.

use std::collections::BTreeMap;

use async_trait::async_trait;

use crate::domain::metrics::rollup::{RollupCounts, TimeBucketRange};
use crate::domain::values::name::JobType;
use crate::storage::error::RepositoryError;
use crate::storage::query::{Durations, RollupFilter, TypeRollup};

/// Stores rollups: metrics of the past. By default all of them are zero.
#[async_trait]
pub trait MetricsStore: Send + Sync + 'static {
    /// For each of these spans, in their order: what is summed up of jobs in it, those of all queues and types that the
    /// filter means together. It costs the same however many jobs there are.
    async fn rollups(
        &self,
        filter: &RollupFilter,
        spans: &[TimeBucketRange],
    ) -> Result<Vec<RollupCounts>, RepositoryError> {
        let _ = filter;
        Ok(vec![RollupCounts::default(); spans.len()])
    }

    /// How many jobs have completed or failed for good in that hour of the span in which most have. Hours begin when
    /// those of UTC do; of the first and the last one only what is in the span counts.
    async fn busiest_hour(&self, filter: &RollupFilter, span: TimeBucketRange) -> Result<u64, RepositoryError> {
        let (_, _) = (filter, span);
        Ok(0)
    }

    /// How long jobs have run and waited in the hours of which the span has a part. Days that are kept by days count
    /// whole if their first hour is among them, and otherwise not.
    async fn durations(&self, filter: &RollupFilter, span: TimeBucketRange) -> Result<Durations, RepositoryError> {
        let (_, _) = (filter, span);
        Ok(Durations::default())
    }

    /// What is summed up of each job type in the span, for steps of time and reasons as [`durations`](Self::durations)
    /// says.
    async fn type_rollups(
        &self,
        filter: &RollupFilter,
        span: TimeBucketRange,
    ) -> Result<BTreeMap<JobType, TypeRollup>, RepositoryError> {
        let (_, _) = (filter, span);
        Ok(BTreeMap::new())
    }
}
