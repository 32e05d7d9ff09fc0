//! Lists of recurring jobs: filter, order and cursor.

use std::cmp::Reverse;
use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::domain::recurring::{RecurringId, RecurringJob};
use crate::domain::values::name::{JobType, QueueName};

/// A filter of recurring jobs; an empty one selects all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecurringFilter {
    /// A part of the name, of the type or of the key, in any case of ASCII letters.
    pub text: Option<Arc<str>>,
    /// Enabled or disabled.
    pub is_enabled: Option<bool>,
    /// The type.
    pub job_type: Option<JobType>,
    /// The queue in the template.
    pub queue: Option<QueueName>,
}

impl RecurringFilter {
    /// Returns whether the filter selects a recurring job.
    pub fn matches(&self, recurring: &RecurringJob) -> bool {
        let Self {
            text,
            is_enabled,
            job_type,
            queue,
        } = self;
        let template = &recurring.template;
        let contains = |field: &str, part: &str| field.to_ascii_lowercase().contains(&part.to_ascii_lowercase());
        text.as_ref().is_none_or(|text| {
            let key = recurring.key.as_ref().map_or("", |key| key.as_str());
            [template.name.as_str(), template.job_type.as_str(), key]
                .iter()
                .any(|field| contains(field, text))
        }) && is_enabled.is_none_or(|is_enabled| recurring.is_enabled == is_enabled)
            && job_type.as_ref().is_none_or(|job_type| template.job_type == *job_type)
            && queue
                .as_ref()
                .is_none_or(|queue| template.queue.as_ref() == Some(queue))
    }
}

/// The order of a list of recurring jobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RecurringOrder {
    /// The newest first.
    #[default]
    NewestFirst,
    /// The next due time first; those without one last.
    NextRun,
    /// By name.
    Name,
}

/// The place of a recurring job in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecurringCursor {
    /// By age.
    NewestFirst(RecurringId),
    /// By the next due time.
    NextRun(Option<DateTime<Utc>>, RecurringId),
    /// By name.
    Name(Arc<str>, RecurringId),
}

impl RecurringCursor {
    /// The place of a recurring job in this order.
    pub fn of(order: RecurringOrder, recurring: &RecurringJob) -> Self {
        match order {
            RecurringOrder::NewestFirst => Self::NewestFirst(recurring.id),
            RecurringOrder::NextRun => Self::NextRun(recurring.next_run_at, recurring.id),
            RecurringOrder::Name => Self::Name(Arc::from(recurring.template.name.as_str()), recurring.id),
        }
    }

    /// Parses the text of a place in this order.
    pub fn parse(order: RecurringOrder, text: &str) -> Result<Self, String> {
        let invalid = || {
            let given: String = text.chars().take(64).collect();
            format!("'{given}' is not the endCursor of a page in this order")
        };
        let (key, id) = match order {
            RecurringOrder::NewestFirst => ("", text),
            RecurringOrder::NextRun | RecurringOrder::Name => text.rsplit_once('/').ok_or_else(invalid)?,
        };
        let id = RecurringId::parse(id).map_err(|_| invalid())?;
        Ok(match order {
            RecurringOrder::NewestFirst => Self::NewestFirst(id),
            RecurringOrder::NextRun if key.is_empty() => Self::NextRun(None, id),
            RecurringOrder::NextRun => {
                let time = key.parse().ok().and_then(DateTime::from_timestamp_micros);
                Self::NextRun(Some(time.ok_or_else(invalid)?), id)
            }
            RecurringOrder::Name => Self::Name(Arc::from(key), id),
        })
    }

    /// Returns whether a recurring job follows this place in its order.
    pub(crate) fn is_before(&self, recurring: &RecurringJob) -> bool {
        match self {
            Self::NewestFirst(id) => recurring.id < *id,
            Self::NextRun(at, id) => {
                (recurring.next_run_at.is_none(), recurring.next_run_at, recurring.id) > (at.is_none(), *at, *id)
            }
            Self::Name(name, id) => (recurring.template.name.as_str(), recurring.id) > (&**name, *id),
        }
    }
}

impl fmt::Display for RecurringCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NewestFirst(id) => write!(f, "{id}"),
            Self::NextRun(None, id) => write!(f, "/{id}"),
            Self::NextRun(Some(at), id) => write!(f, "{}/{id}", at.timestamp_micros()),
            Self::Name(name, id) => write!(f, "{name}/{id}"),
        }
    }
}

/// A page of the recurring jobs that a filter selects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecurringSelection {
    /// The filter.
    pub filter: RecurringFilter,
    /// The order.
    pub order: RecurringOrder,
    /// The page follows this place, whose order it has.
    pub after: Option<RecurringCursor>,
    /// Maximum number of entries.
    pub limit: u32,
    /// Number of entries to skip.
    pub offset: u64,
}

impl RecurringSelection {
    /// The ids of the page, from all recurring jobs.
    pub(crate) fn select(&self, all: Vec<Arc<RecurringJob>>) -> SelectedRecurring {
        let mut selected = all;
        selected.retain(|recurring| self.filter.matches(recurring));
        let total = u64::try_from(selected.len()).unwrap_or(u64::MAX);
        match self.order {
            RecurringOrder::NewestFirst => selected.sort_by_key(|recurring| Reverse(recurring.id)),
            RecurringOrder::NextRun => {
                selected
                    .sort_by_key(|recurring| (recurring.next_run_at.is_none(), recurring.next_run_at, recurring.id));
            }
            RecurringOrder::Name => selected.sort_by(|one, other| {
                let key = |recurring: &RecurringJob| (recurring.template.name.to_string(), recurring.id);
                key(one).cmp(&key(other))
            }),
        }
        let behind = selected.iter().filter(|recurring| {
            let after = self.after.as_ref();
            after.is_none_or(|after| after.is_before(recurring))
        });
        let mut ids = behind
            .map(|recurring| recurring.id)
            .skip(usize::try_from(self.offset).unwrap_or(usize::MAX));
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        SelectedRecurring {
            ids: ids.by_ref().take(limit).collect(),
            has_more: ids.next().is_some(),
            total,
        }
    }
}

/// The ids of a page of recurring jobs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SelectedRecurring {
    /// The ids, in the order of the page.
    pub ids: Vec<RecurringId>,
    /// True if more follow.
    pub has_more: bool,
    /// Number of recurring jobs on all pages.
    pub total: u64,
}
