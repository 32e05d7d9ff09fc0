//! The feed of changed jobs and its readers.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::apply::Outcome;
use super::tables::Tables;
use crate::domain::values::id::{JobId, NodeId};
use crate::domain::webhooks::change_feed::FeedCursor;
use crate::storage::change::{Applied, ChangeError};
use crate::storage::outbox::FeedEntry;
use crate::storage::query::FeedPage;

/// One lock makes one order: there is only one transaction at a time.
fn place(number: i64) -> FeedCursor {
    FeedCursor { transaction: 0, number }
}

impl Tables {
    pub(super) fn extend_feed(&mut self, entries: &[FeedEntry]) {
        for entry in entries {
            self.feed_numbered += 1;
            self.feed.insert(self.feed_numbered, *entry);
        }
    }

    pub(super) fn hold_reader(&mut self, reader: &Arc<str>, node: NodeId, now: DateTime<Utc>) -> Outcome {
        if !self.holds_lease(node, now) {
            return Err(ChangeError::NoLease);
        }
        let cursor = match self.readers.get(reader) {
            Some((_, holder)) if *holder != node && self.holds_lease(*holder, now) => {
                return Ok(Applied::HeldReader(None));
            }
            Some((cursor, _)) => *cursor,
            None => FeedCursor::START,
        };
        self.readers.insert(Arc::clone(reader), (cursor, node));
        Ok(Applied::HeldReader(Some(cursor)))
    }

    pub(super) fn move_reader(&mut self, reader: &Arc<str>, node: NodeId, to: FeedCursor) -> Outcome {
        match self.readers.get_mut(reader) {
            Some((cursor, holder)) if *holder == node => {
                *cursor = to;
                Ok(Applied::Updated)
            }
            Some(_) | None => Err(ChangeError::Conflict),
        }
    }

    pub(super) fn prune_feed(&mut self, before: DateTime<Utc>, limit: u32) -> usize {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let first = self.feed.iter().take(limit);
        let old: Vec<i64> = first
            .filter(|(_, entry)| entry.at < before)
            .map(|(number, _)| *number)
            .collect();
        for number in &old {
            self.feed.remove(number);
            self.feed_removed = *number;
        }
        old.len()
    }

    pub(super) fn feed_page(&self, after: FeedCursor, limit: u32) -> FeedPage {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut entries = self.feed.range(after.number.saturating_add(1)..);
        let page: Vec<(&i64, &FeedEntry)> = entries.by_ref().take(limit).collect();
        let mut ids: Vec<JobId> = Vec::new();
        for (_, entry) in &page {
            // Each once, at its last change.
            ids.retain(|id| *id != entry.job_id);
            ids.push(entry.job_id);
        }
        FeedPage {
            jobs: ids.into_iter().map(|id| (id, self.job(id).cloned())).collect(),
            cursor: page.last().map_or(after, |(number, _)| place(**number)),
            has_more: entries.next().is_some(),
            has_gap: after != FeedCursor::START && after < place(self.feed_removed),
        }
    }

    pub(super) fn feed_end(&self) -> FeedCursor {
        place(self.feed_numbered)
    }
}
