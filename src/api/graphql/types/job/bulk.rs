//! Result of a bulk change of jobs.

use async_graphql::SimpleObject;

use crate::api::graphql::types::int::int;
use crate::service::jobs::bulk::Changed;

/// Result of a bulk change of jobs.
#[derive(Debug, SimpleObject)]
pub(crate) struct ChangedJobs {
    /// Number of changed jobs.
    count: i32,
    /// True if `limit` was reached and more jobs may match the filter: repeat the request.
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
