//! Use cases of the feed of changed jobs.

use std::sync::Arc;

use super::error::ServiceError;
use crate::domain::access::caller::{Caller, Scope};
use crate::domain::webhooks::change_feed::FeedCursor;
use crate::runtime::RuntimeHandle;
use crate::storage::query::FeedPage;
use crate::storage::repository::JobRepository;

/// Where a reader begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadFrom {
    /// After a place that was given before, or at the oldest change that is kept.
    After(FeedCursor),
    /// At the end, as it is now.
    Latest,
}

/// Use cases of the feed of changed jobs.
#[derive(Clone)]
pub struct Changes {
    repository: Arc<dyn JobRepository>,
    runtime: RuntimeHandle,
}

impl Changes {
    /// The feed of this storage.
    pub fn new(repository: Arc<dyn JobRepository>, runtime: RuntimeHandle) -> Self {
        Self { repository, runtime }
    }

    /// A part of the feed, its jobs without their large texts: those may be there or not. A cursor that is older than what is kept is refused: its reader would miss something.
    pub async fn read(&self, caller: &Caller, from: ReadFrom, limit: u32) -> Result<FeedPage, ServiceError> {
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
