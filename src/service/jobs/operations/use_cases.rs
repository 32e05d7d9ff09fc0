//! Starting, reading, pausing, resuming, cancelling and undoing operations.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::scopes::require;
use super::token::OperationToken;
use crate::domain::access::audit::{AuditRecord, AuditTarget};
use crate::domain::access::caller::{Caller, Scope};
use crate::domain::filter::JobFilter;
use crate::domain::operation::action::{Action, UndoKind};
use crate::domain::operation::lifecycle::InvalidOperationChange;
use crate::domain::operation::status::OperationStatus;
use crate::domain::operation::{Operation, Requester, Total};
use crate::domain::values::id::OperationId;
use crate::domain::values::time_span::TimeSpan;
use crate::runtime::RuntimeHandle;
use crate::service::audit_writer::{AuditWriter, AuditedAction};
use crate::service::error::ServiceError;
use crate::service::jobs::use_cases::Jobs;
use crate::storage::change::{Applied, Change, ChangeError, OperationChange};
use crate::storage::query::OperationPage;
use crate::storage::repository::JobRepository;

/// Maximum number of operations that are not finished.
const OPEN_MAX: usize = 100;
/// Maximum number of tries of a change with concurrent changes.
const TRIES: usize = 8;
/// Grace period of operations that can't be undone, unless the caller sets another one.
const GRACE_DEFAULT: TimeDelta = TimeDelta::seconds(10);
/// Maximum grace period.
const GRACE_MAX: TimeDelta = TimeDelta::hours(24);
/// Maximum length of a note, in characters.
const NOTE_LENGTH_MAX: usize = 1_000;

/// Use cases of bulk operations.
#[derive(Clone)]
pub(crate) struct Operations {
    pub(super) repository: Arc<dyn JobRepository>,
    pub(super) runtime: RuntimeHandle,
    pub(super) jobs: Jobs,
    audit: AuditWriter,
}

/// The start of a previewed operation.
#[derive(Clone, Debug)]
pub(crate) struct StartRequest {
    /// The token of the preview.
    pub token: OperationToken,
    /// The grace period; 10 s by default if the operation can't be undone, otherwise none.
    pub grace: Option<TimeSpan>,
    /// A note for the audit.
    pub note: Option<String>,
}

/// A page of operations.
#[derive(Clone, Debug)]
pub(crate) struct OperationList {
    /// The operations, the newest first.
    pub operations: Vec<Arc<Operation>>,
    /// True if older ones follow.
    pub has_more: bool,
}

impl Operations {
    /// Use cases over this storage, this runtime and these jobs.
    pub(crate) fn new(repository: Arc<dyn JobRepository>, runtime: RuntimeHandle, jobs: Jobs) -> Self {
        Self {
            repository,
            audit: AuditWriter::new(runtime.clone(), false),
            runtime,
            jobs,
        }
    }

    /// Enables or disables the audit log.
    #[must_use]
    pub(crate) fn audited(self, is_kept: bool) -> Self {
        Self {
            audit: AuditWriter::new(self.runtime.clone(), is_kept),
            ..self
        }
    }

    /// A page of the operations.
    pub(crate) async fn list(&self, caller: &Caller, page: OperationPage) -> Result<OperationList, ServiceError> {
        caller.require(Scope::Read)?;
        let one_more = OperationPage {
            limit: page.limit.saturating_add(1),
            ..page
        };
        let mut operations = self.repository.operation_page(one_more).await?;
        let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
        let has_more = operations.len() > limit;
        operations.truncate(limit);
        Ok(OperationList { operations, has_more })
    }

    /// One operation.
    pub(crate) async fn get(&self, caller: &Caller, id: OperationId) -> Result<Arc<Operation>, ServiceError> {
        caller.require(Scope::Read)?;
        self.read(id).await
    }

    async fn read(&self, id: OperationId) -> Result<Arc<Operation>, ServiceError> {
        let found = self.repository.operation(id).await?;
        let started = found.filter(|operation| operation.status != OperationStatus::Preview);
        started.ok_or(ServiceError::NoSuchOperation { id })
    }

