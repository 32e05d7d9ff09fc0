//! Use cases of recurring jobs, by id.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::access::caller::{Caller, Scope};
use crate::domain::job::Job;
use crate::domain::job::new_job::Due;
use crate::domain::job::priority::Priority;
use crate::domain::recurring::{NewRecurringJob, RecurringId, RecurringJob, Template};
use crate::domain::values::json::Json;
use crate::domain::values::name::RecurringKey;
use crate::domain::values::timestamp;
use crate::runtime::RuntimeHandle;
use crate::service::audit_writer;
use crate::service::audit_writer::{AuditWriter, AuditedAction};
use crate::service::error::ServiceError;
use crate::service::idempotency::IdempotencyKey;
use crate::service::limits::job_admission::JobAdmission;
use crate::service::limits::job_limits::{JobLimits, check_due};
use crate::service::limits::known_queues::NewQueues;
use crate::service::limits::large_texts::LargeTexts;
use crate::service::limits::turns::Turns;
use crate::storage::change::{Applied, Change, ChangeError, RecurringChange};
use crate::storage::repository::JobRepository;

/// Maximum number of tries of a change with concurrent changes.
pub(super) const TRIES: usize = 8;

/// Use cases of recurring jobs.
#[derive(Clone)]
pub struct Recurring {
    pub(super) repository: Arc<dyn JobRepository>,
    pub(super) runtime: RuntimeHandle,
    pub(super) limits: Arc<JobLimits>,
    pub(super) admission: Arc<JobAdmission>,
    pub(super) audit: AuditWriter,
    pub(super) turns: Turns,
    pub(super) large_texts: LargeTexts,
}

