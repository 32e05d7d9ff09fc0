//! Messages of the writer.

use actix::Message;
use tokio::sync::oneshot;

use super::error::WriteError;
use crate::storage::change::Change;
use crate::storage::commit::AuditEntry;
pub(crate) use crate::storage::commit::ChangeResult;

/// Receives the results of a write, in the order of its changes.
pub(crate) type WriteReply = oneshot::Sender<Result<Vec<ChangeResult>, WriteError>>;

/// Priority of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WritePriority {
    /// A client's write: rejected while too many rows wait.
    Client,
    /// A write of the server itself: never rejected.
    Internal,
    /// A write that no caller waits for: shares the commit of others, or is committed after
    /// [`COALESCE_DELAY`](super::limits::COALESCE_DELAY) if there is none.
    Background,
}

/// Commit these changes, then reply.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Write {
    pub(crate) changes: Vec<Change>,
    /// Audit records of the changes, by their positions in this write.
    pub(crate) audit: Vec<AuditEntry>,
    pub(crate) priority: WritePriority,
    pub(crate) reply: WriteReply,
}

/// Requests the number of rows that wait for a commit.
#[derive(Message)]
#[rtype(result = "usize")]
pub(crate) struct ReportPendingRows;