    /// Starts a previewed operation. A repeated request returns the operation that the first one has started.
    pub(crate) async fn start(&self, caller: &Caller, request: StartRequest) -> Result<Arc<Operation>, ServiceError> {
        require(caller)?;
        let StartRequest { token, grace, note } = request;
        let note = check_note(note)?;
        let stored = self.repository.operation(token.0).await?;
        // Another caller's token is as good as none.
        let preview = stored.filter(|operation| operation.requester.is(caller));
        let preview = preview.ok_or(ServiceError::StaleToken)?;
        if preview.status != OperationStatus::Preview {
            return Ok(preview);
        }
        let now = self.runtime.clock.now();
        if preview.expires_at() < now {
            return Err(ServiceError::StaleToken);
        }
        let grace = match (grace, preview.action.undo()) {
            (Some(grace), _) => check_grace(grace)?,
            (None, UndoKind::Grace) => GRACE_DEFAULT,
            (None, UndoKind::Inverse) => TimeDelta::zero(),
        };
        self.check_open().await?;
        self.check_population(caller, &preview).await?;
        let new_queue = if let Action::Move { queue } = &preview.action {
            self.jobs.check_queue(caller, queue).await?
        } else {
            None
        };
        let entry = self.entry(caller, AuditedAction::START_OPERATION, preview.id);
        let audit = entry.as_ref().map(|entry| entry.id);
        let started = Arc::new(preview.started(grace, note, audit, now)?);
        let change = Change::Operation(OperationChange::Update {
            before: preview,
            after: Arc::clone(&started),
        });
        match self.audit.write(change, entry).await? {
            Ok(Applied::OperationStored) => {
                if let Some(new_queue) = new_queue {
                    new_queue.stored();
                }
                Ok(started)
            }
            Ok(other) => Err(ServiceError::unexpected(&other)),
            // A concurrent request has started it.
            Err(ChangeError::Conflict) => self.read(token.0).await,
            Err(refused) => Err(refused.into()),
        }
    }

    async fn check_open(&self) -> Result<(), ServiceError> {
        if self.repository.open_operations().await?.len() >= OPEN_MAX {
            return Err(ServiceError::TooManyOperations { max: OPEN_MAX });
        }
        Ok(())
    }

    /// Rejects the start if the number of jobs differs by more than a tenth from that of the preview.
    async fn check_population(&self, caller: &Caller, preview: &Operation) -> Result<(), ServiceError> {
        let Total {
            count: before,
            is_exact,
        } = preview.total;
        if !is_exact {
            return Ok(());
        }
        let filter = stored_filter(preview)?.with_statuses(preview.action.statuses());
        let Total { mut count, is_exact } = self.total(caller, &filter, before).await?;
        let is_close = |count: u64| count.abs_diff(before) <= before / 10;
        if is_exact && !is_close(count) && count > before {
            // Jobs that were created since are not changed.
            let since = preview.created_at + TimeDelta::milliseconds(1);
            let newer = filter.with_created(Some(since), None);
            let newer = self.total(caller, &newer, count - before).await?;
            count = count.saturating_sub(newer.count);
        }
        if is_exact && !is_close(count) {
            return Err(ServiceError::PopulationChanged { before, now: count });
        }
        Ok(())
    }

    /// Stops an operation until it is resumed. Idempotent.
    pub(crate) async fn pause(&self, caller: &Caller, id: OperationId) -> Result<Arc<Operation>, ServiceError> {
        let is_done = |operation: &Operation| operation.status == OperationStatus::Paused;
        self.change(caller, (id, AuditedAction::PAUSE_OPERATION), is_done, |operation, _| {
            operation.paused()
        })
        .await
    }

    /// Continues a paused operation. Idempotent.
    pub(crate) async fn resume(&self, caller: &Caller, id: OperationId) -> Result<Arc<Operation>, ServiceError> {
        let is_done =
            |operation: &Operation| matches!(operation.status, OperationStatus::Pending | OperationStatus::Running);
        self.change(
            caller,
            (id, AuditedAction::RESUME_OPERATION),
            is_done,
            |operation, _| operation.resumed(),
        )
        .await
    }

    /// Ends an operation; changed jobs stay as they are. Idempotent.
    pub(crate) async fn cancel(&self, caller: &Caller, id: OperationId) -> Result<Arc<Operation>, ServiceError> {
        let is_done = |operation: &Operation| operation.status == OperationStatus::Cancelled;
        self.change(
            caller,
            (id, AuditedAction::CANCEL_OPERATION),
            is_done,
            Operation::cancelled,
        )
        .await
    }