impl Recurring {
    /// Use cases over this storage and this runtime.
    pub(in super::super) fn new(
        repository: Arc<dyn JobRepository>,
        runtime: RuntimeHandle,
        limits: Arc<JobLimits>,
        admission: Arc<JobAdmission>,
        large_texts: LargeTexts,
    ) -> Self {
        Self {
            repository,
            admission,
            large_texts,
            turns: Turns::default(),
            audit: AuditWriter::new(runtime.clone(), false),
            runtime,
            limits,
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

    /// Creates a recurring job. The flag is true if the same request was made before under this idempotency key.
    pub async fn create(
        &self,
        caller: &Caller,
        new: NewRecurringJob,
        idempotency: Option<IdempotencyKey>,
    ) -> Result<(Arc<RecurringJob>, bool), ServiceError> {
        caller.require(Scope::Write)?;
        self.admission.check_running(caller)?;
        self.check(&new)?;
        let new_queue = self.check_queue(caller, &new).await?;
        let now = self.runtime.clock.now();
        // Expressions that never match are rejected when they are parsed.
        if new.schedule.next_after(now).is_none() {
            return Err(ServiceError::invalid(
                "endsAt",
                "the schedule has no due time between now, or startsAt, and endsAt",
            ));
        }
        let recurring = Arc::new(new.into_recurring_job(now, self.runtime.ids.next()));
        let change = Change::Recurring(RecurringChange::Insert {
            recurring: Arc::clone(&recurring),
            idempotency: idempotency.map(|key| key.into_stored(caller, now)),
        });
        let entry = self.audit.entry(caller, AuditedAction::CREATE_RECURRING);
        let entry = entry.map(|entry| audit_writer::of_recurring(entry, &recurring));
        let applied = self.audit.write(change, entry).await??;
        if let Applied::Replayed(ids) = &applied {
            let id = ids.first().copied().ok_or_else(|| ServiceError::unexpected(&applied))?;
            return match self.repository.recurring(RecurringId::from_uuid(id)).await? {
                Some(recurring) => Ok((recurring, true)),
                None => Err(ServiceError::ReplayGone {
                    ids: vec![id],
                    is_recurring: true,
                }),
            };
        }
        let Applied::RecurringStored = applied else {
            return Err(ServiceError::unexpected(&applied));
        };
        if let Some(new_queue) = new_queue {
            new_queue.stored();
        }
        Ok((recurring, false))
    }

    /// Warnings for the caller: that the job type has no handler.
    pub(crate) async fn warnings(&self, recurring: &RecurringJob) -> Vec<String> {
        if !recurring.is_enabled {
            return Vec::new();
        }
        let Template { job_type, queue, .. } = &recurring.template;
        let queue = queue.as_ref().unwrap_or(&self.limits.defaults.of(job_type).queue);
        let warning = self.runtime.handled.warning(job_type, queue).await;
        warning.into_iter().collect()
    }

    /// One recurring job.
    pub async fn get(&self, caller: &Caller, id: RecurringId) -> Result<Arc<RecurringJob>, ServiceError> {
        caller.require(Scope::Read)?;
        self.read(id).await
    }

    /// One recurring job, for a caller that changes it. Facades reduce it to ids and statuses for callers without the
    /// read scope.
    pub(crate) async fn get_of_change(
        &self,
        caller: &Caller,
        id: RecurringId,
    ) -> Result<Arc<RecurringJob>, ServiceError> {
        caller.require_any(&[Scope::Write, Scope::Read])?;
        self.read(id).await
    }

    async fn read(&self, id: RecurringId) -> Result<Arc<RecurringJob>, ServiceError> {
        let found = self.repository.recurring(id).await?;
        found.ok_or(ServiceError::NoSuchRecurringJob { id })
    }

    /// Replaces the settings of a recurring job by the result of `change`. Existing occurrences are unchanged.
    pub async fn change(
        &self,
        caller: &Caller,
        id: RecurringId,
        if_match: Option<u32>,
        change: impl Fn(NewRecurringJob) -> NewRecurringJob,
    ) -> Result<Arc<RecurringJob>, ServiceError> {
        self.change_as(caller, AuditedAction::UPDATE_RECURRING, id, if_match, change)
            .await
    }

    async fn change_as(
        &self,
        caller: &Caller,
        action: AuditedAction,
        id: RecurringId,
        if_match: Option<u32>,
        change: impl Fn(NewRecurringJob) -> NewRecurringJob,
    ) -> Result<Arc<RecurringJob>, ServiceError> {
        caller.require(Scope::Write)?;
        let _permit = self.large_texts.for_change(caller).await?;
        for tries in 0..TRIES {
            let _turn = self.turns.take(id.as_uuid(), tries).await;
            let before = self.get_matching(id, if_match).await?;
            let requested = change(before.as_new());
            let requested = NewRecurringJob {
                key: kept_key(&before, requested.key.as_ref())?,
                ..requested
            };
            self.check(&requested)?;
            let new_queue = self.check_queue(caller, &requested).await?;
            if requested == before.as_new() {
                return Ok(before);
            }
            let after = Arc::new(before.replaced(requested, self.runtime.clock.now()));
            let update = Change::Recurring(RecurringChange::Update {
                before,
                after: Arc::clone(&after),
            });
            let entry = self.audit.entry(caller, action);
            let entry = entry.map(|entry| audit_writer::of_recurring(entry, &after));
            match self.audit.write(update, entry).await? {
                Ok(Applied::RecurringStored) => {
                    if let Some(new_queue) = new_queue {
                        new_queue.stored();
                    }
                    return Ok(after);
                }
                Ok(other) => return Err(ServiceError::unexpected(&other)),
                Err(ChangeError::Conflict) => {}
                Err(refused) => return Err(refused.into()),
            }
        }
        Err(ServiceError::Contended)
    }

    /// Enables or disables a recurring job.
    pub async fn set_enabled(
        &self,
        caller: &Caller,
        id: RecurringId,
        is_enabled: bool,
        if_match: Option<u32>,
    ) -> Result<Arc<RecurringJob>, ServiceError> {
        let action = if is_enabled {
            AuditedAction::ENABLE
        } else {
            AuditedAction::DISABLE
        };
        self.change_as(caller, action, id, if_match, |new| NewRecurringJob {
            is_enabled,
            ..new
        })
        .await
    }

    /// Creates one occurrence now, outside the schedule, whether the recurring job is enabled or not. It is due at
    /// `due`, and has the template's priority unless another one is given.
    pub async fn trigger(
        &self,
        caller: &Caller,
        id: RecurringId,
        priority: Option<Priority>,
        due: Due,
        if_match: Option<u32>,
    ) -> Result<Arc<Job>, ServiceError> {
        caller.require(Scope::Write)?;
        self.admission.check_running(caller)?;
        if let Some((field, detail)) = check_due(Some(due)) {
            return Err(ServiceError::invalid(field, detail));
        }
        let mut permit = Some(self.large_texts.for_change(caller).await?);
        let mut apart = 0_u16;
        for _ in 0..TRIES {
            let before = self.get_matching(id, if_match).await?;
            let brief = [Arc::new(Job {
                parameters: Json::null(),
                ..self.occurrence(&before, self.runtime.clock.now())
            })];
            // Held until the job is written or rejected.
            let admitted = self.admission.admit(caller, &brief, None, None);
            let (before, mut admitted) = if self.admission.may_wait(&brief[0].queue) {
                // Near its limit, a queue admits one request after the other.
                drop((before, permit.take()));
                let admitted = admitted.await?;
                permit = Some(self.large_texts.for_change(caller).await?);
                (self.get_matching(id, if_match).await?, admitted)
            } else {
                (before, admitted.await?)
            };
            let now = self.runtime.clock.now();
            // Occurrences are identified by their due times: two triggers in the same microsecond are moved apart.
            let occurrence = self.occurrence(&before, now + TimeDelta::microseconds(i64::from(apart)));
            if occurrence.queue != brief[0].queue {
                continue;
            }
            let job = Arc::new(Job {
                priority: priority.unwrap_or(occurrence.priority),
                due_at: timestamp::truncate_to_micros(due.resolve(now)),
                due_from: due.computed_from(now),
                trace_parent: caller.trace_parent,
                propagated: caller.propagated.clone(),
                ..occurrence
            });
            let entry = self.audit.entry(caller, AuditedAction::TRIGGER);
            let entry = entry.map(|entry| audit_writer::of_recurring(entry, &before));
            let trigger = Change::Recurring(RecurringChange::Trigger {
                recurring_id: id,
                revision: if_match,
                occurrence: Arc::clone(&job),
            });
            match self.audit.write(trigger, entry).await? {
                Ok(Applied::Fired(fired)) if fired == [true] => {
                    admitted.stored(0);
                    return Ok(job);
                }
                Ok(Applied::Fired(_)) => apart = rand::random_range(1..1_000),
                // It was deleted or changed concurrently.
                Err(ChangeError::Conflict) => {}
                Ok(other) => return Err(ServiceError::unexpected(&other)),
                Err(refused) => return Err(refused.into()),
            }
        }
        Err(ServiceError::Contended)
    }

    /// Deletes a recurring job; its occurrences remain.
    pub async fn delete(&self, caller: &Caller, id: RecurringId, if_match: Option<u32>) -> Result<(), ServiceError> {
        caller.require(Scope::Write)?;
        let _permit = self.large_texts.for_change(caller).await?;
        for tries in 0..TRIES {
            let _turn = self.turns.take(id.as_uuid(), tries).await;
            let recurring = self.get_matching(id, if_match).await?;
            let entry = self.audit.entry(caller, AuditedAction::DELETE_RECURRING);
            let entry = entry.map(|entry| audit_writer::of_recurring(entry, &recurring));
            let delete = Change::Recurring(RecurringChange::Delete { recurring });
            match self.audit.write(delete, entry).await? {
                Ok(Applied::Deleted) => return Ok(()),
                Ok(other) => return Err(ServiceError::unexpected(&other)),
                Err(ChangeError::Conflict) => {}
                Err(refused) => return Err(refused.into()),
            }
        }
        Err(ServiceError::Contended)
    }

    /// A new occurrence of a recurring job.
    fn occurrence(&self, recurring: &RecurringJob, due_at: DateTime<Utc>) -> Job {
        let defaults = self.limits.defaults.of(&recurring.template.job_type);
        recurring.occurrence(due_at, defaults, self.runtime.clock.now(), self.runtime.ids.next())
    }

    async fn get_matching(&self, id: RecurringId, if_match: Option<u32>) -> Result<Arc<RecurringJob>, ServiceError> {
        let recurring = self.read(id).await?;
        match if_match {
            Some(revision) if revision != recurring.revision => Err(ServiceError::PreconditionFailed {
                actual: Some(recurring.revision),
            }),
            Some(_) | None => Ok(recurring),
        }
    }

    /// Checks that the queue of the occurrences exists or may be created.
    async fn check_queue(&self, caller: &Caller, new: &NewRecurringJob) -> Result<Option<NewQueues>, ServiceError> {
        let Template { job_type, queue, .. } = &new.template;
        let queue = queue.as_ref().unwrap_or(&self.limits.defaults.of(job_type).queue);
        self.admission.check_queue(caller, queue).await
    }

    fn check(&self, new: &NewRecurringJob) -> Result<(), ServiceError> {
        self.limits.check(&new.template.new_job(Due::Now), None)?;
        if let (Some(starts_at), Some(ends_at)) = (new.schedule.starts_at, new.schedule.ends_at)
            && starts_at > ends_at
        {
            return Err(ServiceError::invalid("endsAt", "endsAt is earlier than startsAt"));
        }
        Ok(())
    }
}

/// The key of a changed recurring job: its own, which the request may repeat.
fn kept_key(before: &RecurringJob, given: Option<&RecurringKey>) -> Result<Option<RecurringKey>, ServiceError> {
    match given {
        Some(given) if before.key.as_ref() != Some(given) => Err(ServiceError::Invalid {
            field: "key",
            index: None,
            detail: match &before.key {
                Some(key) => format!("key is '{key}' and can't be changed; omit it, or send the same key"),
                None => "the recurring job has no key, which can't be set after its creation; omit it".to_owned(),
            },
        }),
        Some(_) | None => Ok(before.key.clone()),
    }
}
