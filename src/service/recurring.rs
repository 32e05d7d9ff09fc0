//! Use cases of recurring jobs.

use std::sync::Arc;

use chrono::TimeDelta;
use sha2::{Digest, Sha256};

use super::audit_writer;
use super::audit_writer::{AuditWriter, AuditedAction};
use super::error::ServiceError;
use super::jobs::job_validation::Rules;
use super::jobs::{IdempotencyKey, key_of, takes_new_jobs, unexpected};
use super::limits::large_texts::LargeTexts;
use super::limits::queue_limits::Admission;
use super::limits::turns::Turns;
use crate::domain::access::caller::{Caller, Scope};
use crate::domain::job::Job;
use crate::domain::job::new_job::Due;
use crate::domain::job::priority::Priority;
use crate::domain::recurring::{NewRecurringJob, RecurringId, RecurringJob, Template};
use crate::domain::values::name::RecurringKey;
use crate::domain::values::timestamp;
use crate::runtime::RuntimeHandle;
use crate::storage::change::{Applied, Change, ChangeError, Idempotency, RecurringChange};
use crate::storage::query::{RecurringPage, StoredTexts};
use crate::storage::repository::JobRepository;

/// Maximum number of tries of a change with concurrent changes.
const TRIES: usize = 8;

/// Condition of a put by key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutIf {
    /// None.
    Always,
    /// It exists.
    Exists,
    /// It exists with this revision.
    Revision(u32),
    /// It does not exist.
    Absent,
}

/// Result of a put by key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Put {
    /// It was created.
    Created(Arc<RecurringJob>),
    /// It existed; here it is after the put, changed or not.
    Existing(Arc<RecurringJob>),
}

/// A recurring job declared in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredRecurringJob {
    /// Key.
    pub key: RecurringKey,
    /// Settings.
    pub new: NewRecurringJob,
    /// True if the declaration does not contain `is_enabled`: then an existing recurring job stays enabled or disabled.
    pub keeps_enabled: bool,
}

/// A page of recurring jobs.
#[derive(Clone, Debug)]
pub struct RecurringList {
    /// The recurring jobs, newest first.
    pub recurring_jobs: Vec<Arc<RecurringJob>>,
    /// Total number.
    pub total_count: u64,
    /// True if more follow.
    pub has_more: bool,
}

/// Use cases of recurring jobs.
#[derive(Clone)]
pub struct Recurring {
    repository: Arc<dyn JobRepository>,
    runtime: RuntimeHandle,
    rules: Arc<Rules>,
    admission: Arc<Admission>,
    audit: AuditWriter,
    turns: Turns,
    large_texts: LargeTexts,
}

impl Recurring {
    /// Use cases over this storage and this runtime.
    pub(super) fn new(
        repository: Arc<dyn JobRepository>,
        runtime: RuntimeHandle,
        rules: Arc<Rules>,
        admission: Arc<Admission>,
        large_texts: LargeTexts,
    ) -> Self {
        Self {
            repository,
            admission,
            large_texts,
            turns: Turns::default(),
            audit: AuditWriter::new(runtime.clone(), false),
            runtime,
            rules,
        }
    }

    /// Enables or disables the audit log.
    #[must_use]
    pub fn audited(self, is_kept: bool) -> Self {
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
        takes_new_jobs(&self.runtime, caller)?;
        self.check(caller, &new).await?;
        let now = self.runtime.clock.now();
        // Expressions that never match are rejected when they are parsed.
        if new.schedule.next_after(now).is_none() {
            return Err(ServiceError::Invalid {
                field: "endsAt",
                index: None,
                detail: "the schedule has no due time between now, or startsAt, and endsAt".to_owned(),
            });
        }
        let recurring = Arc::new(new.into_recurring_job(now, self.runtime.ids.next()));
        let change = Change::Recurring(RecurringChange::Insert {
            recurring: Arc::clone(&recurring),
            idempotency: idempotency.map(|IdempotencyKey { key, request }| Idempotency {
                key: key_of(caller, key),
                fingerprint: Sha256::digest(&request).into(),
                created_at: now,
            }),
        });
        let entry = self.audit.entry(caller, AuditedAction::CREATE_RECURRING);
        let entry = entry.map(|entry| audit_writer::of_recurring(entry, &recurring));
        let applied = self.audit.write(change, entry).await??;
        if let Applied::Replayed(ids) = &applied {
            let id = ids.first().copied().ok_or_else(|| unexpected(&applied))?;
            return match self.repository.recurring(RecurringId::from_uuid(id)).await? {
                Some(recurring) => Ok((recurring, true)),
                None => Err(ServiceError::ReplayGone {
                    ids: vec![id],
                    is_recurring: true,
                }),
            };
        }
        let Applied::RecurringStored = applied else {
            return Err(unexpected(&applied));
        };
        Ok((recurring, false))
    }

