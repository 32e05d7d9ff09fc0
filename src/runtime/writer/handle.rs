//! Access to the writer.

use actix::Addr;
use actix::prelude::SendError;
use tokio::sync::oneshot;

use super::error::WriteError;
use super::group_commit::Writer;
use super::messages::{ChangeResult, ReportPendingRows, Write, WritePriority};
use crate::storage::change::Change;
use crate::storage::commit::AuditEntry;

/// A handle to the writer. Cheap to clone.
#[derive(Clone)]
pub struct WriterHandle {
    address: Addr<Writer>,
}

impl WriterHandle {
    /// A handle to the writer at this address.
    pub fn new(address: Addr<Writer>) -> Self {
        Self { address }
    }

    /// Writes changes. They are sent during the call, so that writes keep the order of the calls; the future resolves when
    /// they are durable. The results are in the order of the changes.
    pub fn write(
        &self,
        changes: Vec<Change>,
        priority: WritePriority,
    ) -> impl Future<Output = Result<Vec<ChangeResult>, WriteError>> + Send + use<> {
        self.write_audited(changes, Vec::new(), priority)
    }

    /// Writes changes with their audit records.
    pub fn write_audited(
        &self,
        changes: Vec<Change>,
        audit: Vec<AuditEntry>,
        priority: WritePriority,
    ) -> impl Future<Output = Result<Vec<ChangeResult>, WriteError>> + Send + use<> {
        let (reply, replied) = oneshot::channel();
        let sent = self.address.try_send(Write {
            changes,
            audit,
            priority,
            reply,
        });
        let address = self.address.clone();
        async move {
            match sent {
                Ok(()) => {}
                Err(SendError::Full(_)) if priority == WritePriority::Client => return Err(WriteError::Busy),
                // The server's own writes wait until the mailbox has capacity.
                Err(SendError::Full(write)) => address.send(write).await.map_err(|_| WriteError::restarted())?,
                Err(SendError::Closed(_)) => return Err(WriteError::restarted()),
            }
            replied.await.map_err(|_| WriteError::restarted())?
        }
    }

    /// Writes one change.
    pub fn write_one(
        &self,
        change: Change,
        priority: WritePriority,
    ) -> impl Future<Output = Result<ChangeResult, WriteError>> + Send + use<> {
        let results = self.write(vec![change], priority);
        async move {
            let result = results.await?.into_iter().next();
            result.ok_or_else(|| WriteError::Unavailable {
                reason: "storage returned no result".to_owned(),
            })
        }
    }

    /// The number of rows that wait for a commit.
    pub async fn pending_rows(&self) -> usize {
        // A writer that is being restarted has none.
        self.address.send(ReportPendingRows).await.unwrap_or(0)
    }
}
