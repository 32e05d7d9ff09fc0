//! Statements that find due jobs for a claim, and the floors at which they begin.

use std::sync::Arc;
use std::time::Instant;

use sea_orm::{ConnectionTrait, DbBackend, Statement};
use tracing::debug;

use super::claim_floors::{FloorKey, SLOW, SLOW_PER_JOB};
use super::claim_order::{ClaimOrder, claim_key};
use crate::domain::job::Job;
use crate::domain::job::priority::Priority;
use crate::domain::job::status::JobStatus;
use crate::storage::change::Claim;
use crate::storage::sea::commit::context::CommitContext;
use crate::storage::sea::error::CommitFailure;
use crate::storage::sea::mapping::micros;
use crate::storage::sea::repository::SeaRepository;

/// Maximum number of pending jobs of other types that a claim passes over.
const OTHERS_MAX: i64 = 1_000;
/// Maximum number of types that are looked up one by one.
const TYPES_MAX: usize = 64;

impl CommitContext<'_> {
    /// The cheaper order for a claim.
    pub(crate) async fn claim_order(&self, claim: &Claim) -> Result<ClaimOrder, CommitFailure> {
        let Claim { queue, job_types, .. } = claim;
        if job_types.len() == 1 {
            return Ok(ClaimOrder::EachType);
        }
        if job_types.len() > TYPES_MAX {
            return Ok(ClaimOrder::AllTypes);
        }
        let orders = &self.repository.claim_orders;
        let key = claim_key(claim);
        if let Some(order) = orders.known(&key) {
            return Ok(order);
        }
        let places: Vec<String> = (2..2 + job_types.len()).map(|number| format!("${number}")).collect();
        let sql = format!(
            "SELECT CAST(COALESCE(SUM(count), 0) AS bigint) FROM job_counters WHERE queue = $1 AND status = {} \
             AND job_type NOT IN ({})",
            JobStatus::Pending.code(),
            places.join(", ")
        );
        let values = std::iter::once(queue.as_str())
            .chain(job_types.iter().map(|job_type| job_type.as_str()))
            .map(sea_orm::Value::from);
        let statement = Statement::from_sql_and_values(self.backend(), sql, values);
        let started = Instant::now();
        let row = self.transaction.query_one_raw(statement).await?;
        let others: i64 = row.map_or(Ok(0), |row| row.try_get_by_index(0))?;
        let order = if others > OTHERS_MAX {
            ClaimOrder::EachType
        } else {
            ClaimOrder::AllTypes
        };
        orders.insert(key, order, started.elapsed());
        Ok(order)
    }
}

/// The ids of due jobs on SQLite, the most urgent priority first: `$1` is now, `$3` the queue, `$4` how many; the types
/// follow.
pub(crate) fn sqlite_due(order: ClaimOrder, types: usize) -> String {
    let places: Vec<String> = (5..5 + types).map(|number| format!("${number}")).collect();
    let of_each = Priority::BY_URGENCY.map(|priority| {
        let priority = priority.code();
        let of = |index: &str, is_type: &str| {
            format!(
                "SELECT id, due_at FROM jobs INDEXED BY {index} WHERE status = 0 AND claimed_by IS NULL AND queue = $3 \
                 AND priority = {priority} AND due_at <= $1 AND {is_type} ORDER BY due_at, id LIMIT $4"
            )
        };
        match order {
            ClaimOrder::AllTypes => {
                let due = of("jobs_to_claim", &format!("job_type IN ({})", places.join(", ")));
                format!("SELECT id FROM ({due})")
            }
            ClaimOrder::EachType => {
                let parts = places
                    .iter()
                    .map(|place| of("jobs_to_claim_by_type", &format!("job_type = {place}")));
                let parts: Vec<String> = parts.map(|part| format!("SELECT * FROM ({part})")).collect();
                match parts.as_slice() {
                    [part] => format!("SELECT id FROM ({part})"),
                    parts => format!(
                        "SELECT id FROM (SELECT * FROM ({}) ORDER BY due_at, id LIMIT $4)",
                        parts.join(" UNION ALL ")
                    ),
                }
            }
        }
    });
    // In sequence, until there are enough.
    format!("{} LIMIT $4", of_each.join(" UNION ALL "))
}

/// How the due jobs of a priority are found and locked on PostgreSQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PostgresDue {
    /// In sequence, in the order of an index: only claimed jobs are locked.
    InOrder,
    /// The first of each type are candidates, and as many are locked as are taken. The statement has the CTE
    /// `candidates`.
    OfCandidates,
    /// The first of each type that are not locked, each of which is locked.
    OfEachType,
}

impl PostgresDue {
    /// The way of a claim in this order.
    pub(crate) fn of(order: ClaimOrder, types: usize) -> Self {
        match order {
            ClaimOrder::EachType if types > 1 => Self::OfCandidates,
            ClaimOrder::EachType | ClaimOrder::AllTypes => Self::InOrder,
        }
    }
}

