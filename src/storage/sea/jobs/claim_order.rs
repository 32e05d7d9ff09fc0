//! How a claim finds due jobs: in the order of due times, passing over other types, or type by type.
//!
//! The first way costs as much as there are due jobs of other types before the wanted ones, the second as much as there are
//! wanted types. So one type is looked up by itself, and several are when many other jobs are pending in the queue.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait, Statement};

use crate::domain::job::priority::Priority;
use crate::domain::job::status::JobStatus;
use crate::domain::values::name::QueueName;
use crate::storage::change::Claim;
use crate::storage::sea::commit::Commit;
use crate::storage::sea::error::CommitFailure;

/// How many pending jobs of other types a claim may pass over.
const OTHERS_MAX: i64 = 1_000;
/// How many types are looked up one by one.
const TYPES_MAX: usize = 64;
/// How long it is known how many jobs of other types a queue has.
const KNOWN_FOR: Duration = Duration::from_secs(1);
/// For how many queues and sets of types it is known.
const KNOWN_MAX: usize = 10_000;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClaimOrder {
    /// In the order of due times.
    AllTypes,
    /// Each type by itself.
    EachType,
}

/// A queue, and the hash of the types that are wanted of it.
type Wanted = (QueueName, u64);

/// The way of the latest claims.
#[derive(Default)]
pub(crate) struct ClaimOrders(Mutex<HashMap<Wanted, (Instant, ClaimOrder)>>);

impl ClaimOrders {
    fn known(&self, wanted: &Wanted) -> Option<ClaimOrder> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, order) = known.get(wanted)?;
        (at.elapsed() < KNOWN_FOR).then_some(*order)
    }

    fn note(&self, wanted: Wanted, order: ClaimOrder) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(wanted, (Instant::now(), order));
    }
}

fn wanted(claim: &Claim) -> Wanted {
    let mut hasher = DefaultHasher::new();
    claim.job_types.hash(&mut hasher);
    (claim.queue.clone(), hasher.finish())
}

impl Commit<'_> {
    /// The cheaper way for a claim.
    pub(crate) async fn claim_order(&self, claim: &Claim) -> Result<ClaimOrder, CommitFailure> {
        let Claim { queue, job_types, .. } = claim;
        if job_types.len() == 1 {
            return Ok(ClaimOrder::EachType);
        }
        if job_types.len() > TYPES_MAX {
            return Ok(ClaimOrder::AllTypes);
        }
        let orders = &self.repository.claim_orders;
        let wanted = wanted(claim);
        if let Some(order) = orders.known(&wanted) {
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
        let row = self.transaction.query_one_raw(statement).await?;
        let others: i64 = row.map_or(Ok(0), |row| row.try_get_by_index(0))?;
        let order = if others > OTHERS_MAX {
            ClaimOrder::EachType
        } else {
            ClaimOrder::AllTypes
        };
        orders.note(wanted, order);
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
                "SELECT id, due_at FROM jobs INDEXED BY {index} WHERE status = 0 AND queue = $3 AND priority = {priority} \
                 AND due_at <= $1 AND {is_type} ORDER BY due_at, id LIMIT $4"
            )
        };
        match order {
            ClaimOrder::AllTypes => {
                let due = of("jobs_to_start", &format!("job_type IN ({})", places.join(", ")));
                format!("SELECT id FROM ({due})")
            }
            ClaimOrder::EachType => {
                let parts = places
                    .iter()
                    .map(|place| of("jobs_to_start_by_type", &format!("job_type = {place}")));
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
    // One after the other, until there are enough.
    format!("{} LIMIT $4", of_each.join(" UNION ALL "))
}

/// How the due jobs of a priority are found and locked on PostgreSQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PostgresDue {
    /// One after the other in the order of an index: no more jobs are locked than are taken.
    InOrder,
    /// The first of each type are candidates, and as many are locked as are taken. The statement has the CTE `candidates`.
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

/// CTEs of which `due` has the ids of due jobs of a priority on PostgreSQL, locked: `$1` is now, `$3` the queue, `$4` the
/// priority, `$5` the types, `$6` how many.
pub(crate) fn postgres_due(order: ClaimOrder, due: PostgresDue) -> String {
    const LOCK: &str = "FOR UPDATE SKIP LOCKED";
    let of = |is_type: &str, lock: &str| {
        format!(
            "SELECT id, due_at FROM jobs WHERE status = 0 AND queue = $3 AND priority = $4 AND due_at <= $1 AND {is_type} \
             ORDER BY due_at, id LIMIT $6 {lock}"
        )
    };
    let of_each = |lock: &str| {
        format!(
            "SELECT first.id, first.due_at FROM unnest($5::text[]) AS wanted (job_type) CROSS JOIN LATERAL ({}) AS first \
             ORDER BY first.due_at, first.id",
            of("jobs.job_type = wanted.job_type", lock)
        )
    };
    // A subquery could be planned to run anew for each row, and then lock and take more than its limit.
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
             (SELECT id FROM jobs WHERE jobs.id = candidates.id AND jobs.status + 0 = 0 AND jobs.due_at <= $1 {LOCK}) AS free \
             LIMIT $6)",
            of_each("")
        ),
        // What is locked and not taken is free again at the end of the commit.
        (PostgresDue::OfEachType, _) => format!("due AS MATERIALIZED ({} LIMIT $6)", of_each(LOCK)),
    }
}
