//! The indexes that can lead a list of jobs: conditions of its filter, and pairs of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use sea_orm::Value;

use crate::domain::job::priority::Priority;
use crate::domain::job::status::JobStatus;
use crate::storage::query::FilterParts;

/// Maximum number of values of a leading condition, each of which is a part of the statement
/// (`service/limits/read_cost.rs` relies on it).
pub(super) const PARTS_MAX: usize = 16;

/// A condition of a filter.
pub(super) struct Condition {
    pub(super) column: Column,
    /// The values of which a job must have one.
    pub(super) values: Vec<Given>,
}

/// A value of a condition.
pub(super) enum Given {
    /// A literal number, so that the planner can use a partial index.
    Number(i16),
    /// Other conditions.
    Bound(Value),
}

/// Subject of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Recurring,
    Fingerprint,
    Status,
    Queue,
    JobType,
    Priority,
}

impl Column {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Recurring => "recurring_id",
            Self::Fingerprint => "fingerprint",
            Self::Status => "status",
            Self::Queue => "queue",
            Self::JobType => "job_type",
            Self::Priority => "priority",
        }
    }

    /// The type of its values on PostgreSQL.
    pub(super) const fn sql_type(self) -> &'static str {
        match self {
            Self::Recurring => "uuid",
            Self::Fingerprint => "bigint",
            Self::Status | Self::Priority => "smallint",
            Self::Queue | Self::JobType => "text",
        }
    }

    /// Additional condition of a partial index, so that the planner uses it.
    pub(super) const fn partial(self) -> &'static str {
        match self {
            Self::Recurring => " AND recurring_id IS NOT NULL",
            Self::Fingerprint => " AND fingerprint IS NOT NULL",
            Self::Priority => " AND priority <> 1",
            Self::Status | Self::Queue | Self::JobType => "",
        }
    }

    /// True if counters have its values. Without counters the index of the column leads: few jobs have one of its values.
    pub(super) const fn is_counted(self) -> bool {
        match self {
            Self::Recurring | Self::Fingerprint => false,
            Self::Status | Self::Queue | Self::JobType | Self::Priority => true,
        }
    }
}

/// Two conditions with a partial index (first, second, id).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) first: Column,
    pub(super) second: Column,
    pub(super) index: &'static str,
    /// The condition of the index, as it is written there: SQLite compares texts.
    pub(super) partial: &'static str,
    /// Codes of the second column that the index contains.
    codes: &'static [i16],
}

pub(super) const PAIRS: [Pair; 3] = [
    Pair {
        first: Column::Queue,
        second: Column::Status,
        index: "jobs_ended_by_queue",
        partial: "status IN (3, 4)",
        codes: &[JobStatus::Failed.code(), JobStatus::Cancelled.code()],
    },
    Pair {
        first: Column::JobType,
        second: Column::Status,
        index: "jobs_ended_by_type",
        partial: "status IN (3, 4)",
        codes: &[JobStatus::Failed.code(), JobStatus::Cancelled.code()],
    },
    Pair {
        first: Column::Queue,
        second: Column::Priority,
        index: "jobs_by_queue_and_priority",
        partial: "priority <> 1",
        codes: &[Priority::Low.code(), Priority::High.code(), Priority::Critical.code()],
    },
];

impl Pair {
    /// The two conditions, if a filter has them and the index all of their jobs.
    pub(super) fn of<'a>(&self, conditions: &'a [Condition]) -> Option<(&'a Condition, &'a Condition)> {
        let find = |column: Column| conditions.iter().find(|condition| condition.column == column);
        let (first, second) = (find(self.first)?, find(self.second)?);
        let is_in = |value: &Given| matches!(value, Given::Number(code) if self.codes.contains(code));
        let parts = first.values.len() * second.values.len();
        (parts <= PARTS_MAX && second.values.iter().all(is_in)).then_some((first, second))
    }
}

impl Condition {
    /// True if an index can lead with it. Jobs of normal priority have no index of their own: they are too many for one
    /// to be worth its price.
    pub(super) fn can_lead(&self) -> bool {
        let is_normal = |value: &Given| matches!(value, Given::Number(code) if *code == Priority::Normal.code());
        self.values.len() <= PARTS_MAX && (self.column != Column::Priority || !self.values.iter().any(is_normal))
    }
}

/// The index that a list follows.
#[derive(Clone, Copy)]
pub(super) enum Leading {
    /// The primary key.
    Key,
    Column(Column),
    Pair(&'static Pair),
    /// The indexes of the pending jobs of a queue, all of which are read.
    Pending,
    /// Nothing: there is no such job.
    Empty,
}

impl Leading {
    pub(super) fn has(self, column: Column) -> bool {
        match self {
            Self::Key | Self::Empty => false,
            Self::Column(leading) => leading == column,
            Self::Pair(pair) => pair.first == column || pair.second == column,
            Self::Pending => column == Column::Queue || column == Column::Status,
        }
    }
}

/// The conditions of a filter that an index (condition, id) serves.
pub(super) fn conditions(parts: &FilterParts<'_>) -> Vec<Condition> {
    let bound = |value: Value| Given::Bound(value);
    let names = |names: &BTreeSet<Arc<str>>| names.iter().map(|name| bound((&**name).into())).collect();
    let conditions: [(Column, Option<Vec<Given>>); 6] = [
        (
            Column::Recurring,
            (parts.recurring.as_ref()).map(|ids| ids.iter().map(|id| bound(id.as_uuid().into())).collect()),
        ),
        (
            Column::Fingerprint,
            (parts.fingerprints.as_ref()).map(|values| values.iter().map(|value| bound(value.code().into())).collect()),
        ),
        (
            Column::Status,
            (parts.statuses.as_ref())
                .map(|statuses| statuses.iter().map(|status| Given::Number(status.code())).collect()),
        ),
        (Column::Queue, parts.queues.as_ref().map(names)),
        (Column::JobType, parts.job_types.as_ref().map(names)),
        (
            Column::Priority,
            (parts.priorities.as_ref()).map(|priorities| {
                priorities
                    .iter()
                    .map(|priority| Given::Number(priority.code()))
                    .collect()
            }),
        ),
    ];
    let conditions = conditions.into_iter();
    conditions
        .filter_map(|(column, values)| values.map(|values| Condition { column, values }))
        .collect()
}