/// CTEs of which `due` has the ids of due jobs of a priority on PostgreSQL, locked: `$1` is now, `$3` the queue, `$4`
/// the priority, `$5` the types, `$6` how many. Jobs due before the floor, a parameter, are left out.
pub(crate) fn postgres_due(order: ClaimOrder, due: PostgresDue, floor: Option<usize>) -> String {
    const LOCK: &str = "FOR UPDATE SKIP LOCKED";
    let floor = floor.map_or_else(String::new, |number| format!("AND due_at >= ${number} "));
    let of = |is_type: &str, lock: &str| {
        format!(
            "SELECT id, due_at FROM jobs WHERE status = 0 AND claimed_by IS NULL AND queue = $3 AND priority = $4 \
             AND due_at <= $1 {floor}AND {is_type} ORDER BY due_at, id LIMIT $6 {lock}"
        )
    };
    let of_each = |lock: &str| {
        format!(
            "SELECT first.id, first.due_at FROM unnest($5::text[]) AS wanted (job_type) CROSS JOIN LATERAL ({}) AS first \
             ORDER BY first.due_at, first.id",
            of("jobs.job_type = wanted.job_type", lock)
        )
    };
    // A subquery could be planned to run again for each row, and then lock and take more than its limit.
    match (due, order) {
        // An expression, for which there is no index: in that one the jobs of several types are not in their order.
        (PostgresDue::InOrder, ClaimOrder::AllTypes) => {
            format!("due AS MATERIALIZED ({})", of("(job_type || '') = ANY($5)", LOCK))
        }
        (PostgresDue::InOrder, ClaimOrder::EachType) => {
            format!("due AS MATERIALIZED ({})", of("job_type = ($5::text[])[1]", LOCK))
        }
        // Candidates are locked one by one in their order until there are enough. `status + 0`: by their ids, see
        // `attempts::start_sql`.
        (PostgresDue::OfCandidates, _) => format!(
            "candidates AS MATERIALIZED ({}), due AS MATERIALIZED (SELECT free.id FROM candidates CROSS JOIN LATERAL \
             (SELECT id FROM jobs WHERE jobs.id = candidates.id AND jobs.status + 0 = 0 AND jobs.claimed_by IS NULL AND jobs.due_at <= $1 {LOCK}) AS free \
             LIMIT $6)",
            of_each("")
        ),
        // Rows that are locked and not claimed are unlocked at the end of the commit.
        (PostgresDue::OfEachType, _) => format!("due AS MATERIALIZED ({} LIMIT $6)", of_each(LOCK)),
    }
}

/// The statement that reads the earliest due time below a floor on PostgreSQL: `$1` is the queue, `$2` the priority, `$3`
/// the types, `$4` the floor.
pub(crate) fn below_floor(order: ClaimOrder) -> String {
    let first = |is_type: &str| {
        format!(
            "SELECT due_at FROM jobs WHERE status = 0 AND claimed_by IS NULL AND queue = $1 AND priority = $2 \
             AND due_at < $4 AND {is_type} ORDER BY due_at, id LIMIT 1"
        )
    };
    match order {
        ClaimOrder::AllTypes => {
            format!(
                "SELECT MIN(due_at) FROM ({}) AS first",
                first("(job_type || '') = ANY($3)")
            )
        }
        ClaimOrder::EachType => format!(
            "SELECT MIN(first.due_at) FROM unnest($3::text[]) AS wanted (job_type) CROSS JOIN LATERAL ({}) AS first",
            first("jobs.job_type = wanted.job_type")
        ),
    }
}

/// A claim of a priority, timed.
pub(super) struct FlooredClaim {
    key: FloorKey,
    /// The due time at which it begins.
    pub(super) floor: Option<i64>,
    started: Instant,
}

impl SeaRepository {
    /// Begins a claim of a priority.
    pub(super) fn begin_claim(&self, claim: &Claim, priority: Priority) -> FlooredClaim {
        let key = (claim_key(claim), priority);
        FlooredClaim {
            floor: self.claim_floors.floor(&key),
            key,
            started: Instant::now(),
        }
    }

    /// Records the jobs of a claim. `has_all` if no due job is left that it could have claimed.
    pub(super) fn end_claim(
        &self,
        claim: &Claim,
        order: ClaimOrder,
        of: FlooredClaim,
        (claimed, has_all): (&[Arc<Job>], bool),
    ) {
        let FlooredClaim { key, floor, started } = of;
        let count = u32::try_from(claimed.len()).unwrap_or(u32::MAX);
        let is_slow = started.elapsed() >= SLOW + SLOW_PER_JOB * count;
        let last = claimed.iter().map(|job| micros(job.due_at)).max();
        let end = if has_all { Some(micros(claim.now)) } else { last };
        if let Some(end) = end {
            self.claim_floors.record(&key, floor, end, is_slow);
        }
        if let Some(floor) = self.claim_floors.due_read(&key) {
            self.read_below(claim, order, key, floor);
        }
    }

    /// Reads below a floor, beside the commits.
    fn read_below(&self, claim: &Claim, order: ClaimOrder, key: FloorKey, floor: i64) {
        let names: Vec<String> = claim
            .job_types
            .iter()
            .map(|job_type| job_type.as_str().to_owned())
            .collect();
        let values = [
            claim.queue.as_str().into(),
            key.1.code().into(),
            names.into(),
            floor.into(),
        ];
        let statement = Statement::from_sql_and_values(DbBackend::Postgres, below_floor(order), values);
        let (floors, link) = (self.claim_floors.clone(), self.pools.internal());
        tokio::spawn(async move {
            let started = Instant::now();
            let earliest = async {
                match link.query_one_raw(statement).await? {
                    Some(row) => row.try_get_by_index::<Option<i64>>(0),
                    None => Ok(None),
                }
            };
            let read = match earliest.await {
                Ok(earliest) => Some((earliest, started.elapsed())),
                Err(failure) => {
                    debug!("reading the jobs below the floor of a claim failed: {failure}");
                    None
                }
            };
            floors.record_read(&key, read);
        });
    }
}
