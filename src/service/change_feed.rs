//! Use cases of the change feed.

use std::sync::Arc;

use super::error::ServiceError;
use crate::domain::access::caller::{Caller, Scope};
use crate::domain::webhooks::change_feed::FeedCursor;
use crate::runtime::RuntimeHandle;
use crate::storage::query::FeedPage;
use crate::storage::repository::JobRepository;

/// Start position of a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadFrom {
    /// After a cursor, or at the oldest available change.
    After(FeedCursor),
    /// At the current end.
    Latest,
}

/// Use cases of the change feed.
#[derive(Clone)]
pub(crate) struct Changes {
    repository: Arc<dyn JobRepository>,
    runtime: RuntimeHandle,
}

impl Changes {
    /// The change feed of this storage.
    pub(crate) fn new(repository: Arc<dyn JobRepository>, runtime: RuntimeHandle) -> Self {
        Self { repository, runtime }
    }

    /// A page of the feed; large texts of its jobs may be missing. A cursor older than the retention is rejected,
    /// because changes after it are missing.
    pub(crate) async fn read(&self, caller: &Caller, from: ReadFrom, limit: u32) -> Result<FeedPage, ServiceError> {
        caller.require(Scope::Read)?;
        if !self.runtime.has_feed {
            return Err(ServiceError::FeedOff);
        }
        let after = match from {
            ReadFrom::After(after) => after,
            ReadFrom::Latest => {
                return Ok(FeedPage {
                    jobs: Vec::new(),
                    cursor: self.repository.feed_end().await?,
                    has_more: false,
                    has_gap: false,
                });
            }
        };
        let page = self.repository.feed_in_brief(after, limit).await?;
        if page.has_gap {
            return Err(ServiceError::FeedGap);
        }
        Ok(page)
    }
}
