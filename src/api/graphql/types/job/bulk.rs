//! What a change of many jobs has done.

use async_graphql::SimpleObject;

use crate::api::graphql::types::int::int;
use crate::service::jobs::bulk::Changed;

/// What a change of many jobs has done.
#[derive(Debug, SimpleObject)]
pub(crate) struct ChangedJobs {
    /// How many jobs were changed.
    count: i32,
    /// Whether `limit` was reached and the filter may mean more: ask again.
    has_more: bool,
}

impl From<Changed> for ChangedJobs {
    fn from(changed: Changed) -> Self {
        let Changed { count, has_more } = changed;
        Self {
            count: int(count),
            has_more,
        }
    }
}
