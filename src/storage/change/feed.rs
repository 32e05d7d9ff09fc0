//! Changes of readers of the change feed.

use std::sync::Arc;

use crate::domain::values::id::NodeId;
use crate::domain::webhooks::change_feed::FeedCursor;
use crate::storage::applied::{Applied, ChangeError};

/// A change of a reader of the change feed.
#[derive(Clone, Debug)]
pub enum FeedChange {
    /// Assigns a reader of the feed to a node: no other moves its cursor while the node is alive. A reader that is named for
    /// the first time is created at the start of the feed. → [`Applied::HeldReader`] or [`ChangeError::NoLease`].
    Hold {
        /// The reader's name; not empty.
        reader: Arc<str>,
        /// The node.
        node: NodeId,
    },
    /// Moves a reader's cursor, if the node holds the reader. → [`Applied::Updated`] or [`ChangeError::Conflict`].
    Move {
        /// The reader's name.
        reader: Arc<str>,
        /// The node that moves it.
        node: NodeId,
        /// The new position.
        to: FeedCursor,
    },
}

impl FeedChange {
    /// The result for a storage without a change feed.
    pub(super) fn unsupported(&self) -> Result<Applied, ChangeError> {
        match self {
            Self::Hold { .. } => Ok(Applied::HeldReader(None)),
            Self::Move { .. } => Err(ChangeError::Unsupported {
                what: "the change feed",
            }),
        }
    }
}