    /// Warnings for the caller: that the job type has no handler.
    pub async fn warnings(&self, recurring: &RecurringJob) -> Vec<String> {
        if !recurring.is_enabled {
            return Vec::new();
        }
        let Template { job_type, queue, .. } = &recurring.template;
        let queue = queue.as_ref().unwrap_or(&self.rules.defaults.of(job_type).queue);
        let warning = self.runtime.handled.warning(job_type, queue).await;
        warning.into_iter().collect()
    }

    /// Size of the parameters of a page, in bytes.
    pub async fn size(&self, caller: &Caller, page: RecurringPage) -> Result<u64, ServiceError> {
        caller.require(Scope::Read)?;
        Ok(self.repository.size_of(StoredTexts::OfRecurring(page)).await?)
    }

    /// A page of recurring jobs, newest first.
    pub async fn list(&self, caller: &Caller, page: RecurringPage) -> Result<RecurringList, ServiceError> {
        caller.require(Scope::Read)?;
        let (recurring_jobs, total_count) =
            tokio::try_join!(self.repository.recurring_page(page), self.repository.recurring_count())?;
        Ok(RecurringList {
            recurring_jobs,
            total_count,
            has_more: page.offset.saturating_add(u64::from(page.limit)) < total_count,
        })
    }

    /// One recurring job.
    pub async fn get(&self, caller: &Caller, id: RecurringId) -> Result<Arc<RecurringJob>, ServiceError> {
        caller.require(Scope::Read)?;
        self.read(id).await
    }

    /// One recurring job, for a caller that changes it. Facades reduce it to ids and statuses for callers without the
    /// read scope.
    pub async fn get_of_change(&self, caller: &Caller, id: RecurringId) -> Result<Arc<RecurringJob>, ServiceError> {
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
        let _permit = self.large_texts.for_change().await?;
        for tries in 0..TRIES {
            let _turn = self.turns.take(id.as_uuid(), tries).await;
            let before = self.get_matching(id, if_match).await?;
            let wanted = change(before.as_new());
            let wanted = NewRecurringJob {
                key: kept_key(&before, wanted.key.as_ref())?,
                ..wanted
            };
            self.check(caller, &wanted).await?;
            if wanted == before.as_new() {
                return Ok(before);
            }
            let after = Arc::new(before.replaced(wanted, self.runtime.clock.now()));
            let update = Change::Recurring(RecurringChange::Update {
                before,
                after: Arc::clone(&after),
            });
            let entry = self.audit.entry(caller, action);
            let entry = entry.map(|entry| audit_writer::of_recurring(entry, &after));
            match self.audit.write(update, entry).await? {
                Ok(Applied::RecurringStored) => return Ok(after),
                Ok(other) => return Err(unexpected(&other)),
                Err(ChangeError::Conflict) => {}
                Err(refused) => return Err(refused.into()),
            }
        }
        Err(ServiceError::Contended)
    }

    /// The recurring job with this key.
    pub async fn get_by_key(&self, caller: &Caller, key: &RecurringKey) -> Result<Arc<RecurringJob>, ServiceError> {
        caller.require(Scope::Read)?;
        self.read_by_key(key).await
    }

    /// The recurring job with this key, if any, for a caller that changes it.
    pub async fn find_by_key(
        &self,
        caller: &Caller,
        key: &RecurringKey,
    ) -> Result<Option<Arc<RecurringJob>>, ServiceError> {
        caller.require_any(&[Scope::Write, Scope::Read])?;
        Ok(self.repository.recurring_by_key(key).await?)
    }

    async fn read_by_key(&self, key: &RecurringKey) -> Result<Arc<RecurringJob>, ServiceError> {
        let found = self.repository.recurring_by_key(key).await?;
        found.ok_or_else(|| ServiceError::NoSuchRecurringKey { key: key.clone() })
    }

    /// Creates the recurring job with this key, or replaces the existing one. Concurrent calls on any server create
    /// one.
    pub async fn put(
        &self,
        caller: &Caller,
        key: RecurringKey,
        new: NewRecurringJob,
        condition: PutIf,
    ) -> Result<Put, ServiceError> {
        self.put_as(caller, key, condition, |_| new.clone()).await
    }

    /// Applies a declaration of the configuration.
    pub async fn declare(&self, declared: DeclaredRecurringJob) -> Result<Put, ServiceError> {
        let DeclaredRecurringJob {
            key,
            new,
            keeps_enabled,
        } = declared;
        self.put_as(&Caller::configuration(), key, PutIf::Always, |known| NewRecurringJob {
            is_enabled: known
                .filter(|_| keeps_enabled)
                .map_or(new.is_enabled, |known| known.is_enabled),
            ..new.clone()
        })
        .await
    }