    async fn change(
        &self,
        caller: &Caller,
        (id, action): (OperationId, AuditedAction),
        is_done: impl Fn(&Operation) -> bool,
        rule: impl Fn(&Operation, DateTime<Utc>) -> Result<Operation, InvalidOperationChange>,
    ) -> Result<Arc<Operation>, ServiceError> {
        caller.require(Scope::Write)?;
        for _ in 0..TRIES {
            let before = self.read(id).await?;
            if is_done(&before) {
                return Ok(before);
            }
            let after = Arc::new(rule(&before, self.runtime.clock.now())?);
            let change = Change::Operation(OperationChange::Update {
                before,
                after: Arc::clone(&after),
            });
            let entry = self.entry(caller, action, id);
            match self.audit.write(change, entry).await? {
                Ok(Applied::OperationStored) => return Ok(after),
                Ok(other) => return Err(ServiceError::unexpected(&other)),
                // A step was made meanwhile.
                Err(ChangeError::Conflict) => {}
                Err(refused) => return Err(refused.into()),
            }
        }
        Err(ServiceError::Contended)
    }

    /// Starts the operation that restores what another one has changed. One in its grace period is cancelled.
    pub(crate) async fn undo(&self, caller: &Caller, id: OperationId) -> Result<Arc<Operation>, ServiceError> {
        caller.require(Scope::Write)?;
        let before = self.read(id).await?;
        if before.status.is_open() && before.started_at.is_none() {
            return self.cancel(caller, id).await;
        }
        let now = self.runtime.clock.now();
        let action = before.inverse(now)?;
        self.check_open().await?;
        let total = Total {
            count: before.progress.done,
            is_exact: true,
        };
        let new = OperationId::new(now, rand::random());
        let entry = self.entry(caller, AuditedAction::UNDO_OPERATION, new);
        let audit = entry.as_ref().map(|entry| entry.id);
        let (requester, filter) = (Requester::of(caller), Arc::clone(&before.filter));
        let preview = Operation::preview(new, (action, filter), total, before.up_to, requester, now);
        let undo = Arc::new(preview.started(TimeDelta::zero(), None, audit, now)?);
        let undone = Arc::new(before.undone(new));
        let change = Change::Operation(OperationChange::Insert {
            operation: Arc::clone(&undo),
            undone: Some((before, undone)),
        });
        match self.audit.write(change, entry).await? {
            Ok(Applied::OperationStored) => Ok(undo),
            Ok(other) => Err(ServiceError::unexpected(&other)),
            // A concurrent request has undone it.
            Err(ChangeError::Conflict) => {
                self.read(id).await?.inverse(now)?;
                Err(ServiceError::Contended)
            }
            Err(refused) => Err(refused.into()),
        }
    }

    fn entry(&self, caller: &Caller, action: AuditedAction, id: OperationId) -> Option<AuditRecord> {
        let entry = self.audit.entry(caller, action)?;
        Some(AuditRecord {
            target: Some(AuditTarget::Operation(id)),
            ..entry
        })
    }
}

/// The filter of an operation.
fn stored_filter(operation: &Operation) -> Result<JobFilter, ServiceError> {
    JobFilter::parse(&operation.filter, operation.created_at).map_err(|invalid| ServiceError::Internal {
        reason: format!("the filter of operation {} can't be read: {invalid}", operation.id),
    })
}

fn check_grace(grace: TimeSpan) -> Result<TimeDelta, ServiceError> {
    let grace = grace.to_delta();
    if (TimeDelta::zero()..=GRACE_MAX).contains(&grace) {
        return Ok(grace);
    }
    Err(ServiceError::invalid(
        "grace",
        "grace is out of range; allowed are 0 to 1 day",
    ))
}

fn check_note(note: Option<String>) -> Result<Option<Arc<str>>, ServiceError> {
    let Some(note) = note.filter(|note| !note.is_empty()) else {
        return Ok(None);
    };
    let length = note.chars().count();
    if length > NOTE_LENGTH_MAX {
        let detail = format!("note has {length} characters; at most {NOTE_LENGTH_MAX} are allowed");
        return Err(ServiceError::invalid("note", detail));
    }
    if note.contains('\0') {
        return Err(ServiceError::invalid(
            "note",
            "note has the character NUL; all others are allowed",
        ));
    }
    Ok(Some(Arc::from(note)))
}
