//! Failures by fingerprint: reads.

use sea_orm::{ConnectionTrait, FromQueryResult, Statement};

use super::packed_day::{unpack_reasons, unreadable};
use super::spans::{Hours, days};
use super::statement::{Bound, failed, null, number};
use crate::domain::metrics::activity::Slice;
use crate::domain::metrics::activity_series::SeriesPoints;
use crate::domain::metrics::fingerprint::Fingerprint;
use crate::domain::metrics::rollup::{HOURS_PER_DAY, TIME_BUCKETS_PER_HOUR, TimeBucket, TimeBucketRange};
use crate::domain::values::name::JobType;
use crate::storage::query::{FailureSeen, JobSummary, RollupFilter};
use crate::storage::repository::RepositoryError;
use crate::storage::sea::jobs::list::COLUMNS;
use crate::storage::sea::jobs::read::{SummaryRow, summary};
use crate::storage::sea::repository::SeaRepository;

impl SeaRepository {
    pub(in crate::storage::sea) async fn read_failures_seen(
        &self,
        fingerprints: &[Fingerprint],
    ) -> Result<Vec<FailureSeen>, RepositoryError> {
        if fingerprints.is_empty() {
            return Ok(Vec::new());
        }
        let mut bound = Bound::default();
        let codes = bound.list(fingerprints.iter().map(|fingerprint| fingerprint.code()));
        let sql = format!(
            "SELECT fingerprint, job_type, reason, first_seen, last_seen FROM failure_fingerprints \
             WHERE fingerprint IN ({codes})"
        );
        let rows = self.read_sql(sql, bound).await?;
        rows.iter()
            .map(|row| {
                Ok(FailureSeen {
                    fingerprint: Fingerprint::from_code(row.try_get_by_index(0).map_err(failed)?),
                    job_type: JobType::from_stored(row.try_get_by_index::<String>(1).map_err(failed)?),
                    reason: row.try_get_by_index(2).map_err(failed)?,
                    first_seen: Slice(row.try_get_by_index(3).map_err(failed)?),
                    last_seen: Slice(row.try_get_by_index(4).map_err(failed)?),
                })
            })
            .collect()
    }

    pub(in crate::storage::sea) async fn read_failure_counts(
        &self,
        filter: &RollupFilter,
        reason: &str,
        spans: &[TimeBucketRange],
    ) -> Result<Vec<u64>, RepositoryError> {
        let mut counts = vec![0; spans.len()];
        let (Some(first), Some(last)) = (spans.first(), spans.last()) else {
            return Ok(counts);
        };
        let hours = Hours::of(TimeBucketRange {
            from: first.from,
            to: last.to,
        });
        let none = TimeBucketRange {
            from: TimeBucket(0),
            to: TimeBucket(0),
        };
        let Some(days) = days(none, &hours) else {
            return Ok(counts);
        };
        let mut bound = Bound::default();
        let packed = bound.packed(days, filter);
        let recent = bound.recent(filter);
        let (first, end) = (bound.place(hours.first), bound.place(hours.end));
        let of_reason = bound.place(reason);
        let sql = format!(
            "SELECT day, reasons, {} FROM rollup_days WHERE {packed} \
             UNION ALL SELECT hour, {}, CAST(SUM(count) AS bigint) FROM failure_reasons \
             WHERE hour >= {first} AND hour < {end} AND reason = {of_reason}{recent} GROUP BY hour",
            null("bigint"),
            null("bytea"),
        );
        let points = SeriesPoints::TimeBuckets(spans.to_vec());
        let mut add = |hour: i64, count: u64| {
            let point = points.of_time_bucket(TimeBucket(hour * TIME_BUCKETS_PER_HOUR));
            if let Some(counted) = point.and_then(|point| counts.get_mut(point)) {
                *counted += count;
            }
        };
        for row in self.read_sql(sql, bound).await? {
            let at: i64 = row.try_get_by_index(0).map_err(failed)?;
            let reasons: Option<Vec<u8>> = row.try_get_by_index(1).map_err(failed)?;
            let Some(reasons) = reasons else {
                add(at, number(&row, 2)?);
                continue;
            };
            unpack_reasons(&reasons, |hour, found, count| {
                if found == reason {
                    add(at * HOURS_PER_DAY + i64::try_from(hour).unwrap_or_default(), count);
                }
            })
            .ok_or_else(unreadable)?;
        }
        Ok(counts)
    }

    pub(in crate::storage::sea) async fn read_failed_jobs(
        &self,
        fingerprint: Fingerprint,
        limit: u32,
    ) -> Result<Vec<JobSummary>, RepositoryError> {
        // The order has the index's first column, so that no other index is chosen.
        let sql =
            format!("SELECT {COLUMNS} FROM jobs WHERE fingerprint = $1 ORDER BY fingerprint DESC, id DESC LIMIT $2");
        let values = [fingerprint.code().into(), i64::from(limit).into()];
        let statement = Statement::from_sql_and_values(self.backend(), sql, values);
        let rows = self.readers().query_all_raw(statement).await.map_err(failed)?;
        rows.iter()
            .map(|row| SummaryRow::from_query_result(row, "").map_err(failed))
            .map(|row| row.and_then(summary))
            .collect()
    }
}
