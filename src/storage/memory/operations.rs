//! Bulk operations, their steps, and what they have replaced.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::MemoryRepository;
use super::apply::Outcome;
use super::tables::Tables;
use crate::domain::operation::Operation;
use crate::domain::operation::action::Previous;
use crate::domain::operation::status::OperationStatus;
use crate::domain::values::id::{JobId, OperationId};
use crate::storage::change::{Applied, Change, ChangeError, OperationChange, OperationStep, Stepped};
use crate::storage::query::OperationPage;
use crate::storage::repository::{OperationStore, RepositoryError};

impl Tables {
    pub(super) fn apply_to_operation(&mut self, change: &OperationChange, now: DateTime<Utc>) -> Outcome {
        match change {
            OperationChange::Insert { operation, undone } => {
                if let Some((before, after)) = undone {
                    self.replace_operation(before, after)?;
                }
                self.operations.insert(operation.id, Arc::clone(operation));
                Ok(Applied::OperationStored)
            }
            OperationChange::Update { before, after } => {
                self.replace_operation(before, after)?;
                Ok(Applied::OperationStored)
            }
            OperationChange::Step(step) => self.step_operation(step, now),
        }
    }

    fn replace_operation(&mut self, before: &Operation, after: &Arc<Operation>) -> Result<(), ChangeError> {
        let stored = self.operations.get_mut(&before.id);
        let stored = stored.filter(|stored| stored.revision == before.revision);
        *stored.ok_or(ChangeError::Conflict)? = Arc::clone(after);
        Ok(())
    }

    fn step_operation(&mut self, step: &OperationStep, now: DateTime<Utc>) -> Outcome {
        let (node, token) = step.leader;
        if !self
            .leadership
            .is_some_and(|leadership| leadership.allows(node, token, now))
        {
            return Err(ChangeError::NoLease);
        }
        let stored = self.operations.get(&step.before.id);
        if stored.is_none_or(|stored| stored.revision != step.before.revision) {
            return Err(ChangeError::Conflict);
        }
        let results: Vec<Outcome> = step
            .jobs
            .iter()
            .map(|change| {
                if let Change::Job(change) = change {
                    self.apply_to_job(change, now)
                } else {
                    None
                }
            })
            .map(|outcome| outcome.unwrap_or(Err(ChangeError::Conflict)))
            .collect();
        let stored = Arc::new(step.stored(&results));
        self.operations.insert(stored.id, Arc::clone(&stored));
        for previous in step.replaced(&results) {
            self.replaced.insert((stored.id, previous.job_id), previous.clone());
        }
        Ok(Applied::Stepped(Stepped {
            operation: stored,
            results,
        }))
    }

    /// Removes up to this number of rows in each category. Returns their number.
    pub(super) fn prune_operations(
        &mut self,
        (previews_before, undo_before, finished_before): (DateTime<Utc>, DateTime<Utc>, DateTime<Utc>),
        limit: u32,
    ) -> usize {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let ended_before = |operation: &Operation, before| operation.finished_at.is_some_and(|at| at < before);
        let items: Vec<(OperationId, JobId)> = self
            .replaced
            .keys()
            .filter(|(id, _)| {
                let is_read = |operation: &Operation| {
                    let undo = operation.undone_by.and_then(|by| self.operations.get(&by));
                    undo.is_some_and(|undo| undo.status.is_open())
                };
                let operation = self.operations.get(id);
                operation.is_some_and(|operation| ended_before(operation, undo_before) && !is_read(operation))
            })
            .take(limit)
            .copied()
            .collect();
        for item in &items {
            self.replaced.remove(item);
        }
        let is_expired = |operation: &Operation| {
            let is_old = operation.status == OperationStatus::Preview && operation.created_at < previews_before;
            is_old || ended_before(operation, finished_before)
        };
        let expired: Vec<OperationId> = self
            .operations
            .values()
            .filter(|operation| is_expired(operation))
            .take(limit)
            .map(|operation| operation.id)
            .collect();
        for id in &expired {
            self.operations.remove(id);
        }
        items.len() + expired.len()
    }
}

#[async_trait]
impl OperationStore for MemoryRepository {
    async fn operation(&self, id: OperationId) -> Result<Option<Arc<Operation>>, RepositoryError> {
        Ok(self.tables().operations.get(&id).cloned())
    }

    async fn operation_page(&self, page: OperationPage) -> Result<Vec<Arc<Operation>>, RepositoryError> {
        let OperationPage { limit, after } = page;
        let tables = self.tables();
        let started = tables.operations.values().rev().filter(|operation| {
            operation.status != OperationStatus::Preview && after.is_none_or(|after| operation.id < after)
        });
        Ok(started
            .take(usize::try_from(limit).unwrap_or(usize::MAX))
            .cloned()
            .collect())
    }

    async fn open_operations(&self) -> Result<Vec<Arc<Operation>>, RepositoryError> {
        let tables = self.tables();
        let open = tables
            .operations
            .values()
            .filter(|operation| operation.status.is_open());
        Ok(open.cloned().collect())
    }

    async fn replaced_by(
        &self,
        id: OperationId,
        after: Option<JobId>,
        limit: u32,
    ) -> Result<Vec<Previous>, RepositoryError> {
        let tables = self.tables();
        let of_operation = tables
            .replaced
            .iter()
            .filter(|((of, job_id), _)| *of == id && after.is_none_or(|after| *job_id > after));
        Ok(of_operation
            .take(usize::try_from(limit).unwrap_or(usize::MAX))
            .map(|(_, previous)| previous.clone())
            .collect())
    }
}
