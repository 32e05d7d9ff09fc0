//! Use cases of recurring jobs, by key.

use std::sync::Arc;

use super::use_cases::{Recurring, TRIES};
use crate::domain::access::caller::{Caller, Scope};
use crate::domain::recurring::{NewRecurringJob, RecurringJob};
use crate::domain::values::name::RecurringKey;
use crate::service::error::ServiceError;

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

impl Recurring {
    /// The recurring job with this key.
    pub async fn get_by_key(&self, caller: &Caller, key: &RecurringKey) -> Result<Arc<RecurringJob>, ServiceError> {
        caller.require(Scope::Read)?;
        self.read_by_key(key).await
    }

    /// The recurring job with this key, if any, for a caller that changes it.
    pub(crate) async fn find_by_key(
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
        requested: impl Fn(Option<&NewRecurringJob>) -> NewRecurringJob,
    ) -> Result<Put, ServiceError> {
        caller.require(Scope::Write)?;
        let new = requested(None);
        if let Some(given) = new.key.filter(|given| *given != key) {
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
                    ..requested(None)
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
                PutIf::Absent => return Err(ServiceError::RecurringKeyExists { revision }),
            };
            let changed = self.change(caller, id, if_match, |known| requested(Some(&known))).await;
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
}
