//! When a type has failed for a reason first and last, as rows by fingerprint.
//!
//! On PostgreSQL a row is only written when it changes: nodes that fail for the same reason would wait for each other in
//! each commit.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, DbBackend, DbErr};

use super::bulk_values::{Kind, Rows};
use crate::domain::metrics::activity::Slice;
use crate::domain::metrics::fingerprint::Fingerprint;
use crate::domain::values::name::JobType;

const SEEN: &[Kind] = &[Kind::Big, Kind::Text, Kind::Text, Kind::Big, Kind::Big];

const COLUMNS: &str = "fingerprint, job_type, reason, first_seen, last_seen";

/// The first and last slice of failures, sorted by fingerprint.
pub(crate) fn seen_rows(seen: BTreeMap<(JobType, String), (Slice, Slice)>) -> Rows {
    let seen: BTreeMap<Fingerprint, _> = seen
        .into_iter()
        .map(|((job_type, reason), slices)| (Fingerprint::of(&job_type, &reason), (job_type, reason, slices)))
        .collect();
    let mut rows = Rows::new(SEEN, seen.len());
    for (fingerprint, (job_type, reason, (first, last))) in seen {
        rows.push([
            fingerprint.code().into(),
            job_type.as_str().into(),
            reason.into(),
            first.0.into(),
            last.0.into(),
        ]);
    }
    rows
}

/// The statement that adds rows. "WHERE" as in [`super::counters::count_jobs_sql`].
pub(crate) fn seen_sql(source: &str, backend: DbBackend) -> String {
    let (condition, conflict) = if backend == DbBackend::Postgres {
        (
            format!(" AND {}", is_change("c1", "c4", "c5")),
            conflict("LEAST", "GREATEST"),
        )
    } else {
        (String::new(), conflict("MIN", "MAX"))
    };
    format!(
        "INSERT INTO failure_fingerprints ({COLUMNS}) SELECT c1, c2, c3, c4, c5 FROM {source} AS v \
         WHERE c1 IS NOT NULL{condition} {conflict}"
    )
}

/// Adds rows to the stored ones. Returns their number.
pub(crate) async fn write_seen(rows: Rows, connection: &impl ConnectionTrait) -> Result<u64, DbErr> {
    let backend = connection.get_database_backend();
    rows.execute(connection, |source| seen_sql(source, backend)).await
}

/// The part of a PostgreSQL statement that adds the failures of `marks`: see [`super::rollup_writer::postgres_steps`].
pub(crate) fn postgres_seen() -> String {
    format!(
        "seen AS (INSERT INTO failure_fingerprints ({COLUMNS}) \
         SELECT c15, MIN(job_type), MIN(c13), MIN(c14), MAX(c14) FROM marks WHERE c13 IS NOT NULL AND {} \
         GROUP BY c15 ORDER BY c15 {})",
        is_change("c15", "c14", "c14"),
        conflict("LEAST", "GREATEST")
    )
}

fn is_change(fingerprint: &str, first: &str, last: &str) -> String {
    format!(
        "NOT EXISTS (SELECT 1 FROM failure_fingerprints AS f WHERE f.fingerprint = {fingerprint} \
         AND f.first_seen <= {first} AND f.last_seen >= {last})"
    )
}

fn conflict(min: &str, max: &str) -> String {
    format!(
        "ON CONFLICT (fingerprint) DO UPDATE SET \
         first_seen = {min}(failure_fingerprints.first_seen, excluded.first_seen), \
         last_seen = {max}(failure_fingerprints.last_seen, excluded.last_seen)"
    )
}