    async fn put_as(
        &self,
        caller: &Caller,
        key: RecurringKey,
        condition: PutIf,
        wanted: impl Fn(Option<&NewRecurringJob>) -> NewRecurringJob,
    ) -> Result<Put, ServiceError> {
        caller.require(Scope::Write)?;
        let asked = wanted(None);
        if let Some(given) = asked.key.filter(|given| *given != key) {
            return Err(ServiceError::Invalid {
                field: "key",
                index: None,
                detail: format!("key is '{given}', but the path has '{key}'; omit it, or send the same key"),
            });
        }
        for _ in 0..TRIES {
            // The recurring job is not held while its change waits for a permit.
            let known = self.repository.recurring_by_key(&key).await?;
            let Some((id, revision)) = known.map(|known| (known.id, known.revision)) else {
                if let PutIf::Exists | PutIf::Revision(_) = condition {
                    return Err(ServiceError::PreconditionFailed { actual: None });
                }
                let new = NewRecurringJob {
                    key: Some(key.clone()),
                    ..wanted(None)
                };
                match self.create(caller, new, None).await {
                    Ok((recurring, _)) => return Ok(Put::Created(recurring)),
                    Err(ServiceError::RecurringKeyTaken { .. }) => continue,
                    Err(error) => return Err(error),
                }
            };
            let if_match = match condition {
                PutIf::Always | PutIf::Exists => None,
                PutIf::Revision(revision) => Some(revision),
                PutIf::Absent => {
                    return Err(ServiceError::PreconditionFailed { actual: Some(revision) });
                }
            };
            let changed = self.change(caller, id, if_match, |known| wanted(Some(&known))).await;
            match changed {
                Ok(recurring) => return Ok(Put::Existing(recurring)),
                // Deleted since the lookup.
                Err(ServiceError::NoSuchRecurringJob { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Err(ServiceError::Contended)
    }

    /// Deletes the recurring job with this key; its occurrences remain.
    pub async fn delete_by_key(
        &self,
        caller: &Caller,
        key: &RecurringKey,
        if_match: Option<u32>,
    ) -> Result<(), ServiceError> {
        caller.require(Scope::Write)?;
        let id = self.read_by_key(key).await?.id;
        match self.delete(caller, id, if_match).await {
            Err(ServiceError::NoSuchRecurringJob { .. }) => Err(ServiceError::NoSuchRecurringKey { key: key.clone() }),
            other => other,
        }
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
        takes_new_jobs(&self.runtime, caller)?;
        if let Some((field, detail)) = super::jobs::job_validation::check_due(Some(due)) {
            return Err(ServiceError::Invalid {
                field,
                index: None,
                detail,
            });
        }
        let _permit = self.large_texts.for_change().await?;
        let mut apart = 0_u16;
        for _ in 0..TRIES {
            let before = self.get_matching(id, if_match).await?;
            let now = self.runtime.clock.now();
            // Occurrences are identified by their due times: two triggers in the same microsecond are moved apart.
            let due_at = now + TimeDelta::microseconds(i64::from(apart));
            let defaults = self.rules.defaults.of(&before.template.job_type);
            let occurrence = before.occurrence(due_at, defaults, now, self.runtime.ids.next());
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
            // Held until the job is written or rejected.
            let admitted = self.admission.admit(caller, std::slice::from_ref(&job), None, None);
            let _admitted = admitted.await?;
            match self.audit.write(trigger, entry).await? {
                Ok(Applied::Fired(fired)) if fired == [true] => return Ok(job),
                Ok(Applied::Fired(_)) => apart = rand::random_range(1..1_000),
                // It was deleted or changed concurrently.
                Err(ChangeError::Conflict) => {}
                Ok(other) => return Err(unexpected(&other)),
                Err(refused) => return Err(refused.into()),
            }
        }
        Err(ServiceError::Contended)
    }

    /// Deletes a recurring job; its occurrences remain.
    pub async fn delete(&self, caller: &Caller, id: RecurringId, if_match: Option<u32>) -> Result<(), ServiceError> {
        caller.require(Scope::Write)?;
        let _permit = self.large_texts.for_change().await?;
        for tries in 0..TRIES {
            let _turn = self.turns.take(id.as_uuid(), tries).await;
            let recurring = self.get_matching(id, if_match).await?;
            let entry = self.audit.entry(caller, AuditedAction::DELETE_RECURRING);
            let entry = entry.map(|entry| audit_writer::of_recurring(entry, &recurring));
            let delete = Change::Recurring(RecurringChange::Delete { recurring });
            match self.audit.write(delete, entry).await? {
                Ok(Applied::Deleted) => return Ok(()),
                Ok(other) => return Err(unexpected(&other)),
                Err(ChangeError::Conflict) => {}
                Err(refused) => return Err(refused.into()),
            }
        }
        Err(ServiceError::Contended)
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

    async fn check(&self, caller: &Caller, new: &NewRecurringJob) -> Result<(), ServiceError> {
        let occurrence = new.template.new_job(Due::Now);
        self.rules.check(&occurrence, None)?;
        let by_default = &self.rules.defaults.of(&occurrence.job_type).queue;
        self.admission
            .check_queue(caller, occurrence.queue.as_ref().unwrap_or(by_default), None)
            .await?;
        if let (Some(starts_at), Some(ends_at)) = (new.schedule.starts_at, new.schedule.ends_at)
            && starts_at > ends_at
        {
            return Err(ServiceError::Invalid {
                field: "endsAt",
                index: None,
                detail: "endsAt is earlier than startsAt".to_owned(),
            });
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
